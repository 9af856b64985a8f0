import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Event } from '#api/core/v1/event.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'
import { failure, forbidden, unavailable } from '#machinery/status.ts'
import { clientOver } from './client.ts'
import { eventWriter, type EventRecorder } from './events.ts'
import type { ApiRequest, Transport } from './transport.ts'

const about = { kind: 'Pod', namespace: 'a', name: 'p', uid: 'u', apiVersion: 'v1' }

interface Run {
  readonly clock: SimulatedClock
  readonly recorder: EventRecorder
  readonly requests: ApiRequest[]
  readonly reported: unknown[]
}

/** Runs a writer against a server that answers what it got, or refuses. */
async function withWriter(
  work: (run: Run) => Promise<void>,
  refuse: (request: ApiRequest, count: number) => Error | undefined = () => undefined,
): Promise<void> {
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1))
  const requests: ApiRequest[] = []
  const transport: Transport = {
    send(request) {
      requests.push(request)
      const refusal = refuse(request, requests.length)
      if (refusal !== undefined) return Promise.reject(refusal)
      const body = request.body as Event
      const name = request.path.split('/').at(-1)!
      const metadata = request.method === 'PATCH' ? { name, namespace: 'a' } : body.metadata
      return Promise.resolve({
        code: 200,
        body: { ...body, metadata: { ...metadata, resourceVersion: '1' } },
        warnings: [],
      })
    },
    // oxlint-disable-next-line require-yield
    async *watch() {
      throw new Error('not asked for')
    },
    stream: () => Promise.reject(new Error('not asked for')),
  }
  const reported: unknown[] = []
  const writer = eventWriter({
    client: clientOver(transport),
    clock,
    random: seededRandom(1),
    report: (_problem, error) => reported.push(error),
  })
  const stop = new AbortController()
  const running = writer.run(stop.signal)
  await work({ clock, recorder: writer.recorder('tester', 'n1'), requests, reported })
  stop.abort()
  await running
  assert.equal(clock.pending, 0)
}

const note = (message: string) => ({ type: 'Warning', reason: 'FailedCreate', message }) as const
const inShort = ({ method, body }: ApiRequest): string => {
  const { count, message } = body as Event
  return `${method} ${count} ${message}`
}

test('an event says what happened to what, when and by whom', async () => {
  await withWriter(async ({ clock, recorder, requests }) => {
    recorder.record(about, note('no'))
    await clock.advance(0)
    assert.deepEqual(requests, [
      {
        method: 'POST',
        path: '/api/v1/namespaces/a/events',
        query: { dryRun: undefined, fieldManager: undefined, fieldValidation: undefined },
        body: {
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name: 'p.18867251edfa0000', namespace: 'a' },
          involvedObject: about,
          type: 'Warning',
          reason: 'FailedCreate',
          message: 'no',
          source: { component: 'tester', host: 'n1' },
          firstTimestamp: '2026-01-01T00:00:00Z',
          lastTimestamp: '2026-01-01T00:00:00Z',
          count: 1,
          reportingComponent: 'tester',
          reportingInstance: 'n1',
        },
      },
    ])
  })
})

test('the same again raises the count of the first', async () => {
  await withWriter(async ({ clock, recorder, requests }) => {
    recorder.record(about, note('no'))
    await clock.advance('1m')
    recorder.record(about, note('no'))
    recorder.record(about, note('other'))
    await clock.advance('1m')
    recorder.record(about, note('no'))
    await clock.advance(0)
    assert.deepEqual(requests.map(inShort), ['POST 1 no', 'PATCH 2 no', 'POST 1 other', 'PATCH 3 no'])
  })
})

test('what is repeated before it was written is written once', async () => {
  await withWriter(async ({ clock, recorder, requests }) => {
    for (const message of ['no', 'other', 'no', 'no']) recorder.record(about, note(message))
    await clock.advance(0)
    assert.deepEqual(requests.map(inShort), ['POST 3 no', 'POST 1 other'])
  })
})

test('from the tenth different message on they are combined', async () => {
  await withWriter(async ({ clock, recorder, requests }) => {
    for (let at = 1; at <= 11; at++) recorder.record(about, note(`no ${at}`))
    await clock.advance(0)
    recorder.record(about, note('no 12'))
    await clock.advance(0)
    assert.deepEqual(requests.map(inShort).slice(8), [
      'POST 1 no 9',
      'POST 2 (combined from similar events): no 11',
      'PATCH 3 (combined from similar events): no 12',
    ])
  })
})

test('after ten minutes they are told apart again', async () => {
  await withWriter(async ({ clock, recorder, requests }) => {
    for (let at = 1; at <= 9; at++) recorder.record(about, note(`no ${at}`))
    await clock.advance('601s')
    recorder.record(about, note('no 10'))
    await clock.advance(0)
    assert.equal(inShort(requests.at(-1)!), 'POST 1 no 10')
  })
})

test('a source that says too much of one object is not heard, but of another', async () => {
  await withWriter(async ({ clock, recorder, requests }) => {
    for (let at = 1; at <= 40; at++) {
      recorder.record(about, note('no'))
      await clock.advance(0)
    }
    assert.equal(requests.length, 25)
    recorder.record({ ...about, name: 'q', uid: 'v' }, note('no'))
    await clock.advance('5m')
    recorder.record(about, note('no'))
    await clock.advance(0)
    assert.deepEqual(requests.slice(25).map(inShort), ['POST 1 no', 'PATCH 41 no'])
  })
})

test('in the form of the events API, repetitions are a series', async () => {
  await withWriter(async ({ clock, recorder, requests }) => {
    recorder.recordAction(about, { ...note('no 1'), action: 'Scheduling' })
    await clock.advance('1m')
    recorder.recordAction(about, { ...note('no 2'), action: 'Scheduling' })
    await clock.advance(0)
    const [first, second] = requests.map(({ body }) => body as Event)
    assert.deepEqual(
      [first!.eventTime, first!.action, first!.reportingInstance, first!.count, first!.source],
      ['2026-01-01T00:00:00.000000Z', 'Scheduling', 'tester-n1', undefined, undefined],
    )
    assert.deepEqual(second!.series, { count: 2, lastObservedTime: '2026-01-01T00:01:00.000000Z' })
  })
})

test('a server that is away gets the event later; one that refuses gets it never', async () => {
  await withWriter(
    async ({ clock, recorder, requests, reported }) => {
      recorder.record(about, note('one'))
      await clock.advance('2s')
      assert.deepEqual(requests.map(inShort), ['POST 1 one', 'POST 1 one', 'POST 1 one'])
      recorder.record(about, note('two'))
      await clock.advance('5m')
      assert.deepEqual(requests.map(inShort).slice(3), ['POST 1 two'])
      assert.equal(reported.length, 1)
    },
    (_request, count) => {
      if (count <= 2) return unavailable('away')
      return count === 4 ? forbidden({ group: '', plural: 'events' }, '', 'no') : undefined
    },
  )
})

test('a server that stays away is asked ever more rarely, for two minutes', async () => {
  await withWriter(
    async ({ clock, recorder, requests, reported }) => {
      recorder.record(about, note('one'))
      await clock.advance('15s')
      assert.equal(requests.length, 5)
      await clock.advance('2m')
      assert.equal(requests.length, 15)
      await clock.advance('1h')
      assert.equal(requests.length, 15)
      assert.equal(reported.length, 1)
    },
    () => unavailable('away'),
  )
})

test('a server that says when to come again is not asked before', async () => {
  await withWriter(
    async ({ clock, recorder, requests }) => {
      recorder.record(about, note('one'))
      await clock.advance('4900ms')
      assert.equal(requests.length, 1)
      await clock.advance('100ms')
      assert.equal(requests.length, 2)
    },
    (_request, count) => (count === 1 ? failure('TooManyRequests', 'busy', { retryAfterSeconds: 5 }) : undefined),
  )
})

test('an event that the server cannot take now keeps those about its object, and no other', async () => {
  const other = { ...about, name: 'q', uid: 'v' }
  await withWriter(
    async ({ clock, recorder, requests, reported }) => {
      recorder.record(about, note('one'))
      recorder.record(about, note('two'))
      recorder.record(other, note('three'))
      await clock.advance(0)
      assert.deepEqual(requests.map(inShort), ['POST 1 one', 'POST 1 three'])
      recorder.record(about, note('one'))
      await clock.advance('1s')
      assert.deepEqual(requests.map(inShort).slice(2), ['POST 2 one', 'POST 1 two'])
      assert.deepEqual(reported, [])
    },
    (_request, count) => (count === 1 ? unavailable('busy') : undefined),
  )
})

test('an event of which only the answer was lost is counted on', async () => {
  await withWriter(
    async ({ clock, recorder, requests }) => {
      recorder.record(about, note('one'))
      await clock.advance(0)
      recorder.record(about, note('one'))
      await clock.advance('1s')
      assert.deepEqual(requests.map(inShort), ['POST 1 one', 'POST 2 one', 'PATCH 2 one'])
    },
    (_request, count) => [unavailable('no answer'), failure('AlreadyExists', 'it is there')][count - 1],
  )
})

test('many are written at once, but those about one object one after another', async () => {
  let under = 0
  let most = 0
  const underWay = new Set<string>()
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1))
  const written: string[] = []
  const transport = {
    async send({ body }: ApiRequest) {
      const { involvedObject, message = '' } = body as Event
      assert.ok(!underWay.has(involvedObject.name!))
      underWay.add(involvedObject.name!)
      most = Math.max(most, ++under)
      await clock.sleep(50)
      under--
      underWay.delete(involvedObject.name!)
      written.push(message)
      return { code: 201, body, warnings: [] }
    },
  }
  const writer = eventWriter({ client: clientOver(transport as unknown as Transport), clock, random: seededRandom(1) })
  const stop = new AbortController()
  const running = writer.run(stop.signal)
  const recorder = writer.recorder('tester', 'n1')
  for (let pod = 0; pod < 100; pod++) {
    for (let at = 0; at < 4; at++) recorder.record({ ...about, name: `p${pod}`, uid: `u${pod}` }, note(`p${pod} ${at}`))
  }
  await clock.advance('2s')
  assert.equal(written.length, 400)
  assert.ok(most > 1)
  assert.deepEqual(
    written.filter((message) => message.startsWith('p7 ')),
    ['p7 0', 'p7 1', 'p7 2', 'p7 3'],
  )
  stop.abort()
  await running
})

test('what was not written when a writer ended is written when it runs again', async () => {
  const clock = new SimulatedClock(Date.UTC(2026, 0, 1))
  const written: string[] = []
  const transport = {
    async send({ body }: ApiRequest, signal?: AbortSignal) {
      await clock.sleep(50, signal)
      written.push((body as Event).message!)
      return { code: 201, body, warnings: [] }
    },
  }
  const writer = eventWriter({ client: clientOver(transport as unknown as Transport), clock, random: seededRandom(1) })
  for (const message of ['one', 'two']) writer.recorder('tester').record(about, note(message))
  for (const milliseconds of [40, 200]) {
    const stop = new AbortController()
    const running = writer.run(stop.signal)
    await clock.advance(milliseconds)
    stop.abort()
    await running
  }
  assert.deepEqual(written, ['one', 'two'])
})

test('while the server is away nothing that is recorded gets lost, and what is too much is told once', async () => {
  let isAway = true
  await withWriter(
    async ({ clock, recorder, requests, reported }) => {
      const record = (count: number): string[] =>
        Array.from({ length: count }, (_, index) => {
          recorder.record({ ...about, name: `p${index}` }, note(`event ${index}`))
          return `event ${index}`
        })
      const messages = record(300)
      await clock.advance('15s')
      isAway = false
      requests.length = 0
      await clock.advance('1m')
      assert.deepEqual(requests.map(({ body }) => (body as Event).message).toSorted(), messages.toSorted())
      assert.deepEqual(reported, [])
      isAway = true
      for (let index = 0; index < 11_000; index++) recorder.record({ ...about, name: `q${index}` }, note('too much'))
      assert.deepEqual(reported, [undefined])
    },
    () => (isAway ? unavailable('away') : undefined),
  )
})

test('a count of an event that has vanished becomes a new event', async () => {
  await withWriter(
    async ({ clock, recorder, requests }) => {
      recorder.record(about, note('no'))
      await clock.advance('2h')
      recorder.record(about, note('no'))
      await clock.advance(0)
      assert.deepEqual(requests.map(inShort), ['POST 1 no', 'PATCH 2 no', 'POST 2 no'])
    },
    ({ method }) => (method === 'PATCH' ? failure('NotFound', 'gone') : undefined),
  )
})

test('that events are dropped is told once for each time that the server falls behind', async () => {
  await withWriter(async ({ clock, recorder, reported, requests }) => {
    const recordMany = (from: number, count: number): void => {
      for (let at = from; at < from + count; at++)
        recorder.record({ ...about, uid: `u${at}`, name: `p${at}` }, note('no'))
    }
    recordMany(0, 10_100)
    assert.equal(reported.length, 1)
    // Some were written, which leaves room, but not for long.
    while (requests.length < 100) await Promise.resolve()
    recordMany(10_100, 300)
    assert.equal(reported.length, 1)
    await clock.advance(1_000)
    recordMany(10_400, 10_100)
    assert.equal(reported.length, 2)
    await clock.advance(1_000)
  })
})

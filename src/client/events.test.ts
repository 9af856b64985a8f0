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

test('from the tenth different message on they are combined', async () => {
  await withWriter(async ({ clock, recorder, requests }) => {
    for (let at = 1; at <= 12; at++) recorder.record(about, note(`no ${at}`))
    await clock.advance(0)
    assert.deepEqual(requests.map(inShort).slice(8), [
      'POST 1 no 9',
      'POST 1 (combined from similar events): no 10',
      'PATCH 2 (combined from similar events): no 11',
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
    for (let at = 1; at <= 40; at++) recorder.record(about, note('no'))
    await clock.advance(0)
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
      await clock.advance('30s')
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

test('an event that the server cannot take now keeps no other one', async () => {
  await withWriter(
    async ({ clock, recorder, requests, reported }) => {
      recorder.record(about, note('one'))
      recorder.record(about, note('two'))
      await clock.advance('1s')
      assert.deepEqual(requests.map(inShort), ['POST 1 one', 'POST 1 two'])
      await clock.advance('10s')
      assert.deepEqual(requests.map(inShort).slice(2), ['POST 1 one'])
      assert.deepEqual(reported, [])
    },
    (_request, count) => (count === 1 ? unavailable('busy') : undefined),
  )
})

test('while the server is away nothing that is recorded gets lost', async () => {
  let isAway = true
  await withWriter(
    async ({ clock, recorder, requests, reported }) => {
      const messages = Array.from({ length: 300 }, (_, index) => `event ${index}`)
      for (const [index, message] of messages.entries()) recorder.record({ ...about, name: `p${index}` }, note(message))
      await clock.advance('15s')
      isAway = false
      requests.length = 0
      await clock.advance('1m')
      assert.deepEqual(requests.map(({ body }) => (body as Event).message).toSorted(), messages.toSorted())
      assert.deepEqual(reported, [])
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

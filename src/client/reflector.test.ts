import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps, type ConfigMap } from '#api/core/v1/configMap.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'
import { badRequest, expired, unavailable } from '#machinery/status.ts'
import { clientOver } from './client.ts'
import { WatchedInformer } from './informer.ts'
import { planStep, type ReflectorOutcome, type ReflectorStep } from './reflector.ts'
import type { ApiRequest, Transport, WatchEvent } from './transport.ts'

const steps: readonly {
  name: string
  step: ReflectorStep
  outcome: ReflectorOutcome
  streaming?: boolean
  next: ReflectorStep
  wait: boolean
}[] = [
  {
    name: 'a stream that ended goes on as a watch',
    step: { do: 'stream' },
    outcome: { was: 'ended', at: '7', lively: true },
    next: { do: 'watch', from: '7' },
    wait: false,
  },
  {
    name: 'a watch that ended at once waits',
    step: { do: 'watch', from: '7' },
    outcome: { was: 'ended', at: '7', lively: false },
    next: { do: 'watch', from: '7' },
    wait: true,
  },
  {
    name: 'a watch that is too old starts anew at once',
    step: { do: 'watch', from: '7' },
    outcome: { was: 'expired' },
    next: { do: 'stream' },
    wait: false,
  },
  {
    name: 'a list that is too old starts anew later',
    step: { do: 'list' },
    outcome: { was: 'expired' },
    streaming: false,
    next: { do: 'list' },
    wait: true,
  },
  {
    name: 'a server that does not stream is listed',
    step: { do: 'stream' },
    outcome: { was: 'refused' },
    next: { do: 'list' },
    wait: false,
  },
  {
    name: 'trouble before anything was known tries the same again',
    step: { do: 'stream' },
    outcome: { was: 'failed' },
    next: { do: 'stream' },
    wait: true,
  },
  {
    name: 'trouble later goes on from where it was',
    step: { do: 'stream' },
    outcome: { was: 'failed', at: '9' },
    next: { do: 'watch', from: '9' },
    wait: true,
  },
]

for (const row of steps) {
  test(`reflector step: ${row.name}`, () => {
    const { step, wait } = planStep(row.step, row.outcome, row.streaming ?? true)
    assert.deepEqual([step, wait], [row.next, row.wait])
  })
}

function map(name: string, resourceVersion: string, uid = name): ConfigMap {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'a', uid, resourceVersion } }
}

const bookmark = (resourceVersion: string, end = false): WatchEvent => ({
  type: 'BOOKMARK',
  object: { metadata: { resourceVersion, ...(end ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}) } },
})
const event = (type: 'ADDED' | 'MODIFIED' | 'DELETED', object: ConfigMap): WatchEvent => ({ type, object })

/** What the next watch does: batches, then it ends, fails, or stays open. */
interface Script {
  readonly batches: readonly (readonly WatchEvent[])[]
  readonly ends: 'normally' | 'never' | Error
}

/** A server that does as it is told, and tells what it was asked. */
function scripted(
  scripts: readonly Script[],
  lists: readonly object[] = [],
): { transport: Transport; asked: string[] } {
  const asked: string[] = []
  const [watches, pages] = [[...scripts], [...lists]]
  const ask = ({ path, query = {} }: ApiRequest): void => {
    const { watch, sendInitialEvents, resourceVersion } = query
    asked.push(
      `${watch === undefined ? 'list' : sendInitialEvents === 'true' ? 'stream' : `watch ${resourceVersion}`} ${path}`,
    )
  }
  const transport: Transport = {
    send(request) {
      ask(request)
      return Promise.resolve({ code: 200, body: pages.shift(), warnings: [] })
    },
    async *watch(request, signal) {
      ask(request)
      const script = watches.shift() ?? { batches: [], ends: 'never' as const }
      yield* script.batches
      if (script.ends instanceof Error) throw script.ends
      if (script.ends === 'normally') return
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
    },
    stream: () => Promise.reject(new Error('not asked for')),
  }
  return { transport, asked }
}

async function follow(
  server: ReturnType<typeof scripted>,
  work: (informer: WatchedInformer<ConfigMap>, changes: string[], clock: SimulatedClock) => Promise<void>,
): Promise<void> {
  const clock = new SimulatedClock()
  const informer = new WatchedInformer<ConfigMap>({
    client: clientOver(server.transport),
    resource: configMaps,
    selection: { namespace: 'a' },
    clock,
    random: seededRandom(1),
  })
  const changes: string[] = []
  informer.onChange((change) => {
    const [old, now] = [change.old, change.new]
    const name = (now ?? old)!.metadata.name
    changes.push(`${old === undefined ? '+' : now === undefined ? '-' : '~'}${name}`)
  })
  const stop = new AbortController()
  const running = informer.run(stop.signal)
  await clock.advance(0)
  await work(informer, changes, clock)
  stop.abort()
  await running
  assert.equal(clock.pending, 0)
}

const path = '/api/v1/namespaces/a/configmaps'

test('the state comes with the stream, and is complete at its bookmark', async () => {
  const server = scripted([
    {
      batches: [
        [event('ADDED', map('x', '3')), event('ADDED', map('y', '4'))],
        [bookmark('5', true)],
        [event('MODIFIED', map('x', '6')), event('DELETED', map('y', '7')), bookmark('9')],
      ],
      ends: 'never',
    },
  ])
  await follow(server, async (informer, changes) => {
    await informer.synced(new AbortController().signal)
    assert.deepEqual(changes, ['+x', '+y', '~x', '-y'])
    assert.deepEqual([informer.resourceVersion, informer.list().map(({ metadata }) => metadata.name)], ['9', ['x']])
  })
  assert.deepEqual(server.asked, [`stream ${path}`])
})

test('nothing is known before the state is complete', async () => {
  const server = scripted([{ batches: [[event('ADDED', map('x', '3'))]], ends: 'never' }])
  await follow(server, async (informer, changes) => {
    await Promise.resolve()
    assert.deepEqual([informer.hasSynced, changes], [false, []])
  })
})

test('a server without streaming is listed in pages and watched from there', async () => {
  const server = scripted(
    [{ batches: [], ends: badRequest('sendInitialEvents is forbidden') }],
    [
      { metadata: { resourceVersion: '5', continue: 'more' }, items: [map('x', '3')] },
      { metadata: { resourceVersion: '5' }, items: [map('y', '4')] },
    ],
  )
  await follow(server, async (informer) => {
    await Promise.resolve()
    assert.deepEqual([informer.resourceVersion, informer.list().length], ['5', 2])
  })
  assert.deepEqual(server.asked, [`stream ${path}`, `list ${path}`, `list ${path}`, `watch 5 ${path}`])
})

test('a watch that ends goes on, one that is too old starts anew and finds what went meanwhile', async () => {
  const server = scripted([
    {
      batches: [[event('ADDED', map('x', '3')), event('ADDED', map('y', '4')), bookmark('5', true)]],
      ends: 'normally',
    },
    { batches: [[event('MODIFIED', map('x', '8'))]], ends: 'normally' },
    { batches: [], ends: expired('too old resource version: 8 (20)') },
    { batches: [[event('ADDED', map('x', '8')), event('ADDED', map('z', '15')), bookmark('20', true)]], ends: 'never' },
  ])
  await follow(server, async (informer, changes) => {
    await Promise.resolve()
    assert.deepEqual(changes, ['+x', '+y', '~x', '+z', '-y'])
    assert.equal(informer.resourceVersion, '20')
  })
  assert.deepEqual(server.asked, [`stream ${path}`, `watch 5 ${path}`, `watch 8 ${path}`, `stream ${path}`])
})

test('a server that is away is asked less and less often', async () => {
  const away: Script = { batches: [], ends: unavailable('connection refused') }
  const server = scripted([away, away, away, away, { batches: [[bookmark('5', true)]], ends: 'never' }])
  await follow(server, async (informer, _changes, clock) => {
    assert.equal(server.asked.length, 1)
    await clock.advance('2s')
    assert.equal(server.asked.length, 2)
    await clock.advance('3s')
    assert.equal(server.asked.length, 3)
    await clock.advance('30s')
    assert.equal(informer.hasSynced, true)
  })
})

test('a server that was restarted often is asked again as soon as the first time', async () => {
  const restarts = Array.from({ length: 20 }, (_, index): Script => {
    const batch = index === 0 ? [bookmark('1', true)] : [event('MODIFIED', map('x', String(index + 1)))]
    return { batches: [batch], ends: unavailable('connection reset') }
  })
  const server = scripted(restarts)
  await follow(server, async (informer, _changes, clock) => {
    await clock.advance('32s')
    assert.equal(informer.resourceVersion, '20')
  })
})

test('another object of the same name is a deletion and a creation', async () => {
  const server = scripted([
    {
      batches: [[event('ADDED', map('x', '3', 'one')), bookmark('5', true)], [event('MODIFIED', map('x', '9', 'two'))]],
      ends: 'never',
    },
  ])
  await follow(server, async (_informer, changes) => {
    await Promise.resolve()
    assert.deepEqual(changes, ['+x', '-x', '+x'])
  })
})

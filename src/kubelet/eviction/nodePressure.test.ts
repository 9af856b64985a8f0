import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { SimulatedClock } from '#lib/clock.ts'
import type { Eviction } from '../plan/podMemory.ts'
import type { PodWorker } from '../podWorker.ts'
import { NodePressure } from './nodePressure.ts'
import type { SignalName } from './signals.ts'
import type { EvictionSettings } from './thresholds.ts'

interface Played {
  /** Uses so much memory, gives it back this many milliseconds after it has to leave, and asks for so many seconds to end. */
  readonly memory: number
  readonly endsAfter?: number
  readonly grace?: number
  readonly priority?: number
}

/** A node with 1000 bytes of memory that pods use, of which so much is left. What happens is told with its second. */
function start(t: TestContext, settings: EvictionSettings, pods: Record<string, Played>, reclaimed?: number) {
  const clock = new SimulatedClock(0)
  const told: string[] = []
  const tell = (text: string): void => void told.push(`${clock.now() / 1000}s ${text}`)
  let isReclaimed = false
  const workers = Object.entries(pods).map(([name, { priority, grace }]) => {
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name },
      spec: {
        containers: [],
        ...(priority === undefined ? {} : { priority }),
        ...(grace === undefined ? {} : { terminationGracePeriodSeconds: grace }),
      },
    }
    const worker = {
      pod,
      isOver: false,
      isCleanedUp: false,
      evict({ graceSeconds }: Eviction) {
        tell(`${name} leaves within ${graceSeconds}s`)
        worker.isOver = true
        clock.after(pods[name]!.endsAfter ?? 0, () => (worker.isCleanedUp = true))
      },
    }
    return worker
  })
  const used = (): number =>
    workers.reduce((sum, { pod, isCleanedUp }) => sum + (isCleanedUp ? 0 : pods[pod.metadata.name]!.memory), 0)
  const pressure: NodePressure = new NodePressure({
    settings,
    nodeName: 'n',
    clock,
    recorder: { record: (_about, { reason, message }) => tell(`${reason}: ${message}`), recordAction: () => {} },
    workers: () => workers.filter(({ isCleanedUp }) => !isCleanedUp) as unknown as PodWorker[],
    readSignals: async () => {
      const available = 1000 - used() + (isReclaimed ? (reclaimed ?? 0) : 0)
      return new Map([
        [Object.keys(settings.evictionHard ?? settings.evictionSoft!)[0] as SignalName, { capacity: 1000, available }],
      ])
    },
    readUse: async ({ pod }) => ({
      memoryBytes: pods[pod.metadata.name]!.memory,
      processes: 0,
      containers: [],
      volumes: { bytes: pods[pod.metadata.name]!.memory, inodes: 0 },
    }),
    hasImageDisk: async () => false,
    async reclaim() {
      isReclaimed = reclaimed !== undefined
      return isReclaimed
    },
    changed: () => tell(`[${pressure.conditions.join(' ')}]`),
    evicted: (signal) => tell(`for ${signal}`),
    report: (problem) => tell(problem),
  })
  const stop = new AbortController()
  const running = pressure.run(stop.signal)
  t.after(async () => {
    stop.abort()
    await running
  })
  return { clock, told }
}

test('pods leave one after another, the next one when nothing is left of the last', async (t) => {
  const settings = { evictionHard: { 'memory.available': '300' } }
  const pods = { a: { memory: 400, endsAfter: 1500 }, b: { memory: 300 }, c: { memory: 200 } }
  const { clock, told } = start(t, settings, pods)
  await clock.advance('320s')
  assert.deepEqual(told, [
    '0s [MemoryPressure]',
    '0s EvictionThresholdMet: Attempting to reclaim memory',
    '0s a leaves within 1s',
    '0s for memory.available',
    '302s []',
  ])
})

test('a pod that does not end is waited for, but not for ever', async (t) => {
  const settings = { evictionHard: { 'memory.available': '300' } }
  const { clock, told } = start(t, settings, {
    a: { memory: 500, endsAfter: 600_000 },
    b: { memory: 400, endsAfter: 1 },
  })
  await clock.advance('35s')
  assert.deepEqual(
    told.filter((text) => text.includes('leaves')),
    ['0s a leaves within 1s', '30s b leaves within 1s'],
  )
})

test('critical pods never leave', async (t) => {
  const settings = { evictionHard: { 'memory.available': '300' } }
  const { clock, told } = start(t, settings, { a: { memory: 900, priority: 2e9 } })
  await clock.advance('15s')
  assert.deepEqual(told, [
    '0s [MemoryPressure]',
    '0s EvictionThresholdMet: Attempting to reclaim memory',
    '10s EvictionThresholdMet: Attempting to reclaim memory',
  ])
})

test('no pod leaves when what nobody needs was enough', async (t) => {
  const settings = { evictionHard: { 'nodefs.available': '300' } }
  const { clock, told } = start(t, settings, { a: { memory: 900 } }, 200)
  await clock.advance('30s')
  assert.deepEqual(told, ['0s [DiskPressure]', '0s EvictionThresholdMet: Attempting to reclaim ephemeral-storage'])
})

test('a pod leaves when it was not', async (t) => {
  const settings = {
    evictionHard: { 'nodefs.available': '300' },
    evictionMinimumReclaim: { 'nodefs.available': '1' },
  }
  const { clock, told } = start(t, settings, { a: { memory: 900 } }, 200)
  await clock.advance('5s')
  assert.deepEqual(told.slice(2), ['0s a leaves within 1s', '0s for nodefs.available'])
})

for (const [name, most, grace, expected] of [
  ['no more than pods may have at most', 5, 60, 5],
  ['no more than the pod asks for', 60, 7, 7],
  ['at least a second', 0, 7, 1],
] as const) {
  test(`after the grace of a soft threshold a pod gets ${name}`, async (t) => {
    const settings = {
      evictionSoft: { 'memory.available': '300' },
      evictionSoftGracePeriod: { 'memory.available': '30s' },
      evictionMaxPodGracePeriod: most,
    }
    const { clock, told } = start(t, settings, { a: { memory: 900, grace } })
    await clock.advance('35s')
    assert.deepEqual(told, [
      '0s [MemoryPressure]',
      '30s EvictionThresholdMet: Attempting to reclaim memory',
      `30s a leaves within ${expected}s`,
      '30s for memory.available',
    ])
  })
}

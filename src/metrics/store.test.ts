import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MetricsStore } from './store.ts'
import type { NodeReading, PodUsage, UsagePoint } from './usage.ts'

const interval = 15_000
const began = 1_000_000
const second = 1e9

/** A reading of a container: seconds since everything began, seconds of cpu; and when it started. */
const point = (at: number, cpu: number, startedAt = -1_000): UsagePoint => ({
  at: began + at * 1_000,
  cpuNanoseconds: cpu * second,
  memoryBytes: 100 + at,
  startedAt: began + startedAt * 1_000,
})
const reading = (containers: Record<string, UsagePoint>): NodeReading => ({
  pods: new Map([['n/p', new Map(Object.entries(containers))]]),
})
const of = (at: number, window: number, containers: Record<string, readonly [number, number]>): PodUsage => ({
  at: began + at * 1_000,
  window: window * 1_000,
  containers: Object.entries(containers).map(([name, [cpu, memoryBytes]]) => ({
    name,
    cpuNanoCores: Math.trunc(cpu * second),
    memoryBytes,
  })),
})

describe('what is known of a pod after some rounds', () => {
  const rows: readonly [string, readonly NodeReading[], PodUsage | undefined][] = [
    ['nothing after one', [reading({ c: point(0, 10) })], undefined],
    ['its use after two', [reading({ c: point(0, 10) }), reading({ c: point(15, 13) })], of(15, 15, { c: [0.2, 115] })],
    [
      'of all containers',
      [reading({ a: point(0, 1), b: point(0, 1) }), reading({ a: point(15, 4), b: point(15, 2.5) })],
      of(15, 15, { a: [0.2, 115], b: [0.1, 115] }),
    ],
    [
      'nothing while one container is new',
      [reading({ a: point(0, 1) }), reading({ a: point(15, 4), b: point(15, 1, 7) })],
      undefined,
    ],
    ['a fresh one that runs for ten seconds', [reading({ c: point(15, 6, 3) })], of(15, 12, { c: [0.5, 115] })],
    ['not one that runs for less', [reading({ c: point(15, 6, 6) })], undefined],
    ['nothing right after a restart', [reading({ c: point(0, 10) }), reading({ c: point(15, 1, 7) })], undefined],
    [
      'an answer that repeats itself keeps what was known',
      [reading({ c: point(0, 10) }), reading({ c: point(15, 13) }), reading({ c: point(15, 13) })],
      of(15, 15, { c: [0.2, 115] }),
    ],
    [
      'nothing when its node was silent',
      [reading({ c: point(0, 10) }), reading({ c: point(15, 13) }), { pods: new Map() }],
      undefined,
    ],
    ['not less than before', [reading({ c: point(0, 10) }), reading({ c: point(15, 3) })], undefined],
  ]
  for (const [name, rounds, is] of rows) {
    test(name, () => {
      const store = new MetricsStore(interval)
      for (const each of rounds) store.take(new Map([['node', each]]))
      assert.deepEqual(store.pod({ metadata: { namespace: 'n', name: 'p' } }), is)
    })
  }
})

test('nodes are known from the second round on', () => {
  const store = new MetricsStore(interval)
  const node = (at: number, cpu: number): NodeReading => ({ node: point(at, cpu), pods: new Map() })
  store.take(new Map([['a', node(0, 5)]]))
  assert.equal(store.node('a'), undefined)
  store.take(new Map([['a', node(10, 25)]]))
  assert.deepEqual(store.node('a'), { at: began + 10_000, window: 10_000, cpuNanoCores: 2 * second, memoryBytes: 110 })
  assert.equal(store.node('b'), undefined)
})

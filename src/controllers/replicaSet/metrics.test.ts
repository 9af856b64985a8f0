import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { timeText } from '#machinery/time.ts'
import { counted } from '../metricsFixture.ts'
import { replicaMetrics } from './metrics.ts'

const now = Date.UTC(2026, 0, 1, 12)

/** A pod that came so many seconds ago. */
function pod(age: number, isReady = true): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `p${age}`, creationTimestamp: timeText(now - age * 1_000) },
    spec: { containers: [] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: isReady ? 'True' : 'False' }] },
  }
}

const [old, middle, young, broken] = [pod(90), pod(25), pod(10), pod(1, false)] as const
const rows: readonly [name: string, active: readonly Pod[], going: readonly Pod[], sum: number, count: number][] = [
  ['whole multiples of the youngest age', [old, middle, young], [old, middle], 9 + 2, 2],
  ['pods that are not ready count neither as youngest nor as chosen', [middle, young, broken], [broken, young], 1, 1],
  ['where all go none was chosen', [old, young], [old, young], 0, 0],
  ['pods that came just now have no age', [pod(0), old], [old], 0, 0],
]
for (const [name, active, going, sum, count] of rows) {
  test(`chosen to go: ${name}`, () => {
    const registry = new MetricRegistry()
    const groups = active.map((each) => [each] as const)
    replicaMetrics(registry).chosen(groups, going, now)
    const prefix = 'replicaset_controller_sorting_deletion_age_ratio_'
    assert.deepEqual(counted(registry, prefix), count === 0 ? {} : { sum, count })
  })
}

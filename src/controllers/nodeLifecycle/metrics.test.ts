import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricRegistry } from '#lib/metrics.ts'
import { counted } from '../metricsFixture.ts'
import { nodeMetrics } from './metrics.ts'
import type { ZoneCount } from './zones.ts'

test('zones are told as they are, those that lost their nodes too', () => {
  const registry = new MetricRegistry()
  const metrics = nodeMetrics(registry)
  const zones = new Map<string, ZoneCount>([
    ['r:\u0000:a', { ready: 3, unready: 1 }],
    ['r:\u0000:b', { ready: 0, unready: 2 }],
  ])
  metrics.follow(() => zones)
  metrics.evicts('r:\u0000:b')
  const of = (zone: string): string => `{zone="r:\u0000:${zone}"}`
  assert.deepEqual(counted(registry, 'node_collector_'), {
    [`evictions_total${of('b')}`]: 1,
    [`unhealthy_nodes_in_zone${of('a')}`]: 1,
    [`unhealthy_nodes_in_zone${of('b')}`]: 2,
    [`zone_health${of('a')}`]: 75,
    [`zone_size${of('a')}`]: 4,
    [`zone_size${of('b')}`]: 2,
  })
  zones.delete('r:\u0000:b')
  const after = counted(registry, 'node_collector_')
  assert.deepEqual([after[`zone_size${of('b')}`], after[`zone_health${of('b')}`]], [undefined, 100])
})

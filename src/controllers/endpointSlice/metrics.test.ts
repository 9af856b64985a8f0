import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '#api/core/v1/service.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { counted } from '../metricsFixture.ts'
import { endpointSliceMetrics } from './metrics.ts'
import type { ServiceSlicePlan } from './plan.ts'

const service = (trafficDistribution?: string, annotations: Record<string, string> = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 's', annotations },
  spec: trafficDistribution === undefined ? {} : { trafficDistribution },
})
const plan = (figures: ServiceSlicePlan['figures']): ServiceSlicePlan => ({
  create: [],
  update: [],
  remove: [],
  topology: [],
  figures,
})

test('gauges are of all services together, and follow each', () => {
  const registry = new MetricRegistry()
  const metrics = endpointSliceMetrics(registry)
  const figures = { added: 3, removed: 1, endpoints: 150, slices: 3, desired: 2 }
  metrics.planned('a/s', service('PreferSameZone'), plan([figures, figures]))
  metrics.planned('a/t', service('PreferSameZone'), plan([{ ...figures, endpoints: 10, slices: 1, desired: 1 }]))
  const prefix = 'endpoint_slice_controller_'
  assert.deepEqual(counted(registry, prefix), {
    desired_endpoint_slices: 5,
    endpoints_added_per_sync_count: 3,
    endpoints_added_per_sync_sum: 9,
    endpoints_desired: 310,
    endpoints_removed_per_sync_count: 3,
    endpoints_removed_per_sync_sum: 3,
    num_endpoint_slices: 7,
    'services_count_by_traffic_distribution{traffic_distribution="PreferSameZone"}': 2,
  })
  // Hints by topology go before what else a service asks for.
  metrics.planned('a/s', service('PreferSameZone', { 'service.kubernetes.io/topology-mode': 'Auto' }), plan([]))
  metrics.forget('a/t')
  metrics.forget('a/unknown')
  const after = counted(registry, prefix)
  assert.deepEqual(
    Object.keys(after).filter((key) => !key.includes('per_sync')),
    [],
  )
})

test('what is written, and what comes of it', () => {
  const registry = new MetricRegistry()
  const metrics = endpointSliceMetrics(registry)
  for (const each of [metrics.created, metrics.updated, metrics.updated, metrics.deleted]) each()
  const changes = { create: [{} as never], update: [{} as never, {} as never], remove: [] }
  metrics.written(service('PreferSameNode'), changes)
  metrics.written(service(), { ...changes, update: [] })
  metrics.synced('success')
  metrics.synced('stale')
  const changed = 'endpointslices_changed_per_sync'
  assert.deepEqual(counted(registry, 'endpoint_slice_controller_'), {
    'changes{operation="create"}': 1,
    'changes{operation="delete"}': 1,
    'changes{operation="update"}': 2,
    [`${changed}_count{topology="Disabled",traffic_distribution=""}`]: 1,
    [`${changed}_sum{topology="Disabled",traffic_distribution=""}`]: 1,
    [`${changed}_count{topology="Disabled",traffic_distribution="PreferSameNode"}`]: 1,
    [`${changed}_sum{topology="Disabled",traffic_distribution="PreferSameNode"}`]: 3,
    'syncs{result="stale"}': 1,
    'syncs{result="success"}': 1,
  })
})

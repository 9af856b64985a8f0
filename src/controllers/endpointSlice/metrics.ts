import type { MetricRegistry } from '#lib/metrics.ts'
import type { Service } from '#api/core/v1/service.ts'
import { sliceMetrics, sumOf } from '../sliceMetrics.ts'
import type { ServiceSlicePlan, SlicePlan } from './plan.ts'
import { followsTopology } from './topology.ts'

/** Go's usual bounds, which v1.34 has here. */
const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

export function endpointSliceMetrics(registry: MetricRegistry) {
  const subsystem = 'endpoint_slice_controller'
  const stability = 'ALPHA'
  const { perSync: _, ...slices } = sliceMetrics(registry, { subsystem, owner: 'Service' })
  const changed = registry.histogram({
    name: `${subsystem}_endpointslices_changed_per_sync`,
    help: 'How many EndpointSlices were written with one look at a Service. "topology" is "Auto" or "Disabled".',
    labels: ['topology', 'traffic_distribution'],
    stability,
    buckets,
  })
  const syncs = registry.counter({
    name: `${subsystem}_syncs`,
    help: 'How often services were looked at. "result" is "success", "stale" or "error".',
    labels: ['result'],
    stability,
  })
  const distributions = registry.gauge({
    name: `${subsystem}_services_count_by_traffic_distribution`,
    help: 'How many services ask for a trafficDistribution, by which',
    labels: ['traffic_distribution'],
    stability,
  })
  /** What services ask for, by key. */
  const asked = new Map<string, string>()
  const follow = (key: string, distribution: string | undefined): void => {
    const before = asked.get(key)
    if (before === distribution) return
    if (before !== undefined) distributions.with(before).dec()
    if (distribution === undefined) asked.delete(key)
    else {
      asked.set(key, distribution)
      distributions.with(distribution).inc()
    }
  }
  return {
    ...slices,
    forget(key: string): void {
      slices.forget(key)
      follow(key, undefined)
    },
    /** It was decided how the slices of a service are to be. */
    planned(key: string, service: Service, { figures }: ServiceSlicePlan): void {
      for (const { added, removed } of figures) {
        slices.added.observe(added)
        slices.removed.observe(removed)
      }
      slices.set(key, sumOf(figures))
      follow(key, distributionOf(service))
    },
    /** All that was decided is written. */
    written(service: Service, { create, update, remove }: SlicePlan): void {
      const topology = followsTopology(service) ? 'Auto' : 'Disabled'
      const count = create.length + update.length + remove.length
      changed.with(topology, distributionOf(service) ?? '').observe(count)
    },
    synced: (result: 'success' | 'stale' | 'error'): void => syncs.with(result).inc(),
  }
}

/** Hints by topology go before what the service asks for otherwise. */
function distributionOf(service: Service): string | undefined {
  return followsTopology(service) ? undefined : service.spec.trafficDistribution
}

import type { MetricRegistry } from '#lib/metrics.ts'

export function collectorMetrics(registry: MetricRegistry) {
  return {
    syncErrors: registry.counter({
      name: 'garbagecollector_controller_resources_sync_error_total',
      help: 'How often the garbage collector could not find out which kinds are served',
      stability: 'ALPHA',
    }),
  }
}

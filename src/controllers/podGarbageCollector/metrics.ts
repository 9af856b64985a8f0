import type { MetricRegistry } from '#lib/metrics.ts'

export function podCollectorMetrics(registry: MetricRegistry) {
  const common = { labels: ['namespace', 'reason'], stability: 'ALPHA' } as const
  return {
    deletions: registry.counter({
      name: 'pod_gc_collector_force_delete_pods_total',
      help: 'How many pods were deleted at once because nobody would ever end them. "reason" is "terminated", "out-of-service", "orphaned" or "unscheduled".',
      ...common,
    }),
    errors: registry.counter({
      name: 'pod_gc_collector_force_delete_pod_errors_total',
      help: 'How often pods that nobody would ever end could not be deleted',
      ...common,
    }),
  }
}

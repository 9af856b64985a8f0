import type { MetricRegistry } from '#lib/metrics.ts'

export function taintEvictionMetrics(registry: MetricRegistry) {
  const deletions = registry.counter({
    name: 'taint_eviction_controller_pod_deletions_total',
    help: 'How many pods were deleted for taints of their nodes since this process started',
    stability: 'ALPHA',
  })
  const seconds = registry.histogram({
    name: 'taint_eviction_controller_pod_deletion_duration_seconds',
    help: 'How long after a pod had to leave its node for a taint it was deleted, in seconds',
    stability: 'ALPHA',
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240],
  })
  return {
    /** A pod was deleted so many milliseconds after it had to leave. */
    deleted(milliseconds: number): void {
      deletions.inc()
      seconds.observe(milliseconds / 1_000)
    },
  }
}

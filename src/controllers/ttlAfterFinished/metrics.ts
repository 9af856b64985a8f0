import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'

export function ttlMetrics(registry: MetricRegistry) {
  return {
    /** Seconds from the end of a job's time to its deletion. */
    overdue: registry.histogram({
      name: 'ttl_after_finished_controller_job_deletion_duration_seconds',
      help: 'How long after its time was over a finished job was deleted, in seconds',
      stability: 'ALPHA',
      buckets: exponentialBuckets(0.1, 2, 14),
    }),
  }
}

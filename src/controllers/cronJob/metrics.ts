import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'

export function cronJobMetrics(registry: MetricRegistry) {
  return {
    /** Seconds from the time for which a job was planned to its creation. */
    skew: registry.histogram({
      name: 'cronjob_controller_job_creation_skew_duration_seconds',
      help: 'How long after its scheduled time the job of a cron job was created, in seconds',
      stability: 'STABLE',
      buckets: exponentialBuckets(1, 2, 10),
    }),
  }
}

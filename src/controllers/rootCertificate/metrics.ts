import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'
import { StatusError } from '#machinery/status.ts'

export function rootCertificateMetrics(registry: MetricRegistry) {
  const common = { labels: ['code'], stability: 'ALPHA' } as const
  const syncs = registry.counter({
    name: 'root_ca_cert_publisher_sync_total',
    help: 'How often it was seen to that a namespace has the root certificate, by the code that came of it',
    ...common,
  })
  const seconds = registry.histogram({
    name: 'root_ca_cert_publisher_sync_duration_seconds',
    help: 'How long it took to see to it that a namespace has the root certificate, in seconds',
    ...common,
    buckets: exponentialBuckets(0.001, 2, 15),
  })
  return {
    synced(milliseconds: number, error?: unknown): void {
      const code = error === undefined ? 200 : error instanceof StatusError ? error.code : 500
      syncs.with(String(code)).inc()
      seconds.with(String(code)).observe(milliseconds / 1_000)
    },
  }
}

import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'
import { sliceMetrics } from '../sliceMetrics.ts'

export function mirroringMetrics(registry: MetricRegistry) {
  const subsystem = 'endpoint_slice_mirroring_controller'
  const { perSync, ...slices } = sliceMetrics(registry, { subsystem, owner: 'Endpoints' })
  return {
    ...slices,
    changed: perSync('endpoints_updated', 'How many endpoints were changed'),
    skipped: perSync('addresses_skipped', 'How many addresses were left out, as they are too many or no addresses'),
    /** Seconds that a look at one object took. */
    looks: registry.histogram({
      name: `${subsystem}_endpoints_sync_duration`,
      help: 'How long a look at one object took, in seconds',
      stability: 'ALPHA',
      buckets: exponentialBuckets(0.001, 2, 15),
    }),
  }
}

import type { MetricRegistry } from '#lib/metrics.ts'

export function ephemeralMetrics(registry: MetricRegistry) {
  return {
    creates: registry.counter({
      name: 'ephemeral_volume_controller_create_total',
      help: 'How often a claim for a volume of a pod was to be made',
      stability: 'ALPHA',
    }),
    failures: registry.counter({
      name: 'ephemeral_volume_controller_create_failures_total',
      help: 'How often a claim for a volume of a pod could not be made',
      stability: 'ALPHA',
    }),
  }
}

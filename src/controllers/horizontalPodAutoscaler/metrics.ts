import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'

/** Which way the target was scaled, or would be by one metric alone. */
export type ScaleAction = 'scale_up' | 'scale_down' | 'none'
/** Whose fault it is that something could not be told: the autoscaler's own, or not. */
export type ScaleError = 'spec' | 'internal' | 'none'

/** What came of a look at an autoscaler. */
export interface Look {
  readonly action: ScaleAction
  readonly error: ScaleError
}

const labelHelp =
  'The label "action" is "scale_up", "scale_down" or "none", the label "error" is "spec", "internal" or "none".'

export function autoscalerMetrics(registry: MetricRegistry) {
  const name = (what: string): string => `horizontal_pod_autoscaler_controller_${what}`
  const buckets = exponentialBuckets(0.001, 2, 15)
  const ofLook = { labels: ['action', 'error'], stability: 'ALPHA' } as const
  const ofMetric = { labels: ['action', 'error', 'metric_type'], stability: 'ALPHA' } as const
  const looks = registry.counter({
    name: name('reconciliations_total'),
    help: `How often autoscalers were looked at. ${labelHelp}`,
    ...ofLook,
  })
  const lookSeconds = registry.histogram({
    name: name('reconciliation_duration_seconds'),
    help: `How long a look at an autoscaler took, in seconds. ${labelHelp}`,
    ...ofLook,
    buckets,
  })
  const computations = registry.counter({
    name: name('metric_computation_total'),
    help: `How often it was computed what one metric asks for. ${labelHelp}`,
    ...ofMetric,
  })
  const computationSeconds = registry.histogram({
    name: name('metric_computation_duration_seconds'),
    help: `How long it took to compute what one metric asks for, in seconds. ${labelHelp}`,
    ...ofMetric,
    buckets,
  })
  return {
    looked({ action, error }: Look, milliseconds: number): void {
      looks.with(action, error).inc()
      lookSeconds.with(action, error).observe(milliseconds / 1_000)
    },
    computed({ action, error }: Look, type: string, milliseconds: number): void {
      computations.with(action, error, type).inc()
      computationSeconds.with(action, error, type).observe(milliseconds / 1_000)
    },
  }
}

/** Which way it is from a number of replicas to another. */
export function scaleAction(from: number, to: number): ScaleAction {
  return to > from ? 'scale_up' : to < from ? 'scale_down' : 'none'
}

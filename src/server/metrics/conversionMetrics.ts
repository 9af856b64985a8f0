import { exponentialBuckets, type Counter, type Histogram, type MetricRegistry } from '#lib/metrics.ts'

/** One question to a webhook that converts custom objects. */
export interface ConversionOutcome {
  readonly definition: string
  readonly from: string
  readonly to: string
  readonly milliseconds: number
  /** Absent when it went well; otherwise whether it could not be asked, or gave an answer that cannot be used. */
  readonly failure?: 'conversion_call_failure' | 'conversion_malformed_response_failure'
}

/** What converting custom objects takes. */
export class ConversionMetrics {
  readonly #requests: Counter
  readonly #seconds: Histogram
  readonly #ofDefinition: Histogram

  constructor(registry: MetricRegistry) {
    const labels = ['failure_type', 'result']
    this.#requests = registry.counter({
      name: 'apiserver_conversion_webhook_request_total',
      help: 'Counter for conversion webhook requests with success/failure and failure error type',
      labels,
    })
    this.#seconds = registry.histogram({
      name: 'apiserver_conversion_webhook_duration_seconds',
      help: 'Conversion webhook request latency',
      labels,
      buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30],
    })
    this.#ofDefinition = registry.histogram({
      name: 'apiserver_crd_conversion_webhook_duration_seconds',
      help: 'CRD webhook conversion duration in seconds',
      labels: ['crd_name', 'from_version', 'succeeded', 'to_version'],
      buckets: exponentialBuckets(0.001, 2, 15),
    })
  }

  asked({ definition, from, to, milliseconds, failure }: ConversionOutcome): void {
    const result = failure === undefined ? 'success' : 'failure'
    this.#requests.with(failure ?? '', result).inc()
    this.#seconds.with(failure ?? '', result).observe(milliseconds / 1_000)
    this.#ofDefinition.with(definition, from, String(failure === undefined), to).observe(milliseconds / 1_000)
  }
}

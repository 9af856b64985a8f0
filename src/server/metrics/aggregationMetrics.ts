import type { MetricRegistry } from '#lib/metrics.ts'

/** What is counted of the servers that extend the API. */
export class AggregationMetrics {
  readonly #unavailable
  readonly #turns
  readonly #names = new Set<string>()

  constructor(registry: MetricRegistry) {
    this.#unavailable = registry.gauge({
      name: 'aggregator_unavailable_apiservice',
      help: 'Gauge of APIServices which are marked as unavailable broken down by APIService name.',
      labels: ['name'],
    })
    this.#turns = registry.counter({
      name: 'aggregator_unavailable_apiservice_total',
      help: 'Counter of APIServices which are marked as unavailable broken down by APIService name and reason.',
      labels: ['name', 'reason'],
    })
    registry.onRender(() => this.#read())
  }

  /** Asked for all registrations, by name, and whether each is available, whenever somebody reads. */
  registrations: () => Iterable<readonly [name: string, isAvailable: boolean]> = () => []

  /** A registration was available, and is not any more. */
  turnedUnavailable(name: string, reason: string): void {
    this.#turns.with(name, reason).inc()
  }

  #read(): void {
    const now = new Set<string>()
    for (const [name, isAvailable] of this.registrations()) {
      now.add(name)
      this.#unavailable.with(name).set(isAvailable ? 0 : 1)
    }
    for (const name of this.#names.difference(now)) this.#unavailable.remove(name)
    this.#names.clear()
    for (const name of now) this.#names.add(name)
  }
}

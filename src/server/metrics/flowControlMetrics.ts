import type { Counter, Gauge, GaugeSeries, HistogramSeries, MetricRegistry, Series } from '#lib/metrics.ts'
import type { Seats } from '../flowControl/shares.ts'

/** What is counted of the requests of one flow schema at one priority level. */
export interface FlowSeries {
  readonly dispatched: Series
  readonly waiting: GaugeSeries
  readonly waitingSeats: GaugeSeries
  readonly executing: GaugeSeries
  readonly executingSeats: GaugeSeries
  readonly queueLength: HistogramSeries
  /** Seconds that requests waited which ran then. */
  readonly waited: HistogramSeries
  readonly waitedInVain: HistogramSeries
  readonly ran: HistogramSeries
  readonly estimated: HistogramSeries
}

interface Need {
  readonly highest: number
  readonly average: number
  readonly deviation: number
  readonly smoothed: number
}

const seconds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]
const lengths = [0, 10, 25, 50, 100, 250, 500, 1000]
const widths = [1, 2, 4, 8, 16, 32, 64, 100]

/** What is counted of priority and fairness. */
export class FlowControlMetrics {
  readonly fairPart: GaugeSeries
  readonly #registry: MetricRegistry
  readonly #kept = new Map<string, FlowSeries>()
  readonly #make: (level: string, schema: string) => FlowSeries
  readonly #rejected: Counter
  readonly #ofLevels: Readonly<Record<keyof Seats | keyof Need | 'current', Gauge>>

  constructor(registry: MetricRegistry) {
    this.#registry = registry
    const labels = ['priority_level', 'flow_schema']
    const own = (name: string, help: string) => ({ name: `apiserver_flowcontrol_${name}`, help })
    const gauge = (name: string, help: string): Gauge => registry.gauge({ ...own(name, help), labels })
    const ofLevel = (name: string, help: string): Gauge =>
      registry.gauge({ ...own(name, help), labels: ['priority_level'] })
    this.#rejected = registry.counter({
      ...own('rejected_requests_total', 'Number of requests rejected by API Priority and Fairness subsystem'),
      labels: [...labels, 'reason'],
    })
    const dispatched = registry.counter({
      ...own('dispatched_requests_total', 'Number of requests executed by API Priority and Fairness subsystem'),
      labels,
    })
    const waiting = gauge(
      'current_inqueue_requests',
      'Number of requests currently pending in queues of the API Priority and Fairness subsystem',
    )
    const waitingSeats = gauge(
      'current_inqueue_seats',
      'Number of seats currently pending in queues of the API Priority and Fairness subsystem',
    )
    const executing = gauge(
      'current_executing_requests',
      'Number of requests in initial (for a WATCH) or any (for a non-WATCH) execution stage in the API Priority and Fairness subsystem',
    )
    const executingSeats = gauge(
      'current_executing_seats',
      'Concurrency (number of seats) occupied by the currently executing (initial stage for a WATCH, any stage otherwise) requests in the API Priority and Fairness subsystem',
    )
    const queueLength = registry.histogram({
      ...own(
        'request_queue_length_after_enqueue',
        'Length of queue in the API Priority and Fairness subsystem, as seen by each request after it is enqueued',
      ),
      labels,
      buckets: lengths,
    })
    const waited = registry.histogram({
      ...own('request_wait_duration_seconds', 'Length of time a request spent waiting in its queue'),
      labels: [...labels, 'execute'],
      buckets: seconds,
    })
    const ran = registry.histogram({
      ...own(
        'request_execution_seconds',
        'Duration of initial stage (for a WATCH) or any (for a non-WATCH) stage of request execution in the API Priority and Fairness subsystem',
      ),
      labels: [...labels, 'type'],
      buckets: seconds,
    })
    const estimated = registry.histogram({
      ...own(
        'work_estimated_seats',
        'Number of estimated seats (maximum of initial and final seats) associated with requests in API Priority and Fairness',
      ),
      labels,
      buckets: widths,
    })
    this.fairPart = registry.gauge(
      own('seat_fair_frac', "Fair fraction of server's concurrency to allocate to each priority level that can use it"),
    )
    this.#ofLevels = {
      nominal: ofLevel('nominal_limit_seats', 'Nominal number of execution seats configured for each priority level'),
      least: ofLevel(
        'lower_limit_seats',
        'Configured lower bound on number of execution seats available to each priority level',
      ),
      most: ofLevel(
        'upper_limit_seats',
        'Configured upper bound on number of execution seats available to each priority level',
      ),
      current: ofLevel(
        'current_limit_seats',
        'current derived number of execution seats available to each priority level',
      ),
      highest: ofLevel('demand_seats_high_watermark', 'High watermark, over last adjustment period, of demand_seats'),
      average: ofLevel('demand_seats_average', 'Time-weighted average, over last adjustment period, of demand_seats'),
      deviation: ofLevel(
        'demand_seats_stdev',
        'Time-weighted standard deviation, over last adjustment period, of demand_seats',
      ),
      smoothed: ofLevel('demand_seats_smoothed', 'Smoothed seat demands'),
    }
    this.#make = (...place) => ({
      dispatched: dispatched.with(...place),
      waiting: waiting.with(...place),
      waitingSeats: waitingSeats.with(...place),
      executing: executing.with(...place),
      executingSeats: executingSeats.with(...place),
      queueLength: queueLength.with(...place),
      waited: waited.with(...place, 'true'),
      waitedInVain: waited.with(...place, 'false'),
      ran: ran.with(...place, 'regular'),
      estimated: estimated.with(...place),
    })
  }

  seriesOf(level: string, schema: string): FlowSeries {
    const key = `${level} ${schema}`
    let series = this.#kept.get(key)
    if (series === undefined) this.#kept.set(key, (series = this.#make(level, schema)))
    return series
  }

  rejected(level: string, schema: string, reason: string): void {
    this.#rejected.with(level, schema, reason).inc()
  }

  /** Tells the seats of a level. */
  shared(level: string, seats: Seats): void {
    for (const name of ['nominal', 'least', 'most'] as const) this.#ofLevels[name].with(level).set(seats[name])
  }

  /** Tells what a level needed of late, and how many seats it has from now on. */
  lent(level: string, need: Need, limit: number): void {
    for (const name of ['highest', 'average', 'deviation', 'smoothed'] as const) {
      this.#ofLevels[name].with(level).set(need[name])
    }
    this.#ofLevels.current.with(level).set(limit)
  }

  /** Says nothing more of a level that is gone. */
  forget(level: string): void {
    for (const gauge of Object.values(this.#ofLevels)) gauge.remove(level)
  }

  onRender(run: () => void): void {
    this.#registry.onRender(run)
  }
}

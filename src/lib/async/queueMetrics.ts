import {
  exponentialBuckets,
  type GaugeSeries,
  type HistogramSeries,
  type MetricRegistry,
  type Series,
} from '#lib/metrics.ts'
import type { Clock } from '#lib/clock.ts'
import type { QueueObserver } from './workQueue.ts'

/** What is known of the keys of one queue, by key. */
interface Keys {
  /** When it began to wait. */
  readonly waiting: Map<string, number>
  /** When a worker took it. */
  readonly active: Map<string, number>
}

/** What is told under one name, of all queues that have it. */
interface NamedSeries {
  readonly queues: Keys[]
  readonly adds: Series
  readonly depth: GaugeSeries
  readonly retries: Series
  readonly waits: HistogramSeries
  readonly works: HistogramSeries
  readonly unfinished: GaugeSeries
  readonly longest: GaugeSeries
}

/** Counts what queues do, each under its name, as Kubernetes' own controllers do (`workqueue_…`). */
export function queueMetrics(registry: MetricRegistry, clock: Clock): (name: string) => QueueObserver {
  const make = familiesOf(registry)
  const names = new Map<string, NamedSeries>()
  registry.onRender(() => {
    const now = clock.now()
    for (const { queues, depth, unfinished, longest } of names.values()) {
      const ages = queues.flatMap(({ active }) => [...active.values()].map((since) => (now - since) / 1_000))
      depth.set(queues.reduce((sum, { waiting }) => sum + waiting.size, 0))
      unfinished.set(ages.reduce((sum, age) => sum + age, 0))
      longest.set(Math.max(0, ...ages))
    }
  })
  const tell = (times: Map<string, number>, key: string, series: HistogramSeries): void => {
    const since = times.get(key)
    if (since === undefined) return
    times.delete(key)
    series.observe((clock.now() - since) / 1_000)
  }
  return (name) => {
    let own = names.get(name)
    if (own === undefined) names.set(name, (own = make(name)))
    const { queues, adds, retries, waits, works } = own
    const [waiting, active] = [new Map<string, number>(), new Map<string, number>()]
    queues.push({ waiting, active })
    return {
      added(key) {
        adds.inc()
        waiting.set(key, clock.now())
      },
      taken(key) {
        tell(waiting, key, waits)
        active.set(key, clock.now())
      },
      done: (key) => tell(active, key, works),
      retried: () => retries.inc(),
    }
  }
}

function familiesOf(registry: MetricRegistry): (name: string) => NamedSeries {
  const common = { labels: ['name'], stability: 'ALPHA' } as const
  const buckets = exponentialBuckets(1e-8, 10, 10)
  const adds = registry.counter({
    name: 'workqueue_adds_total',
    help: 'Total number of adds handled by workqueue',
    ...common,
  })
  const depth = registry.gauge({ name: 'workqueue_depth', help: 'Current depth of workqueue', ...common })
  const retries = registry.counter({
    name: 'workqueue_retries_total',
    help: 'Total number of retries handled by workqueue',
    ...common,
  })
  const waits = registry.histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long in seconds an item stays in workqueue before being requested.',
    ...common,
    buckets,
  })
  const works = registry.histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long in seconds processing an item from workqueue takes.',
    ...common,
    buckets,
  })
  const unfinished = registry.gauge({
    name: 'workqueue_unfinished_work_seconds',
    help: "How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
    ...common,
  })
  const longest = registry.gauge({
    name: 'workqueue_longest_running_processor_seconds',
    help: 'How many seconds has the longest running processor for workqueue been running.',
    ...common,
  })
  return (name) => ({
    queues: [],
    adds: adds.with(name),
    depth: depth.with(name),
    retries: retries.with(name),
    waits: waits.with(name),
    works: works.with(name),
    unfinished: unfinished.with(name),
    longest: longest.with(name),
  })
}

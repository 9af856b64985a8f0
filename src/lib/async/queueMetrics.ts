import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'
import type { Clock } from '#lib/clock.ts'
import type { QueueObserver } from './workQueue.ts'

const buckets = exponentialBuckets(1e-8, 10, 10).concat([100, 1_000])

/** Counts what queues do, each under its name, as Kubernetes' own controllers do (`workqueue_…`). */
export function queueMetrics(registry: MetricRegistry, clock: Clock): (name: string) => QueueObserver {
  const labels = ['name']
  const adds = registry.counter({
    name: 'workqueue_adds_total',
    help: 'Total number of adds handled by workqueue',
    labels,
  })
  const depth = registry.gauge({ name: 'workqueue_depth', help: 'Current depth of workqueue', labels })
  const retries = registry.counter({
    name: 'workqueue_retries_total',
    help: 'Total number of retries handled by workqueue',
    labels,
  })
  const waits = registry.histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long in seconds an item stays in workqueue before being requested.',
    labels,
    buckets,
  })
  const works = registry.histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long in seconds processing an item from workqueue takes.',
    labels,
    buckets,
  })
  const unfinished = registry.gauge({
    name: 'workqueue_unfinished_work_seconds',
    help: "How many seconds of work has done that is in progress and hasn't been observed by work_duration. Large values indicate stuck threads. One can deduce the number of stuck threads by observing the rate at which this increases.",
    labels,
  })
  const longest = registry.gauge({
    name: 'workqueue_longest_running_processor_seconds',
    help: 'How many seconds has the longest running processor for workqueue been running.',
    labels,
  })
  return (name) => {
    /** When keys began to wait, and when workers took them. */
    const [waiting, active] = [new Map<string, number>(), new Map<string, number>()]
    const own = {
      adds: adds.with(name),
      depth: depth.with(name),
      retries: retries.with(name),
      waits: waits.with(name),
      works: works.with(name),
      unfinished: unfinished.with(name),
      longest: longest.with(name),
    }
    registry.onRender(() => {
      const ages = [...active.values()].map((since) => (clock.now() - since) / 1_000)
      own.depth.set(waiting.size)
      own.unfinished.set(ages.reduce((sum, age) => sum + age, 0))
      own.longest.set(Math.max(0, ...ages))
    })
    const tell = (times: Map<string, number>, key: string, series: typeof own.waits): void => {
      const since = times.get(key)
      if (since === undefined) return
      times.delete(key)
      series.observe((clock.now() - since) / 1_000)
    }
    return {
      added(key) {
        own.adds.inc()
        waiting.set(key, clock.now())
      },
      taken(key) {
        tell(waiting, key, own.waits)
        active.set(key, clock.now())
      },
      done: (key) => tell(active, key, own.works),
      retried: () => own.retries.inc(),
    }
  }
}

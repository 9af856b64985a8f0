import type { Pod } from '#api/core/v1/pod.ts'
import type { Clock } from '#lib/clock.ts'
import {
  exponentialBuckets,
  type Counter,
  type Histogram,
  type HistogramSeries,
  type MetricRegistry,
  type Series,
} from '#lib/metrics.ts'
import type { SchedulerCache } from './cache.ts'
import { defaultSchedulerName } from './profile.ts'
import type { EnteredQueue, QueuedPod, SchedulingQueue } from './queue.ts'

/** What came of an attempt to find a node. */
export type AttemptResult = 'scheduled' | 'unschedulable' | 'error'

/** Where plugins are asked; each includes what prepares it (`PreFilter`, `PreScore`). */
export type ExtensionPoint = 'Filter' | 'PostFilter' | 'Score' | 'Reserve' | 'Permit' | 'PreBind' | 'Bind'
export type PointStatus = 'Success' | 'Unschedulable' | 'Error'

/** What is asked for whenever somebody reads. */
export interface SchedulerFigures {
  readonly queue: Pick<SchedulingQueue, 'counts' | 'rejected'>
  readonly cache: Pick<SchedulerCache, 'counts'>
}

/** More attempts than these are told as one. */
const mostAttempts = 15

/** What the scheduler counts, under the names of kube-scheduler. Series are kept: a pod's way to its node looks none up by text. */
export class SchedulerMetrics {
  readonly #clock: Pick<Clock, 'now'>
  readonly #attempts: (result: string, profile: string) => Series
  readonly #attemptSeconds: (result: string, profile: string) => HistogramSeries
  readonly #waits: Histogram
  readonly #tries: Histogram
  readonly #algorithm: Histogram
  readonly #incoming: (queue: string, event: string) => Series
  readonly #points: (profile: string) => (point: string, status: string) => HistogramSeries
  readonly #preemptions: Counter
  readonly #victims: Histogram
  /** Pods that are being scheduled, by uid. */
  readonly #running = new Map<string, QueuedPod>()

  constructor(registry: MetricRegistry, figures: SchedulerFigures, clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    const name = (what: string): string => `scheduler_${what}`
    const ofAttempt = { labels: ['result', 'profile'], stability: 'STABLE' } as const
    const attempts = registry.counter({
      name: name('schedule_attempts_total'),
      help: "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.",
      ...ofAttempt,
    })
    const attemptSeconds = registry.histogram({
      name: name('scheduling_attempt_duration_seconds'),
      help: 'How long an attempt to schedule a pod took, its binding included, in seconds',
      ...ofAttempt,
      buckets: exponentialBuckets(0.001, 2, 15),
    })
    this.#attempts = keptSeries((result, profile) => attempts.with(result, profile))
    this.#attemptSeconds = keptSeries((result, profile) => attemptSeconds.with(result, profile))
    this.#algorithm = registry.histogram({
      name: name('scheduling_algorithm_duration_seconds'),
      help: 'How long it took to decide about a pod, in seconds',
      stability: 'ALPHA',
      buckets: exponentialBuckets(0.001, 2, 15),
    })
    this.#waits = registry.histogram({
      name: name('pod_scheduling_sli_duration_seconds'),
      help: 'E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.',
      labels: ['attempts'],
      stability: 'BETA',
      buckets: exponentialBuckets(0.01, 2, 20),
    })
    this.#tries = registry.histogram({
      name: name('pod_scheduling_attempts'),
      help: 'How many attempts it took to schedule a pod',
      stability: 'STABLE',
      buckets: exponentialBuckets(1, 2, 5),
    })
    const points = registry.histogram({
      name: name('framework_extension_point_duration_seconds'),
      help: 'How long all plugins of an extension point took for a pod, in seconds',
      labels: ['extension_point', 'status', 'profile'],
      stability: 'STABLE',
      buckets: exponentialBuckets(0.0001, 2, 12),
    })
    this.#points = kept((profile) => keptSeries((point, status) => points.with(point, status, profile)))
    const incoming = registry.counter({
      name: name('queue_incoming_pods_total'),
      help: 'How many pods came into a queue, by the event that led them there',
      labels: ['queue', 'event'],
      stability: 'STABLE',
    })
    this.#incoming = keptSeries((queue, event) => incoming.with(queue, event))
    this.#preemptions = registry.counter({
      name: name('preemption_attempts_total'),
      help: 'How often it was looked for pods to send away for one that fits nowhere',
      stability: 'STABLE',
    })
    this.#victims = registry.histogram({
      name: name('preemption_victims'),
      help: 'How many pods were sent away for one',
      stability: 'STABLE',
      buckets: exponentialBuckets(1, 2, 7),
    })
    followFigures(registry, figures)
  }

  /** A pod came into a queue. */
  entered(queue: EnteredQueue, event: string): void {
    this.#incoming(queue, event).inc()
  }

  /** An attempt begins. */
  begins(queued: QueuedPod): void {
    this.#running.set(queued.pod.metadata.uid ?? '', queued)
  }

  /** It ends without any result: the pod is gone or needs no node. */
  drop({ metadata }: Pod): void {
    this.#running.delete(metadata.uid ?? '')
  }

  attempted(pod: Pod, result: AttemptResult): void {
    const uid = pod.metadata.uid ?? ''
    const profile = profileOf(pod)
    this.#attempts(result, profile).inc()
    const queued = this.#running.get(uid)
    if (queued === undefined) return
    this.#running.delete(uid)
    const now = this.#clock.now()
    this.#attemptSeconds(result, profile).observe((now - queued.taken) / 1000)
    if (result !== 'scheduled') return
    const { attempts, firstReady } = queued
    this.#tries.observe(attempts)
    const label = attempts >= mostAttempts ? `${mostAttempts}+` : String(attempts)
    this.#waits.with(label).observe((now - firstReady) / 1000)
  }

  /** It is decided about a pod. */
  decided({ metadata }: Pod): void {
    const queued = this.#running.get(metadata.uid ?? '')
    if (queued !== undefined) this.#algorithm.observe((this.#clock.now() - queued.taken) / 1000)
  }

  /** The plugins of an extension point were asked since then. */
  passed(point: ExtensionPoint, pod: Pod, since: number, status: PointStatus = 'Success'): void {
    this.#points(profileOf(pod))(point, status).observe((this.#clock.now() - since) / 1000)
  }

  preempts(): void {
    this.#preemptions.inc()
  }

  sendsAway(victims: number): void {
    this.#victims.observe(victims)
  }
}

function followFigures(registry: MetricRegistry, { queue, cache }: SchedulerFigures): void {
  const pending = registry.gauge({
    name: 'scheduler_pending_pods',
    help: "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.",
    labels: ['queue'],
    stability: 'STABLE',
  })
  const unschedulable = registry.gauge({
    name: 'scheduler_unschedulable_pods',
    help: 'How many pods wait that a plugin turned down, by plugin. A pod counts for each plugin that did.',
    labels: ['plugin', 'profile'],
    stability: 'ALPHA',
  })
  const size = registry.gauge({
    name: 'scheduler_cache_size',
    help: 'How many nodes, pods and pods on their way to a node the scheduler knows',
    labels: ['type'],
    stability: 'ALPHA',
  })
  registry.onRender(() => {
    const { ready, backoff, unschedulable: rejected, gated } = queue.counts()
    for (const [name, count] of Object.entries({ active: ready, backoff, unschedulable: rejected, gated })) {
      pending.with(name).set(count)
    }
    unschedulable.clear()
    for (const { pod, plugin } of queue.rejected()) unschedulable.with(plugin, profileOf(pod)).inc()
    const { nodes, pods, assumed } = cache.counts()
    size.with('nodes').set(nodes)
    size.with('pods').set(pods)
    size.with('assumed_pods').set(assumed)
  })
}

function profileOf({ spec }: Pod): string {
  return spec.schedulerName ?? defaultSchedulerName
}

/** Makes what belongs to a name once. */
function kept<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>()
  return (name) => {
    let known = made.get(name)
    if (known === undefined) made.set(name, (known = make(name)))
    return known
  }
}

function keptSeries<S>(make: (first: string, second: string) => S): (first: string, second: string) => S {
  const ofFirst = kept((first) => kept((second) => make(first, second)))
  return (first, second) => ofFirst(first)(second)
}

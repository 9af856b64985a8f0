import type { Pod } from '#api/core/v1/pod.ts'
import type { Clock } from '#lib/clock.ts'
import { exponentialBuckets, type Counter, type Histogram, type MetricRegistry } from '#lib/metrics.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { defaultSchedulerName } from './profile.ts'
import type { SchedulingQueue } from './queue.ts'

/** What came of an attempt to find a node. */
export type AttemptResult = 'scheduled' | 'unschedulable' | 'error'

/** What the scheduler counts, under the names of kube-scheduler. */
export class SchedulerMetrics {
  readonly #clock: Pick<Clock, 'now'>
  readonly #attempts: Counter
  readonly #waits: Histogram

  constructor(registry: MetricRegistry, queue: Pick<SchedulingQueue, 'counts'>, clock: Pick<Clock, 'now'>) {
    this.#clock = clock
    this.#attempts = registry.counter({
      name: 'scheduler_schedule_attempts_total',
      help: "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.",
      labels: ['result', 'profile'],
    })
    this.#waits = registry.histogram({
      name: 'scheduler_pod_scheduling_sli_duration_seconds',
      help: 'E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.',
      buckets: exponentialBuckets(0.01, 2, 20),
    })
    const pending = registry.gauge({
      name: 'scheduler_pending_pods',
      help: "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.",
      labels: ['queue'],
    })
    registry.onRender(() => {
      const { ready, backoff, unschedulable, gated } = queue.counts()
      for (const [name, count] of Object.entries({ active: ready, backoff, unschedulable, gated })) {
        pending.with(name).set(count)
      }
    })
  }

  attempted({ spec, metadata }: Pod, result: AttemptResult): void {
    this.#attempts.with(result, spec.schedulerName ?? defaultSchedulerName).inc()
    if (result !== 'scheduled') return
    // Pods enter the queue as soon as they are there.
    const since = millisecondsOf(metadata.creationTimestamp)
    if (since !== undefined) this.#waits.observe(Math.max(0, this.#clock.now() - since) / 1000)
  }
}

import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Cause, Causes } from '#client/causes.ts'
import type { Client } from '#client/client.ts'
import { referenceTo, type EventRecorder } from '#client/events.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { Clock } from '#lib/clock.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { timeText } from '#machinery/time.ts'
import type { AttemptResult } from './schedulerMetrics.ts'

/** Why a pod has no node, for its condition. */
export type FailureReason = 'Unschedulable' | 'SchedulerError'

export interface Failure {
  readonly reason: FailureReason
  readonly message: string
  /** The node that the pod is promised; empty: none any more; absent: as before. */
  readonly nominated?: string
  /** For `why`; made of reason and message where it is absent. */
  readonly cause?: Cause
}

export interface PodReportsOptions {
  readonly client: Client
  readonly causes: Causes
  readonly clock: Clock
  readonly eventsOf: (schedulerName: string) => EventRecorder
  readonly report?: (problem: string, error: unknown) => void
  /** Told of the end of each attempt. */
  readonly attempted?: (pod: Pod, result: AttemptResult) => void
  /** Told when an attempt comes to nothing, because the pod needs no node any more. */
  readonly dropped?: (pod: Pod) => void
}

/** The most bytes that an event's message may have. */
const longestNote = 1024

/** Tells in events, conditions and causes what becomes of pods. */
export class PodReports {
  readonly #options: PodReportsOptions

  constructor(options: PodReportsOptions) {
    this.#options = options
  }

  scheduled(pod: Pod, node: string): void {
    const { name, namespace } = pod.metadata
    this.#options.attempted?.(pod, 'scheduled')
    this.#record(pod, 'Normal', 'Scheduled', 'Binding', `Successfully assigned ${namespace}/${name} to ${node}`)
  }

  /** Says why an attempt failed; resolves once the pod's status says so too. */
  async failed(pod: Pod, failure: Failure): Promise<void> {
    const { reason, message } = failure
    this.#options.attempted?.(pod, reason === 'Unschedulable' ? 'unschedulable' : 'error')
    this.#record(pod, 'Warning', 'FailedScheduling', 'Scheduling', shortened(message))
    this.#options.causes.record(subjectOf(pod), pod.spec.schedulerName ?? '', failure.cause ?? { reason, message })
    await this.#writeStatus(pod, failure)
  }

  /** The pod is on its way out and needs no node any more. */
  skipped(pod: Pod): void {
    this.#options.dropped?.(pod)
    const { name, namespace } = pod.metadata
    const message = `skip schedule deleting pod: ${namespace}/${name}`
    this.#record(pod, 'Warning', 'FailedScheduling', 'Scheduling', message)
  }

  /** The pod is not even tried. Its condition says so since it was created. */
  gated(pod: Pod, cause: Cause): void {
    this.#options.causes.record(subjectOf(pod), pod.spec.schedulerName ?? '', cause)
  }

  /** There is nothing left to explain. */
  settled(pod: Pod): void {
    this.#options.causes.clear(subjectOf(pod), pod.spec.schedulerName ?? '')
  }

  /** Sets `PodScheduled` to False and the promised node, as far as they do not say the same already. */
  async #writeStatus(pod: Pod, { reason, message, nominated }: Failure): Promise<void> {
    const known = conditionOf(pod.status?.conditions, 'PodScheduled')
    const isKnown = known?.status === 'False' && known.reason === reason && known.message === message
    const isNominated = nominated === undefined || nominated === (pod.status?.nominatedNodeName ?? '')
    if (isKnown && isNominated) return
    const now = timeText(this.#options.clock.now())
    const condition = {
      type: 'PodScheduled',
      status: 'False',
      reason,
      message,
      lastProbeTime: null,
      lastTransitionTime: known?.status === 'False' ? (known.lastTransitionTime ?? now) : now,
      ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    }
    const status = {
      ...(isKnown ? {} : { conditions: [condition] }),
      ...(isNominated ? {} : { nominatedNodeName: nominated === '' ? null : nominated }),
    }
    try {
      await unlessGone(this.#options.client.patchStatus(pods, pod.metadata, { type: 'strategic', body: { status } }))
    } catch (error) {
      this.#options.report?.('Cannot write why a pod has no node', error)
    }
  }

  #record(pod: Pod, type: 'Normal' | 'Warning', reason: string, action: string, message: string): void {
    const events = this.#options.eventsOf(pod.spec.schedulerName ?? '')
    events.recordAction(referenceTo(pods, pod), { type, reason, message, action })
  }
}

function subjectOf({ metadata }: Pod): { readonly kind: string; readonly namespace: string; readonly name: string } {
  return { kind: 'Pod', namespace: metadata.namespace ?? '', name: metadata.name }
}

function shortened(message: string): string {
  const bytes = Buffer.from(message)
  if (bytes.length <= longestNote) return message
  return `${bytes.subarray(0, longestNote - 4).toString()} ...`
}

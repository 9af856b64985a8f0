import type { Job } from '#api/batch/v1/job.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { isReady } from '../podAvailability.ts'

/** Keeps a pod until its job has counted it (KEP-2307). */
export const trackingFinalizer = 'batch.kubernetes.io/job-tracking'
export const indexAnnotation = 'batch.kubernetes.io/job-completion-index'
export const failureCountAnnotation = 'batch.kubernetes.io/job-index-failure-count'
export const ignoredCountAnnotation = 'batch.kubernetes.io/job-index-ignored-failure-count'

/** A pod that belongs to no index. */
export const noIndex = -1

/** What a job looks at of one of its pods. */
export interface JobPod {
  readonly pod: Pod
  readonly uid: string
  /** `terminating`: told to end, and not ended. */
  readonly state: 'active' | 'terminating' | 'succeeded' | 'failed'
  readonly isReady: boolean
  /** It has the finalizer: it is not counted for good. */
  readonly isTracked: boolean
  /** Its completion index, or `noIndex`. */
  readonly index: number
}

/** What a job looks at, once for each state of a pod. */
export function jobPodOf(pod: Pod): JobPod {
  return {
    pod,
    uid: pod.metadata.uid ?? '',
    state: stateOf(pod),
    isReady: isReady(pod),
    isTracked: isTracked(pod),
    index: indexOf(pod),
  }
}

export function isTracked({ metadata }: Pod): boolean {
  return metadata.finalizers?.includes(trackingFinalizer) === true
}

/** Equal for pods that a job need not look at any more, and for the others. */
export function jobPodLikeness(pod: Pod): string {
  if (isTracked(pod) || !hasEnded(pod)) return 'open'
  // Whether pods are still selected can be said of all of a job at once where it made their labels.
  const { labels } = pod.metadata
  return `counted ${labels?.['batch.kubernetes.io/controller-uid']} ${labels?.['controller-uid']}`
}

export function hasEnded({ status }: Pod): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

function stateOf({ metadata, status }: Pod): JobPod['state'] {
  if (status?.phase === 'Succeeded') return 'succeeded'
  if (status?.phase === 'Failed') return 'failed'
  return metadata.deletionTimestamp === undefined ? 'active' : 'terminating'
}

function indexOf({ metadata }: Pod): number {
  const text = metadata.annotations?.[indexAnnotation]
  return text !== undefined && /^\+?\d{1,15}$/.test(text) ? Number(text) : noIndex
}

/** Whether a pod is replaced only after it has ended, and not as soon as it is on its way out. */
export function replacesEndedOnly({ spec }: Job): boolean {
  return spec.podReplacementPolicy === 'Failed' || spec.podFailurePolicy !== undefined
}

/** Whether a pod is a failure: some that are told to end never get to say so. */
export function isFailure({ state }: JobPod, job: Job): boolean {
  return state === 'failed' || (state === 'terminating' && !replacesEndedOnly(job))
}

/** Whether a pod has an index that its job wants; every pod of a job without indexes suits. */
export function suitsCompletions({ index }: JobPod, { spec }: Job): boolean {
  return spec.completionMode !== 'Indexed' || (index !== noIndex && index < (spec.completions ?? 0))
}

/** How often the pods of an index failed before this one, and how often that was not held against it. */
export function failuresBefore({ metadata: { annotations } }: Pod): {
  readonly counted: number
  readonly ignored: number
} {
  return {
    counted: countOf(annotations?.[failureCountAnnotation]),
    ignored: countOf(annotations?.[ignoredCountAnnotation]),
  }
}

/** Annotations can be changed by anybody: what is no count is none. */
function countOf(text: string | undefined): number {
  const count = text !== undefined && /^\+?\d{1,10}$/.test(text) ? Number(text) : 0
  return count < 2 ** 31 ? count : 0
}

import type { Job } from '#api/batch/v1/job.ts'
import { countIndexes, hasIndex, indexesOf, mergeIndexes, readIndexes, type IndexRange } from '#machinery/jobIndexes.ts'
import { endOf } from './backOff.ts'
import { meaningOf } from './failurePolicy.ts'
import { failuresBefore, isFailure, suitsCompletions, type JobPod } from './jobPods.ts'

/** What the pods of a job amount to, together with what its status has counted before. */
export interface Tally {
  readonly active: readonly JobPod[]
  readonly terminating: readonly JobPod[]
  readonly succeeded: number
  /** Without failures that the policy ignores. */
  readonly failed: number
  /** Ended well, or badly, and in none of the lists of the status yet. */
  readonly newlySucceeded: readonly JobPod[]
  readonly newlyFailed: readonly JobPod[]
  /** Of an indexed job. */
  readonly indexes?: TalliedIndexes
}

/** How far the indexes of a job are. */
export interface TalliedIndexes {
  /** Those that the status names, and those with the pods that succeeded since. */
  readonly completedBefore: readonly IndexRange[]
  readonly completed: readonly IndexRange[]
  /** With a limit for each index. */
  readonly failed?: readonly IndexRange[]
  /** The last failed pod of each index that has no other: it is kept until the next one knows how often the index failed. */
  readonly last: ReadonlyMap<number, JobPod>
}

/** Counts pods; those that ended and are counted already must not be among them. */
export function tallyPods(job: Job, pods: readonly JobPod[]): Tally {
  const { status = {} } = job
  const { succeeded: uncountedSucceeded = [], failed: uncountedFailed = [] } = status.uncountedTerminatedPods ?? {}
  const uncounted = { succeeded: new Set(uncountedSucceeded), failed: new Set(uncountedFailed) }
  const tracked = pods.filter((each) => each.isTracked && suitsCompletions(each, job))
  const newlySucceeded = tracked.filter(({ state, uid }) => state === 'succeeded' && !uncounted.succeeded.has(uid))
  const newlyFailed = tracked.filter((each) => isFailure(each, job) && !uncounted.failed.has(each.uid))
  const active = pods.filter(({ state }) => state === 'active')
  const held = newlyFailed.filter(({ pod }) => meaningOf(job.spec.podFailurePolicy, pod).counts)
  const indexes = job.spec.completionMode === 'Indexed' ? tallyIndexes(job, tracked, active) : undefined
  const succeeded = (status.succeeded ?? 0) + newlySucceeded.length + uncounted.succeeded.size
  return {
    active,
    terminating: pods.filter(({ state }) => state === 'terminating'),
    succeeded: indexes === undefined ? succeeded : countIndexes(indexes.completed),
    failed: (status.failed ?? 0) + held.length + uncounted.failed.size,
    newlySucceeded,
    newlyFailed,
    ...(indexes === undefined ? {} : { indexes }),
  }
}

function tallyIndexes(job: Job, tracked: readonly JobPod[], active: readonly JobPod[]): TalliedIndexes {
  const { spec, status = {} } = job
  const completions = spec.completions ?? 0
  const completedBefore = readIndexes(status.completedIndexes, completions)
  const succeeded = tracked.filter(({ state }) => state === 'succeeded')
  const completed = mergeIndexes(completedBefore, risingIndexes(succeeded))
  if (spec.backoffLimitPerIndex === undefined) return { completedBefore, completed, last: new Map() }
  const failedBefore = readIndexes(status.failedIndexes, completions)
  const failed = mergeIndexes(failedBefore, risingIndexes(tracked.filter((each) => failsIndex(each, job))))
  const activeIndexes = new Set(active.map(({ index }) => index))
  const last = new Map<number, JobPod>()
  for (const each of tracked) {
    const { index } = each
    if (!isFailure(each, job)) continue
    if (activeIndexes.has(index) || hasIndex(completed, index) || hasIndex(failed, index)) continue
    const other = last.get(index)
    if (other === undefined || isLater(each, other)) last.set(index, each)
  }
  return { completedBefore, completed, failed, last }
}

/** The set of the indexes of pods. */
export function risingIndexes(pods: readonly JobPod[]): readonly IndexRange[] {
  return indexesOf(pods.map(({ index }) => index).toSorted((a, b) => a - b))
}

/** Whether an index fails with this pod: because the policy says so, or because it failed often enough. */
function failsIndex(each: JobPod, job: Job): boolean {
  if (!isFailure(each, job)) return false
  const { action, counts } = meaningOf(job.spec.podFailurePolicy, each.pod)
  if (action === 'FailIndex') return true
  return counts && failuresBefore(each.pod).counted >= (job.spec.backoffLimitPerIndex ?? Infinity)
}

function isLater(one: JobPod, other: JobPod): boolean {
  return allFailuresBefore(one) >= allFailuresBefore(other) && endOf(one.pod) >= endOf(other.pod)
}

/** How often the pods of an index failed before this one, for whatever reason. */
export function allFailuresBefore({ pod }: JobPod): number {
  const { counted, ignored } = failuresBefore(pod)
  return counted + ignored
}

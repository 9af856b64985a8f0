import type { Job, JobCondition } from '#api/batch/v1/job.ts'
import type { Cause } from '#client/causes.ts'
import { conditionOf, isConditionTrue } from '#machinery/conditions.ts'
import { countIndexes, mergeIndexes, missingIndexes } from '#machinery/jobIndexes.ts'
import { millisecondsOf, timeText } from '#machinery/time.ts'
import { endOf, nextTryAt, streakAfter, type FailureStreak } from './backOff.ts'
import { meaningOf } from './failurePolicy.ts'
import { isFailure, noIndex, replacesEndedOnly, type JobPod } from './jobPods.ts'
import { choosePodsToRemove } from './removal.ts'
import { metSuccessRule } from './successPolicy.ts'
import { allFailuresBefore, risingIndexes, tallyPods, type Tally } from './tally.ts'

/** The most pods that one look at a job makes or deletes; the next look does the rest. */
const mostAtOnce = 500

/** For how long changes of pods and of statuses are gathered before a job is looked at, in milliseconds; as in v1.34. */
export const gatherFor = 1_000

/** What to do about the pods of a job. */
export type PodsPlan =
  | { readonly do: 'nothing' }
  /** Each stands for a pod: its index, or `noIndex`. */
  | { readonly do: 'create'; readonly indexes: readonly number[] }
  /** `letGo`: they are not counted, so that their finalizer goes first. */
  | { readonly do: 'delete'; readonly pods: readonly JobPod[]; readonly letGo: boolean }

export interface JobPlan {
  /** When the job began, as its status says it. */
  readonly startTime?: string
  /** How the job ends, if that is decided: `FailureTarget` or `SuccessCriteriaMet`, or `Failed` where that was decided before. */
  readonly verdict?: JobCondition
  readonly tally: Tally
  readonly pods: PodsPlan
  /** There are more pods to be made or deleted, as soon as these are. */
  readonly isPartial?: boolean
  /** The failures in a row as of now. */
  readonly streak: FailureStreak
  /** Look again then, in milliseconds since the epoch, even if nothing changes. */
  readonly recheckAt?: number
  /** Why pods are not made that the job asks for, or why it does not end. */
  readonly cause?: Cause
}

export function isSuspended({ spec }: Pick<Job, 'spec'>): boolean {
  return spec.suspend === true
}

/** Whether a job has ended; it is then left as it is. */
export function isFinished({ status }: Pick<Job, 'status'>): boolean {
  return isConditionTrue(status?.conditions, 'Complete') || isConditionTrue(status?.conditions, 'Failed')
}

/** A condition that holds from now on. */
export function newCondition(type: string, reason: string, message: string, now: number): JobCondition {
  const time = timeText(now)
  return { type, status: 'True', lastProbeTime: time, lastTransitionTime: time, reason, message }
}

/**
 * Decides how a job goes on that has these pods, of which those are left out that ended and are counted for good.
 * `before` are the failures in a row without those that `tallyPods` finds new.
 */
export function planJob(job: Job, pods: readonly JobPod[], before: FailureStreak, now: number): JobPlan {
  const tally = tallyPods(job, pods)
  const startTime = job.status?.startTime ?? (isSuspended(job) ? undefined : timeText(now))
  const deadline = deadlineOf(job, startTime)
  const verdict = decideEnd(job, pods, tally, deadline, now)
  const streak = streakAfter(
    before,
    tally.newlySucceeded.map(({ pod }) => pod),
    tally.newlyFailed.map(({ pod }) => pod),
  )
  const base = { ...(startTime === undefined ? {} : { startTime }), tally, streak }
  if (verdict !== undefined) {
    const left = tally.terminating.length
    const message = `Its end is decided (${verdict.reason}); ${left} of its pods must stop first`
    return {
      ...base,
      verdict,
      pods: { do: 'delete', pods: tally.active, letGo: false },
      ...(left === 0 ? {} : { cause: { reason: 'PodsTerminating', message } }),
    }
  }
  const { recheckAt, ...next } = planPods(job, tally, streak, now)
  const again = Math.min(deadline ?? Infinity, recheckAt ?? Infinity)
  return { ...base, ...next, ...(again === Infinity ? {} : { recheckAt: again }) }
}

/** When a job that runs must have ended; a suspended one has time. */
function deadlineOf(job: Job, startTime: string | undefined): number | undefined {
  const seconds = job.spec.activeDeadlineSeconds
  const started = millisecondsOf(startTime)
  if (seconds === undefined || started === undefined || isSuspended(job)) return undefined
  return started + seconds * 1000
}

/** What was decided before stays; then failures come before successes. */
function decideEnd(
  job: Job,
  pods: readonly JobPod[],
  tally: Tally,
  deadline: number | undefined,
  now: number,
): JobCondition | undefined {
  const { spec, status } = job
  const met = conditionOf(status?.conditions, 'SuccessCriteriaMet')
  if (met?.status === 'True') return met
  const target = conditionOf(status?.conditions, 'FailureTarget')
  if (target?.status === 'True') return newCondition('Failed', target.reason ?? '', target.message ?? '', now)
  const fails = (reason: string, message: string): JobCondition => newCondition('FailureTarget', reason, message, now)
  if (spec.podFailurePolicy !== undefined) {
    for (const each of pods) {
      const message = isFailure(each, job) ? meaningOf(spec.podFailurePolicy, each.pod).message : undefined
      if (message !== undefined) return fails('PodFailurePolicy', message)
    }
  }
  if (tally.failed > (spec.backoffLimit ?? 6) || restartsTooOften(job, pods)) {
    return fails('BackoffLimitExceeded', 'Job has reached the specified backoff limit')
  }
  if (deadline !== undefined && now >= deadline) {
    return fails('DeadlineExceeded', 'Job was active longer than specified deadline')
  }
  const { indexes } = tally
  if (indexes === undefined) return undefined
  if (indexes.failed !== undefined) {
    const failed = countIndexes(indexes.failed)
    if (spec.maxFailedIndexes !== undefined && failed > spec.maxFailedIndexes) {
      return fails('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes')
    }
    if (failed > 0 && failed + countIndexes(indexes.completed) >= (spec.completions ?? 0)) {
      return fails('FailedIndexes', 'Job has failed indexes')
    }
  }
  const rule = metSuccessRule(spec.successPolicy, spec.completions ?? 0, indexes.completed)
  return rule === undefined ? undefined : newCondition('SuccessCriteriaMet', 'SuccessPolicy', rule, now)
}

/** Of pods that run their containers again the restarts count, not the failures. */
function restartsTooOften({ spec }: Job, pods: readonly JobPod[]): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false
  let restarts = 0
  for (const {
    pod: { status },
  } of pods) {
    if (status?.phase !== 'Running' && status?.phase !== 'Pending') continue
    for (const { restartCount } of status.initContainerStatuses ?? []) restarts += restartCount
    for (const { restartCount } of status.containerStatuses ?? []) restarts += restartCount
  }
  return restarts >= Math.max(spec.backoffLimit ?? 6, 1)
}

type Next = Pick<JobPlan, 'pods' | 'isPartial' | 'recheckAt' | 'cause'>

/** Decides about the pods of a job that goes on. */
function planPods(job: Job, tally: Tally, streak: FailureStreak, now: number): Next {
  const { active } = tally
  if (job.metadata.deletionTimestamp !== undefined) return { pods: { do: 'nothing' } }
  if (isSuspended(job)) return { pods: removalOf(active), cause: suspended }
  const wanted = wantedPods(job, tally)
  const surplus = choosePodsToRemove(job, active, Math.max(0, active.length - wanted))
  if (surplus.length > 0) return { pods: removalOf(surplus.slice(0, mostAtOnce)), ...partialOf(surplus.length) }
  const leaving = replacesEndedOnly(job) ? tally.terminating.length : 0
  const allMissing = wanted - leaving - active.length
  if (allMissing <= 0) return { pods: { do: 'nothing' } }
  const missing = Math.min(allMissing, mostAtOnce)
  const { indexes } = tally
  if (job.spec.backoffLimitPerIndex === undefined || indexes === undefined) {
    const next = nextTryAt(streak)
    if (next > now) return waitUntil(next, now, `${streak.count} of its pods failed in a row`)
    return { pods: { do: 'create', indexes: indexesToRun(job, tally, missing) }, ...partialOf(allMissing) }
  }
  const candidates = indexesToRun(job, tally, missing)
  const dueAt = (index: number): number => {
    const last = indexes.last.get(index)
    if (last === undefined) return 0
    return nextTryAt({ count: allFailuresBefore(last) + 1, lastAt: endOf(last.pod) })
  }
  const due = candidates.filter((index) => dueAt(index) <= now)
  if (due.length > 0) return { pods: { do: 'create', indexes: due }, ...partialOf(allMissing) }
  const next = candidates.map(dueAt).reduce((a, b) => Math.min(a, b), Infinity)
  return next === Infinity
    ? { pods: { do: 'create', indexes: [] } }
    : waitUntil(next, now, 'the pods of its indexes failed')
}

const suspended: Cause = {
  reason: 'Suspended',
  message: 'The job is suspended: it has no pods',
  remedy: 'Set spec.suspend to false',
}

function waitUntil(next: number, now: number, why: string): Next {
  const message = `No pod is made before ${timeText(next)}: ${why}`
  const recheckAt = Math.max(next, now + gatherFor)
  return { pods: { do: 'nothing' }, recheckAt, cause: { reason: 'BackOff', message } }
}

const partialOf = (count: number): Pick<Next, 'isPartial'> => (count > mostAtOnce ? { isPartial: true } : {})

function removalOf(pods: readonly JobPod[]): PodsPlan {
  return pods.length === 0 ? { do: 'nothing' } : { do: 'delete', pods, letGo: true }
}

/** How many pods should be active. */
function wantedPods({ spec }: Job, { succeeded, active }: Tally): number {
  const parallelism = spec.parallelism ?? 1
  // With the first success of a work queue no more pods are made, and those that run go on.
  if (spec.completions === undefined) return succeeded > 0 ? active.length : parallelism
  return Math.max(0, Math.min(spec.completions - succeeded, parallelism))
}

/** The indexes of the pods to make: the lowest that have none, have not succeeded and not failed. */
function indexesToRun(job: Job, tally: Tally, count: number): readonly number[] {
  const { active, terminating, indexes } = tally
  if (indexes === undefined) return Array.from({ length: count }, () => noIndex)
  const taken = replacesEndedOnly(job) ? [...active, ...terminating] : active
  const withPods = risingIndexes(taken.filter(({ index }) => index !== noIndex))
  const done = mergeIndexes(indexes.completed, indexes.failed ?? [])
  return missingIndexes(mergeIndexes(done, withPods), job.spec.completions ?? 0, count)
}

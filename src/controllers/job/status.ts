// How a job counts its pods, each once: what ended is noted in the status, then let go of, then counted (KEP-2307).
//
//     pod a Succeeded, with finalizer      status { uncounted: [], succeeded: 0 }
//     first write of the status            status { uncounted: [a], succeeded: 0 }
//     the finalizer goes                   a may be gone from now on
//     second write of the status           status { uncounted: [], succeeded: 1 }
//
// Whoever goes on after any of these steps sees which came before.
import type { Job, JobCondition, JobStatus, UncountedTerminatedPods } from '#api/batch/v1/job.ts'
import type { PodFailurePolicyAction } from '#api/batch/v1/jobPolicies.ts'
import { conditionOf, isConditionTrue } from '#machinery/conditions.ts'
import { countIndexes, formatIndexes, hasIndex, indexesOf, mergeIndexes } from '#machinery/jobIndexes.ts'
import { timeText } from '#machinery/time.ts'
import { meaningOf } from './failurePolicy.ts'
import { isFailure, suitsCompletions, type JobPod } from './jobPods.ts'
import { isSuspended, newCondition, type JobPlan } from './plan.ts'

/** The most pods that are noted at once, so that a status stays small and other jobs have their turn. */
const mostUncounted = 500

/** What became of the plan for pods. */
export interface PodsOutcome {
  readonly created: number
  readonly deleted: readonly JobPod[]
  readonly error?: unknown
}

export interface TrackingPlan {
  /** To be written before pods are let go of. */
  readonly status: JobStatus
  /** Pods to be let go of. */
  readonly release: readonly JobPod[]
  /** There are more to be let go of, as soon as these are. */
  readonly isPartial: boolean
  /** The condition with which the job ends once all of its pods are counted and gone: `Complete` or `Failed`. */
  readonly ending?: JobCondition
  /** What rules of the failure policy do about pods that are to be let go of; absent where none fits. */
  readonly policyActions?: readonly PodFailurePolicyAction[]
  /** Whether the job was suspended or resumed just now. */
  readonly turned?: 'Suspended' | 'Resumed'
}

/** Decides what the status says before pods are let go of. */
export function planTracking(
  job: Job,
  pods: readonly JobPod[],
  plan: JobPlan,
  outcome: PodsOutcome,
  now: number,
): TrackingPlan {
  const { tally } = plan
  const active = tally.active.length + outcome.created - outcome.deleted.length
  const lessReady = outcome.deleted.filter(({ isReady }) => isReady).length
  const counts = {
    active,
    ready: tally.active.filter(({ isReady }) => isReady).length - lessReady,
    terminating: tally.terminating.length + outcome.deleted.length,
  }
  const decided = verdictAfter(job, plan, outcome, active, now)
  const noted = notePods(job, pods, plan, decided)
  const suspension = decided === undefined && isManaged(job) ? suspensionOf(job, now) : undefined
  const conditions = [...(suspension?.conditions ?? job.status?.conditions ?? [])]
  const startTime = suspension?.turned === 'Resumed' ? timeText(now) : plan.startTime
  // What is certain is said before the pods are let go of by which it is.
  if (decided?.type === 'FailureTarget') conditions.push(decided)
  if (decided?.type === 'SuccessCriteriaMet' && !isConditionTrue(conditions, decided.type)) conditions.push(decided)
  const status = statusOf(job, { ...counts, ...noted, conditions, ...(startTime === undefined ? {} : { startTime }) })
  return {
    status,
    release: noted.release,
    isPartial: noted.isPartial,
    ...(noted.policyActions.length === 0 ? {} : { policyActions: noted.policyActions }),
    ...(decided === undefined || noted.isPartial ? {} : { ending: endingOf(decided, now) }),
    ...(suspension?.turned === undefined ? {} : { turned: suspension.turned }),
  }
}

const isManaged = ({ metadata }: Job): boolean => metadata.deletionTimestamp === undefined

/** What is decided once pods were made and deleted: an end waits until every pod is told to end. */
function verdictAfter(
  job: Job,
  { verdict, tally }: JobPlan,
  { deleted }: PodsOutcome,
  active: number,
  now: number,
): JobCondition | undefined {
  if (verdict !== undefined) return deleted.length === tally.active.length ? verdict : undefined
  const needed = job.spec.completions ?? 1
  if (tally.succeeded < needed || active > 0) return undefined
  const message = 'Reached expected number of succeeded pods'
  return newCondition('SuccessCriteriaMet', 'CompletionsReached', message, now)
}

function endingOf(verdict: JobCondition, now: number): JobCondition {
  const type = verdict.type === 'SuccessCriteriaMet' ? 'Complete' : 'Failed'
  return newCondition(type, verdict.reason ?? '', verdict.message ?? '', now)
}

interface Noted {
  readonly succeeded: number
  readonly failed: number
  readonly uncounted: UncountedTerminatedPods
  readonly completedIndexes?: string
  readonly failedIndexes?: string
  readonly release: readonly JobPod[]
  readonly policyActions: readonly PodFailurePolicyAction[]
  /** There are more pods than could be noted. */
  readonly isPartial: boolean
}

/** Notes the pods that ended and are to be let go of, and counts those that were let go of before. */
function notePods(job: Job, pods: readonly JobPod[], { tally }: JobPlan, verdict: JobCondition | undefined): Noted {
  const { indexes } = tally
  const tracked = pods.filter(({ isTracked }) => isTracked)
  const { succeeded, failed, uncounted } = countReleased(job.status ?? {}, new Set(tracked.map(({ uid }) => uid)))
  const known = { succeeded: new Set(uncounted.succeeded), failed: new Set(uncounted.failed) }
  const succeededUids = [...known.succeeded]
  const failedUids = [...known.failed]
  const newIndexes = new Set<number>()
  const release: JobPod[] = []
  const policyActions: PodFailurePolicyAction[] = []
  let isPartial = false
  const leaving = tracked.filter((each) => mayLetGo(each, job, tally.indexes?.last, verdict))
  if (indexes !== undefined) leaving.sort((a, b) => a.index - b.index)
  for (const each of leaving) {
    release.push(each)
    const { uid, index } = each
    if (each.state === 'succeeded' && !known.failed.has(uid)) {
      if (indexes === undefined) {
        if (!known.succeeded.has(uid)) succeededUids.push(uid)
      } else if (suitsCompletions(each, job) && !hasIndex(indexes.completedBefore, index)) newIndexes.add(index)
    } else if (isFailure(each, job) || (verdict !== undefined && verdict.type !== 'SuccessCriteriaMet')) {
      const isNew = !known.failed.has(uid) && suitsCompletions(each, job)
      if (isNew) {
        const { action, counts } = meaningOf(job.spec.podFailurePolicy, each.pod)
        if (action !== undefined) policyActions.push(action)
        if (counts) failedUids.push(uid)
      }
    }
    if (newIndexes.size + succeededUids.length + failedUids.length >= mostUncounted) {
      isPartial = release.length < leaving.length
      break
    }
  }
  const completed =
    indexes === undefined
      ? undefined
      : mergeIndexes(indexes.completed, indexesOf([...newIndexes].toSorted((a, b) => a - b)))
  return {
    succeeded: completed === undefined ? succeeded : countIndexes(completed),
    failed,
    uncounted: uncountedOf(succeededUids, failedUids),
    ...(completed === undefined ? {} : { completedIndexes: formatIndexes(completed) }),
    ...(indexes?.failed === undefined ? {} : { failedIndexes: formatIndexes(indexes.failed) }),
    release,
    policyActions,
    isPartial,
  }
}

/** Whether the job needs a pod no more: all of them when it ends, otherwise those that ended. */
function mayLetGo(
  each: JobPod,
  job: Job,
  last: ReadonlyMap<number, JobPod> | undefined,
  verdict: JobCondition | undefined,
): boolean {
  if (verdict !== undefined || job.metadata.deletionTimestamp !== undefined || each.state === 'succeeded') return true
  return isFailure(each, job) && last?.get(each.index)?.uid !== each.uid
}

/** The counts of a status after pods without the finalizer have moved from its lists into them. */
function countReleased(
  { succeeded = 0, failed = 0, uncountedTerminatedPods = {} }: JobStatus,
  stillTracked: ReadonlySet<string>,
): { readonly succeeded: number; readonly failed: number; readonly uncounted: UncountedTerminatedPods } {
  const before = uncountedTerminatedPods
  const left = (uids: readonly string[] = []): string[] => uids.filter((uid) => stillTracked.has(uid))
  const [succeededLeft, failedLeft] = [left(before.succeeded), left(before.failed)]
  return {
    succeeded: succeeded + (before.succeeded?.length ?? 0) - succeededLeft.length,
    failed: failed + (before.failed?.length ?? 0) - failedLeft.length,
    uncounted: uncountedOf(succeededLeft, failedLeft),
  }
}

function uncountedOf(succeeded: readonly string[], failed: readonly string[]): UncountedTerminatedPods {
  return {
    ...(succeeded.length === 0 ? {} : { succeeded: [...succeeded] }),
    ...(failed.length === 0 ? {} : { failed: [...failed] }),
  }
}

function suspensionOf(
  job: Job,
  now: number,
): { readonly conditions: readonly JobCondition[]; readonly turned?: 'Suspended' | 'Resumed' } {
  const conditions = job.status?.conditions ?? []
  const before = conditionOf(conditions, 'Suspended')
  const suspended = isSuspended(job)
  const next: JobCondition = suspended
    ? newCondition('Suspended', 'JobSuspended', 'Job suspended', now)
    : { ...newCondition('Suspended', 'JobResumed', 'Job resumed', now), status: 'False' }
  const isSame = before?.status === next.status && before.reason === next.reason && before.message === next.message
  // A job that was never suspended says nothing of it.
  if (isSame || (before === undefined && !suspended)) return { conditions }
  const others =
    before === undefined ? [...conditions, next] : conditions.map((each) => (each === before ? next : each))
  return { conditions: others, turned: suspended ? 'Suspended' : 'Resumed' }
}

interface StatusParts extends Omit<Noted, 'release' | 'policyActions' | 'isPartial'> {
  readonly active: number
  readonly ready: number
  readonly terminating: number
  readonly conditions: JobCondition[]
  readonly startTime?: string
}

/** A status in the form in which it is written: a count of nothing is absent, but for the newer ones. */
function statusOf(job: Job, parts: StatusParts): JobStatus {
  const { active, succeeded, failed, uncounted, conditions, completedIndexes = '', ...rest } = parts
  const { completionTime } = job.status ?? {}
  const { ready, terminating, startTime, failedIndexes } = rest
  return {
    ...(conditions.length === 0 ? {} : { conditions }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(completionTime === undefined ? {} : { completionTime }),
    ...(active === 0 ? {} : { active }),
    ...(succeeded === 0 ? {} : { succeeded }),
    ...(failed === 0 ? {} : { failed }),
    terminating,
    ...(completedIndexes === '' ? {} : { completedIndexes }),
    ...(failedIndexes === undefined ? {} : { failedIndexes }),
    uncountedTerminatedPods: uncounted,
    ready,
  }
}

/**
 * The status after pods were let go of: `stillTracked` are those that were not. The job ends with `ending` once nothing is
 * left to count and nothing runs.
 */
export function settleStatus(
  job: Job,
  stillTracked: ReadonlySet<string>,
  ending: JobCondition | undefined,
  now: number,
): { readonly status: JobStatus; readonly ended?: JobCondition } {
  const { status: before = {} } = job
  const counted = countReleased(before, stillTracked)
  const { succeeded, failed, uncounted } = counted
  const isIndexed = job.spec.completionMode === 'Indexed'
  const { conditions = [], succeeded: _succeeded, failed: _failed, ...rest } = before
  const shown = isIndexed ? (before.succeeded ?? 0) : succeeded
  const hasLeft = (uncounted.succeeded ?? uncounted.failed) !== undefined || (before.terminating ?? 0) > 0
  const ended = ending === undefined || hasLeft ? undefined : { ...ending, ...timesOf(now) }
  const all = ended === undefined ? conditions : [...conditions, ended]
  const status: JobStatus = {
    ...rest,
    ...(all.length === 0 ? {} : { conditions: all }),
    ...(shown === 0 ? {} : { succeeded: shown }),
    ...(failed === 0 ? {} : { failed }),
    uncountedTerminatedPods: uncounted,
    ...(ended?.type === 'Complete' ? { completionTime: timeText(now) } : {}),
  }
  return { status, ...(ended === undefined ? {} : { ended }) }
}

function timesOf(now: number): Pick<JobCondition, 'lastProbeTime' | 'lastTransitionTime'> {
  const time = timeText(now)
  return { lastProbeTime: time, lastTransitionTime: time }
}

import type { CronJob, CronJobStatus } from '#api/batch/v1/cronJob.ts'
import type { Job } from '#api/batch/v1/job.ts'
import { cronJobs } from '#api/batch/v1/cronJob.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { Cause } from '#client/causes.ts'
import type { Draft } from '#client/client.ts'
import type { EventNote } from '#client/events.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { controllerReference } from '#machinery/owners.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { countedSince, dueTimesOf, nextDue, passedTimes, type DueTimes } from './schedule.ts'

const timeAnnotation = 'batch.kubernetes.io/cronjob-scheduled-timestamp'

/** How a job ended, if it has. */
export function endingOf({ status }: Job): 'Complete' | 'Failed' | undefined {
  if (isConditionTrue(status?.conditions, 'Complete')) return 'Complete'
  return isConditionTrue(status?.conditions, 'Failed') ? 'Failed' : undefined
}

/** The jobs of a cron job that ended and are more than it keeps, the oldest first. */
export function planHistory({ spec }: CronJob, jobs: readonly Job[]): readonly Job[] {
  const surplusOf = (ending: 'Complete' | 'Failed', limit: number | undefined): readonly Job[] => {
    const ended = jobs.filter((job) => endingOf(job) === ending)
    if (limit === undefined || ended.length <= limit) return []
    return ended.toSorted(byStart).slice(0, ended.length - limit)
  }
  return [
    ...surplusOf('Complete', spec.successfulJobsHistoryLimit),
    ...surplusOf('Failed', spec.failedJobsHistoryLimit),
  ]
}

function byStart(a: Job, b: Job): number {
  const [one, other] = [a, b].map(({ status }) => millisecondsOf(status?.startTime) ?? Infinity) as [number, number]
  if (one !== other) return one - other
  return a.metadata.name < b.metadata.name ? -1 : 1
}

/** What the jobs that are there say about a cron job's status. */
export interface JobsSeen {
  readonly status: CronJobStatus
  readonly notes: readonly EventNote[]
  /** Running, ours, and not in the status: to be looked up anew before it is called unexpected. */
  readonly unexpected: readonly Job[]
  /** In the status, and not there: to be looked up anew before they are called missing. */
  readonly missing: readonly ObjectReference[]
}

/** Brings a status up to date with the jobs that ended. */
export function seeJobs({ status = {} }: Pick<CronJob, 'status'>, jobs: readonly Job[]): JobsSeen {
  const notes: EventNote[] = []
  const unexpected: Job[] = []
  let { active = [], lastSuccessfulTime } = status
  for (const job of jobs) {
    const { uid, name } = job.metadata
    const isActive = active.some((each) => each.uid === uid)
    const ending = endingOf(job)
    if (ending === undefined) {
      if (!isActive) unexpected.push(job)
      continue
    }
    if (isActive) {
      active = active.filter((each) => each.uid !== uid)
      const message = `Saw completed job: ${name}, condition: ${ending}`
      notes.push({ type: 'Normal', reason: 'SawCompletedJob', message })
    }
    const completed = ending === 'Complete' ? job.status?.completionTime : undefined
    if (completed !== undefined && (millisecondsOf(completed) ?? 0) > (millisecondsOf(lastSuccessfulTime) ?? 0)) {
      lastSuccessfulTime = completed
    }
  }
  const there = new Set(jobs.map(({ metadata }) => metadata.uid))
  const missing = active.filter(({ uid }) => !there.has(uid))
  return { status: statusOf({ ...status, active, lastSuccessfulTime }), notes, unexpected, missing }
}

/** A status in the form in which it is written: without what is empty. */
export function statusOf({ active = [], lastScheduleTime, lastSuccessfulTime }: StatusParts): CronJobStatus {
  return {
    ...(active.length === 0 ? {} : { active: [...active] }),
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
  }
}

type StatusParts = { readonly [F in keyof CronJobStatus]?: CronJobStatus[F] | undefined }

/** Whether a job is to be made now. */
export interface StartPlan {
  readonly notes: readonly EventNote[]
  /** The time for which a job is made, in milliseconds since the epoch. */
  readonly start?: number
  /** Jobs that make room for it. */
  readonly replace: readonly ObjectReference[]
  /** Look again then, in milliseconds since the epoch. */
  readonly recheckAt?: number
  /** Why no job is made although it is due, or none will ever be. */
  readonly cause?: Cause
}

/**
 * Decides whether a cron job with this status is due. `changedAt` is when its schedule became what it is, as far as that
 * is known: times of a schedule that were before it are no missed ones.
 */
export function planStart(cronJob: CronJob, changedAt: number, now: number): StartPlan {
  const { metadata, spec, status } = cronJob
  const notes: EventNote[] = []
  if (metadata.deletionTimestamp !== undefined) return { notes, replace: [] }
  const times = dueTimesOf(cronJob)
  // A zone is looked at before the job is asked whether it is suspended, a schedule after.
  if (spec.suspend === true && !('reason' in times && times.reason === 'UnknownTimeZone')) {
    return { notes, replace: [], cause: suspended }
  }
  if (spec.schedule.includes('TZ')) notes.push(unsupportedZone(spec.schedule))
  if ('reason' in times) {
    notes.push({ type: 'Warning', ...times })
    return { notes, replace: [], cause: { ...times, remedy: 'Correct spec.schedule or spec.timeZone' } }
  }
  const deadline = spec.startingDeadlineSeconds === undefined ? undefined : spec.startingDeadlineSeconds * 1000
  const since = countedSince(cronJob, changedAt)
  const passed = passedTimes(times, deadline === undefined ? since : Math.max(since, now - deadline), now)
  if (passed === undefined) {
    const problem = 'time difference between two schedules is less than 1 second'
    notes.push({
      type: 'Warning',
      reason: 'InvalidSchedule',
      message: `invalid schedule: ${spec.schedule} : ${problem}`,
    })
    const message = `No date of the next five years suits the schedule "${spec.schedule}"`
    return { notes, replace: [], cause: { reason: 'InvalidSchedule', message, remedy: 'Correct spec.schedule' } }
  }
  const wait = (): StartPlan => ({ notes, replace: [], ...recheck(times, since, now) })
  const { latest, missed } = passed
  if (latest === undefined) return wait()
  if (missed === 'many') notes.push(tooManyMissed)
  const name = jobNameOf(cronJob, latest)
  const active = status?.active ?? []
  if (active.some((each) => each.name === name) || millisecondsOf(status?.lastScheduleTime) === latest) return wait()
  if (spec.concurrencyPolicy === 'Forbid' && active.length > 0) {
    notes.push(alreadyActive)
    const involves = active.map(({ namespace = '', name: job = '' }) => ({ kind: 'Job', namespace, name: job }))
    const { reason, message } = alreadyActive
    return { ...wait(), cause: { reason, message, involves } }
  }
  const replace = spec.concurrencyPolicy === 'Replace' ? active : []
  return { notes, start: latest, replace, ...recheck(times, latest, now) }
}

function recheck(times: DueTimes, since: number, now: number): { readonly recheckAt?: number } {
  const next = nextDue(times, since, now)
  return next === undefined ? {} : { recheckAt: next }
}

/** The name says for which minute a job is, so that none is made twice. */
function jobNameOf({ metadata }: CronJob, time: number): string {
  return `${metadata.name}-${Math.floor(time / 60_000)}`
}

/** The job that a cron job makes for a time. */
export function jobAt(cronJob: CronJob, time: number): Draft<Job> {
  const { metadata, spec } = cronJob
  const { labels, annotations } = spec.jobTemplate.metadata ?? {}
  return {
    metadata: {
      name: jobNameOf(cronJob, time),
      ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [timeAnnotation]: zonedTime(time, spec.timeZone) },
      ownerReferences: [controllerReference(cronJob, cronJobs)],
    },
    spec: spec.jobTemplate.spec,
  }
}

/** A moment with the offset of a zone: `2025-01-01T09:00:00+09:00`, with `Z` where that is nothing. */
function zonedTime(time: number, zone = 'UTC'): string {
  const zoned = Temporal.Instant.fromEpochMilliseconds(time).toZonedDateTimeISO(zone)
  const text = zoned.toString({ timeZoneName: 'never', smallestUnit: 'second' })
  return zoned.offsetNanoseconds === 0 ? text.replace(/\+00:00$/, 'Z') : text
}

const suspended: Cause = {
  reason: 'Suspended',
  message: 'The cron job is suspended: it makes no jobs',
  remedy: 'Set spec.suspend to false',
}

const tooManyMissed: EventNote = {
  type: 'Warning',
  reason: 'TooManyMissedTimes',
  message: 'too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew',
}

const alreadyActive: EventNote = {
  type: 'Normal',
  reason: 'JobAlreadyActive',
  message: 'Not starting job because prior execution is running and concurrency policy is Forbid',
}

function unsupportedZone(schedule: string): EventNote {
  const help = 'https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/'
  const message = `CRON_TZ or TZ used in schedule ${JSON.stringify(schedule)} is not officially supported, see ${help} for more details`
  return { type: 'Warning', reason: 'UnsupportedSchedule', message }
}

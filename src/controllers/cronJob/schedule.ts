import type { CronJob } from '#api/batch/v1/cronJob.ts'
import { nextCronTime, parseCronSchedule, type CronSchedule } from '#machinery/cronSchedule.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { isTimeZone } from '#machinery/timeZone.ts'

/** The times at which a cron job is due. */
export interface DueTimes {
  /** The first one after a moment, in milliseconds since the epoch; undefined when there is none in the next five years. */
  next(after: number): number | undefined
}

/** Why a cron job is never due, with the event that says so. */
export interface Unschedulable {
  readonly reason: 'UnknownTimeZone' | 'UnparseableSchedule' | 'InvalidSchedule'
  readonly message: string
}

/** Reads when a cron job is due. */
export function dueTimesOf({ spec: { schedule, timeZone } }: CronJob): DueTimes | Unschedulable {
  if (timeZone !== undefined && !isTimeZone(timeZone)) {
    const message = `invalid timeZone: ${JSON.stringify(timeZone)}: unknown time zone ${timeZone}`
    return { reason: 'UnknownTimeZone', message }
  }
  const parsed = parseCronSchedule(schedule)
  if ('problem' in parsed) {
    const message = `unparseable schedule: ${JSON.stringify(schedule)} : ${parsed.problem}`
    return { reason: 'UnparseableSchedule', message }
  }
  return { next: (after) => nextCronTime(parsed satisfies CronSchedule, after, timeZone) }
}

/** Which times have passed since a moment. */
export interface PassedTimes {
  /** The latest of them. */
  readonly latest?: number
  /** Beside the latest: nothing, some, or more than a hundred. */
  readonly missed: 'none' | 'some' | 'many'
}

const many = 100

/**
 * The times after `since` and up to `now`; undefined when the schedule has no two times to speak of, such as the 31st of
 * February. How many were missed is estimated by the span between the first two, so that years of them cost nothing.
 */
export function passedTimes(times: DueTimes, since: number, now: number): PassedTimes | undefined {
  const first = times.next(since)
  if (first === undefined) return undefined
  if (now < first) return { missed: 'none' }
  const second = times.next(first)
  if (second === undefined) return undefined
  if (now < second) return { latest: first, missed: 'none' }
  const span = second - first
  const count = Math.floor((now - first) / span) + 1
  let latest: number | undefined
  // From a little before the estimated last one: spans differ, as between `6-16/4` of two days.
  for (let time = times.next(first + (count - 2) * span); time !== undefined && time <= now; time = times.next(time)) {
    latest = time
  }
  return { ...(latest === undefined ? {} : { latest }), missed: count > many ? 'many' : 'some' }
}

/** Since when times count that have passed: those before the last job, or before the cron job was made, are over. */
export function countedSince({ metadata, status }: CronJob, changedAt: number): number {
  const last = millisecondsOf(status?.lastScheduleTime) ?? millisecondsOf(metadata.creationTimestamp) ?? 0
  return Math.max(last, changedAt)
}

/** When a cron job is due after now. */
export function nextDue(times: DueTimes, since: number, now: number): number | undefined {
  const passed = passedTimes(times, since, now)
  if (passed?.latest !== undefined) return times.next(passed.latest)
  return times.next(passed?.missed === 'none' ? since : now)
}

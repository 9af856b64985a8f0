import type { Job } from '#api/batch/v1/job.ts'
import { millisecondsOf } from '#machinery/time.ts'

export type ExpiryPlan =
  | { readonly do: 'nothing' }
  /** In milliseconds since the epoch. */
  | { readonly do: 'wait'; readonly until: number }
  /** Its time was over at that moment. */
  | { readonly do: 'delete'; readonly since: number }

/** Decides whether a job that has ended was kept for long enough (KEP-592). */
export function planExpiry({ metadata, spec, status }: Job, now: number): ExpiryPlan {
  const seconds = spec.ttlSecondsAfterFinished
  if (seconds === undefined || metadata.deletionTimestamp !== undefined) return { do: 'nothing' }
  const end = status?.conditions?.find(
    (each) => (each.type === 'Complete' || each.type === 'Failed') && each.status === 'True',
  )
  const ended = millisecondsOf(end?.lastTransitionTime)
  if (ended === undefined) return { do: 'nothing' }
  const until = ended + seconds * 1000
  return until <= now ? { do: 'delete', since: until } : { do: 'wait', until }
}

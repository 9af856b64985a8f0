import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { millisecondsOf } from '#machinery/time.ts'

const firstDelay = 10_000
const longestDelay = 600_000

/** The failures of a job's pods since one of them succeeded. */
export interface FailureStreak {
  readonly count: number
  /** When the last of them ended, in milliseconds since the epoch; meaningless for none. */
  readonly lastAt: number
}

export const noFailures: FailureStreak = { count: 0, lastAt: 0 }

/** The streak after more pods have ended. Of a success only what failed after it is left. */
export function streakAfter(before: FailureStreak, succeeded: readonly Pod[], failed: readonly Pod[]): FailureStreak {
  const failedAt = failed.map(endOf)
  if (succeeded.length === 0) {
    if (failedAt.length === 0) return before
    return { count: before.count + failedAt.length, lastAt: Math.max(...failedAt) }
  }
  const lastSuccess = succeeded.map(endOf).reduce((a, b) => Math.max(a, b))
  const after = failedAt.filter((time) => time > lastSuccess)
  return after.length === 0 ? noFailures : { count: after.length, lastAt: Math.max(...after) }
}

/** When the next pod may be made, in milliseconds since the epoch: 10 s after the first failure, doubling up to 10 minutes. */
export function nextTryAt({ count, lastAt }: FailureStreak): number {
  return count === 0 ? 0 : lastAt + Math.min(firstDelay * 2 ** Math.min(count - 1, 10), longestDelay)
}

/**
 * When a pod ended: with the last of its containers, else when it stopped being ready, else when it was told to end, else
 * when it was made.
 */
export function endOf({ metadata, spec, status }: Pod): number {
  const sidecars = new Set(
    (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always').map(({ name }) => name),
  )
  const ends = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []).filter(({ name }) => sidecars.has(name)),
  ].map(({ state }: ContainerStatus) => millisecondsOf(state?.terminated?.finishedAt))
  if (ends.length > 0 && !ends.includes(undefined)) return Math.max(...(ends as number[]))
  const ready = conditionOf(status?.conditions, 'Ready')
  const unreadySince = ready?.status === 'False' ? millisecondsOf(ready.lastTransitionTime) : undefined
  if (unreadySince !== undefined) return unreadySince
  const deleted = millisecondsOf(metadata.deletionTimestamp)
  if (deleted !== undefined) return deleted - (metadata.deletionGracePeriodSeconds ?? 0) * 1000
  return millisecondsOf(metadata.creationTimestamp) ?? 0
}

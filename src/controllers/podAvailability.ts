import type { Pod } from '#api/core/v1/pod.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { conditionOf, isConditionTrue } from '#machinery/conditions.ts'

/** Whether a pod counts for its owner: not finished and not on its way out. */
export function isActive(pod: Pod): boolean {
  const phase = pod.status?.phase
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined
}

export function isReady(pod: Pod): boolean {
  return isConditionTrue(pod.status?.conditions, 'Ready')
}

/**
 * When a pod is available, in milliseconds since the epoch: as soon as it was ready for `minReadySeconds` on end.
 * Undefined while it is not ready.
 */
export function availableAt(pod: Pod, minReadySeconds: number): number | undefined {
  const ready = conditionOf(pod.status?.conditions, 'Ready')
  if (ready?.status !== 'True') return undefined
  if (minReadySeconds === 0) return 0
  const since = millisecondsOf(ready.lastTransitionTime)
  return since === undefined ? undefined : since + minReadySeconds * 1000
}

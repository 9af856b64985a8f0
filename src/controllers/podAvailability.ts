import type { Pod } from '#api/core/v1/pod.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { conditionOf, isConditionTrue } from '#machinery/conditions.ts'

/** Whether a pod counts for its owner: not finished and not on its way out. */
export function isActive(pod: Pod): boolean {
  const phase = pod.status?.phase
  return phase !== 'Succeeded' && phase !== 'Failed' && pod.metadata.deletionTimestamp === undefined
}

/**
 * Equal for pods that are the same in all that their owners claim and count them by: labels, phase, whether they are
 * being deleted, and since when they are ready.
 */
export function podLikeness({ metadata, status }: Pod): string {
  const ready = conditionOf(status?.conditions, 'Ready')
  const readySince = ready?.status === 'True' ? (ready.lastTransitionTime ?? '') : 'never'
  const deleted = metadata.deletionTimestamp === undefined ? '' : 'deleted'
  let likeness = `${status?.phase ?? ''} ${deleted} ${readySince}`
  const { labels } = metadata
  // No name of a label has a comma, nor any value.
  for (const name in labels) likeness += `,${name}=${labels[name]}`
  return likeness
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

/** Why a pod is not available, as far as its owner counts; what is wrong with it says `podTrouble`. */
export function whyUnavailable(pod: Pod): string {
  if (pod.metadata.deletionTimestamp !== undefined) return 'it is being deleted'
  return isReady(pod) ? 'it has not been ready for long enough' : 'it is not ready'
}

import type { Pod } from '#api/core/v1/pod.ts'
import type { Taint } from '#api/core/v1/scheduling.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { tolerates } from '#machinery/taints.ts'

/**
 * When a pod has to leave its node because of taints with the effect NoExecute, in milliseconds since the epoch;
 * undefined when it may stay. A tolerated taint counts from when it was added or the pod came, whichever was later,
 * so that the time runs on when this process starts anew. One that does not say when it was added, as by `kubectl taint`,
 * counts from `seen`, when the pod was first told to leave.
 */
export function leavesAt(pod: Pod, taints: readonly Taint[], now: number, seen = now): number | undefined {
  const arrived =
    millisecondsOf(conditionOf(pod.status?.conditions, 'PodScheduled')?.lastTransitionTime) ??
    millisecondsOf(pod.metadata.creationTimestamp) ??
    now
  let leaves: number | undefined
  for (const taint of taints) {
    if (taint.effect !== 'NoExecute') continue
    // Of several tolerations the first counts, as upstream: a pod that tolerates everything before anything else stays.
    const toleration = (pod.spec.tolerations ?? []).find((each) => tolerates(each, taint))
    if (toleration === undefined) return now
    const { tolerationSeconds } = toleration
    if (tolerationSeconds === undefined) continue
    const since = Math.max(millisecondsOf(taint.timeAdded) ?? seen, arrived)
    const end = tolerationSeconds <= 0 ? now : since + tolerationSeconds * 1000
    if (leaves === undefined || end < leaves) leaves = end
  }
  return leaves
}

import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { millisecondsOf } from '#machinery/time.ts'
import { isConditionTrue } from '#machinery/conditions.ts'

/** How long a node must be missing before its pods are lost: it may only be slow to be seen. */
const quarantine = 40_000
const outOfServiceTaint = 'node.kubernetes.io/out-of-service'

/** Why nobody will ever end a pod, as metrics say it. */
export type RemovalReason = 'terminated' | 'out-of-service' | 'orphaned' | 'unscheduled'

export interface Removal {
  readonly pod: Pod
  readonly reason: RemovalReason
  /** What its status says besides that it failed, for the pods of a node that is no more. */
  readonly cause?: { readonly reason: string; readonly message: string }
}

export interface RemovalPlan {
  readonly remove: readonly Removal[]
  /** Nodes that pods name and that are missing, with when that was first seen. */
  readonly missing: ReadonlyMap<string, number>
  /** Missing for long enough: ask the server before their pods are removed. */
  readonly suspects: ReadonlySet<string>
}

/** Decides which pods nobody will ever end: their node is gone, or they never had one. */
export function planRemovals(
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
  missingBefore: ReadonlyMap<string, number>,
  threshold: number,
  now: number,
): RemovalPlan {
  const missing = new Map<string, number>()
  const remove: Removal[] = []
  for (const pod of pods) {
    const { nodeName = '' } = pod.spec
    const ending = pod.metadata.deletionTimestamp !== undefined
    if (nodeName === '') {
      if (ending) remove.push({ pod, reason: 'unscheduled' })
      continue
    }
    const node = nodeOf(nodeName)
    if (node === undefined) missing.set(nodeName, missingBefore.get(nodeName) ?? now)
    else if (ending && isOutOfService(node)) remove.push({ pod, reason: 'out-of-service' })
  }
  const suspects = new Set([...missing].filter(([, since]) => now - since >= quarantine).map(([name]) => name))
  return { remove: [...remove, ...surplus(pods, threshold)], missing, suspects }
}

/** The pods of a node that is gone for good. */
export function planOrphans(pods: readonly Pod[], node: string): readonly Removal[] {
  return pods
    .filter(({ spec }) => spec.nodeName === node)
    .map((pod) => ({
      pod,
      reason: 'orphaned',
      cause: { reason: 'DeletionByPodGC', message: 'PodGC: node no longer exists' },
    }))
}

/** A node that somebody declared dead, and that does not answer. */
function isOutOfService(node: Node): boolean {
  const declared = node.spec.taints?.some(({ key }) => key === outOfServiceTaint) === true
  return declared && !isConditionTrue(node.status?.conditions, 'Ready')
}

/** The finished pods above the number that is kept: first those that nodes evicted, then the oldest. */
function surplus(pods: readonly Pod[], threshold: number): readonly Removal[] {
  const finished = pods.filter(({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed')
  if (threshold <= 0 || finished.length <= threshold) return []
  const created = ({ metadata }: Pod): number => millisecondsOf(metadata.creationTimestamp) ?? 0
  return finished
    .toSorted(
      (a, b) =>
        wasEvicted(b) - wasEvicted(a) || created(a) - created(b) || (a.metadata.name < b.metadata.name ? -1 : 1),
    )
    .slice(0, finished.length - threshold)
    .map((pod) => ({ pod, reason: 'terminated' }))
}

/** 1 for a pod that its node ended for want of resources: nobody counts on its record. */
function wasEvicted({ status }: Pod): number {
  return status?.phase === 'Failed' && status.reason === 'Evicted' ? 1 : 0
}

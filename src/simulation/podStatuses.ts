import type { Pod } from '#api/core/v1/pod.ts'
import type { PodStatus } from '#api/core/v1/podStatus.ts'

/** Whether two statuses say the same; the API writes times that were never set as null. */
export function sameStatus(a: PodStatus, b: PodStatus | undefined): boolean {
  return isSame(a, b ?? {})
}

function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return (a ?? undefined) === (b ?? undefined)
  if (Array.isArray(a) !== Array.isArray(b)) return false
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>]
  for (const field in left) if (!isSame(left[field], right[field])) return false
  for (const field in right) if (!(field in left) && (right[field] ?? undefined) !== undefined) return false
  return true
}

/** What a node looks at of a pod's metadata. */
const metadataForNode = [
  'uid',
  'generation',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
] as const

/** Whether a pod is the same in all that its node looks at. */
export function isSameToNode(a: Pod, b: Pod): boolean {
  if (a.metadata.resourceVersion === b.metadata.resourceVersion) return true
  return (
    metadataForNode.every((each) => isSame(a.metadata[each], b.metadata[each])) &&
    isSame(a.status, b.status) &&
    isSame(a.spec, b.spec)
  )
}

/** Whether a pod has run to its end. */
export function isOver({ status }: Pick<Pod, 'status'>): boolean {
  return status?.phase === 'Succeeded' || status?.phase === 'Failed'
}

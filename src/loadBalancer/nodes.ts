import type { Node } from '#api/core/v1/node.ts'

/** A node with this label takes no connections of load balancers. */
const excludedLabel = 'node.kubernetes.io/exclude-from-external-load-balancers'
/** A node with this taint is about to be removed. */
const removedTaint = 'ToBeDeletedByClusterAutoscaler'

/** Whether a node takes connections of load balancers, as Kubernetes' service controller decides. */
export function isAvailable({ metadata, spec, status }: Node): boolean {
  if (metadata.deletionTimestamp !== undefined || excludedLabel in (metadata.labels ?? {})) return false
  if (spec?.taints?.some(({ key }) => key === removedTaint) === true) return false
  return status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True') === true
}

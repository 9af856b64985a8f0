// Priority classes: names for how important pods are.
import { resource } from '#api/resource.ts'
import type { PreemptionPolicy } from '#api/core/v1/pod.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'

/** Gives a priority a name that pods can refer to. */
export interface PriorityClass extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The priority that pods of the class get; higher goes first, and a billion is the most for classes of one's own. */
  value: int32
  /** Whether pods without a class belong to this one; at most one class of a cluster is so. */
  globalDefault?: boolean
  /** For people: when the class is the right one. */
  description?: string
  /** Whether waiting pods of the class may push less important ones from a node. @default PreemptLowerPriority */
  preemptionPolicy?: PreemptionPolicy
}

/** The kind PriorityClass as it is addressed: `priorityclasses` of scheduling.k8s.io. */
export const priorityClasses = resource<PriorityClass>({
  group: 'scheduling.k8s.io',
  version: 'v1',
  kind: 'PriorityClass',
  plural: 'priorityclasses',
  scope: 'Cluster',
  shortNames: ['pc'],
})

/** Several objects of kind PriorityClass, as a list request returns them. */
export interface PriorityClassList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: PriorityClass[]
}

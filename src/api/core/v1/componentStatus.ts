// Component statuses: an old health report of the control plane.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** An old health report of a part of the control plane; read only. */
export interface ComponentStatus extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What was found. @listMap type */
  conditions?: ComponentCondition[]
}

/** The kind ComponentStatus as it is addressed: `componentstatuses`. */
export const componentStatuses = resource<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  scope: 'Cluster',
  shortNames: ['cs'],
})

/** The health of one part of the control plane. */
export interface ComponentCondition {
  /** `Healthy`. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** What the check answered. */
  message?: string
  /** Why the check failed. */
  error?: string
}

/** Several objects of kind ComponentStatus, as a list request returns them. */
export interface ComponentStatusList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ComponentStatus[]
}

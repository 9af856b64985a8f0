import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

export interface ComponentStatus extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
  /** @listMap type */
  conditions?: ComponentCondition[]
}

export const componentStatuses = resource<ComponentStatus>({
  group: '',
  version: 'v1',
  kind: 'ComponentStatus',
  plural: 'componentstatuses',
  scope: 'Cluster',
  shortNames: ['cs'],
})

export interface ComponentCondition {
  type: string
  status: ConditionStatus
  message?: string
  error?: string
}

/** Several objects of kind ComponentStatus, as a list request returns them. */
export interface ComponentStatusList extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: ComponentStatus[]
}

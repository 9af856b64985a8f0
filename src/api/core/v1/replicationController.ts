import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'
import type { PodTemplateSpec } from './podTemplate.ts'

export interface ReplicationController extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
  /** @optional */
  spec: ReplicationControllerSpec
  status?: ReplicationControllerStatus
}

export const replicationControllers = resource<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  scope: 'Namespaced',
  shortNames: ['rc'],
  categories: ['all'],
})

export interface ReplicationControllerSpec {
  /** @default 1 @minimum 0 */
  replicas?: int32
  /** @minimum 0 */
  minReadySeconds?: int32
  /** @atomic */
  selector?: Record<string, string>
  template?: PodTemplateSpec
}

export interface ReplicationControllerStatus {
  replicas: int32
  fullyLabeledReplicas?: int32
  readyReplicas?: int32
  availableReplicas?: int32
  observedGeneration?: int64
  /** @listMap type */
  conditions?: ReplicationControllerCondition[]
}

export interface ReplicationControllerCondition {
  type: string
  status: ConditionStatus
  lastTransitionTime?: Time
  reason?: string
  message?: string
}

/** Several objects of kind ReplicationController, as a list request returns them. */
export interface ReplicationControllerList extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: ReplicationController[]
}

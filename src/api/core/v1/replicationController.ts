import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'
import type { PodTemplateSpec } from './podTemplate.ts'

export interface ReplicationController extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: ReplicationControllerSpec
  /** @default {} */
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
  /** @default 0 */
  replicas: int32
  fullyLabeledReplicas?: int32
  readyReplicas?: int32
  availableReplicas?: int32
  observedGeneration?: int64
  /** @listMap type */
  conditions?: ReplicationControllerCondition[]
}

export interface ReplicationControllerCondition {
  /** Names what the condition is about. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why `status` is what it is, for programs. */
  reason?: string
  /** Why `status` is what it is, for people. */
  message?: string
}

/** Several objects of kind ReplicationController, as a list request returns them. */
export interface ReplicationControllerList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ReplicationController[]
}

import { resource } from '#api/resource.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'

export interface ReplicaSet extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: ReplicaSetSpec
  /** @default {} */
  status?: ReplicaSetStatus
}

export const replicaSets = resource<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  scope: 'Namespaced',
  shortNames: ['rs'],
  categories: ['all'],
})

export interface ReplicaSetSpec {
  /** @default 1 @minimum 0 */
  replicas?: int32
  /** @minimum 0 */
  minReadySeconds?: int32
  /** @immutable */
  selector: LabelSelector
  /** @default {} */
  template?: PodTemplateSpec
}

export interface ReplicaSetStatus {
  /** @default 0 */
  replicas: int32
  fullyLabeledReplicas?: int32
  readyReplicas?: int32
  availableReplicas?: int32
  terminatingReplicas?: int32
  observedGeneration?: int64
  /** @listMap type */
  conditions?: ReplicaSetCondition[]
}

export interface ReplicaSetCondition {
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

/** Several objects of kind ReplicaSet, as a list request returns them. */
export interface ReplicaSetList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ReplicaSet[]
}

import { resource } from '#api/resource.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

export interface StatefulSet extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: StatefulSetSpec
  /** @default {} */
  status?: StatefulSetStatus
}

export const statefulSets = resource<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  scope: 'Namespaced',
  shortNames: ['sts'],
  categories: ['all'],
})

export interface StatefulSetSpec {
  /** @default 1 @minimum 0 */
  replicas?: int32
  selector: LabelSelector
  /** @default {} */
  template: PodTemplateSpec
  volumeClaimTemplates?: PersistentVolumeClaim[]
  serviceName?: string
  /** @default OrderedReady */
  podManagementPolicy?: PodManagementPolicyType
  /** @default {} */
  updateStrategy?: StatefulSetUpdateStrategy
  /** @default 10 @minimum 0 */
  revisionHistoryLimit?: int32
  /** @minimum 0 */
  minReadySeconds?: int32
  /** @default {} */
  persistentVolumeClaimRetentionPolicy?: StatefulSetPersistentVolumeClaimRetentionPolicy
  ordinals?: StatefulSetOrdinals
}

export interface StatefulSetUpdateStrategy {
  /** @default RollingUpdate */
  type?: StatefulSetUpdateStrategyType
  rollingUpdate?: RollingUpdateStatefulSetStrategy
}

export interface RollingUpdateStatefulSetStrategy {
  /** @default 0 @minimum 0 */
  partition?: int32
  maxUnavailable?: IntOrString
}

export interface StatefulSetPersistentVolumeClaimRetentionPolicy {
  /** @default Retain */
  whenDeleted?: PersistentVolumeClaimRetentionPolicyType
  /** @default Retain */
  whenScaled?: PersistentVolumeClaimRetentionPolicyType
}

export interface StatefulSetOrdinals {
  /** @minimum 0 */
  start?: int32
}

export interface StatefulSetStatus {
  observedGeneration?: int64
  /** @default 0 */
  replicas: int32
  readyReplicas?: int32
  currentReplicas?: int32
  updatedReplicas?: int32
  currentRevision?: string
  updateRevision?: string
  collisionCount?: int32
  /** @listMap type */
  conditions?: StatefulSetCondition[]
  /** @default 0 */
  availableReplicas?: int32
}

export interface StatefulSetCondition {
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

/** Several objects of kind StatefulSet, as a list request returns them. */
export interface StatefulSetList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: StatefulSet[]
}

export type PodManagementPolicyType = 'OrderedReady' | 'Parallel'

export type StatefulSetUpdateStrategyType = 'RollingUpdate' | 'OnDelete'

export type PersistentVolumeClaimRetentionPolicyType = 'Retain' | 'Delete'

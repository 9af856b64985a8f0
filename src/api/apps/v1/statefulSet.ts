// StatefulSets: numbered pods that keep their names and their storage.
import { resource } from '#api/resource.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

/** Runs numbered pods that keep their name and their volumes when they are replaced. */
export interface StatefulSet extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What should run and how it is changed. @default {} @optional */
  spec: StatefulSetSpec
  /** Which pods there are and of which revision. @default {} */
  status?: StatefulSetStatus
}

/** The kind StatefulSet as it is addressed: `statefulsets` of apps. */
export const statefulSets = resource<StatefulSet>({
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  scope: 'Namespaced',
  shortNames: ['sts'],
  categories: ['all'],
})

/** What should run and how it is changed. */
export interface StatefulSetSpec {
  /** How many pods there should be. @default 1 @minimum 0 */
  replicas?: int32
  /** Which pods belong to the set; must match the template's labels. */
  selector: LabelSelector
  /** The pods to make, named after the set and their number. Its restart policy must be `Always`. @default {} */
  template: PodTemplateSpec
  /** Claims that each pod gets for itself; each must be mounted by a container under its name. */
  volumeClaimTemplates?: PersistentVolumeClaim[]
  /** The headless service that gives the pods their host names. @default "" */
  serviceName?: string
  /** Whether pods start and stop in order or all at once. @default OrderedReady */
  podManagementPolicy?: PodManagementPolicyType
  /** How pods are replaced when the template changes. @default {} */
  updateStrategy?: StatefulSetUpdateStrategy
  /** How many old revisions are kept to go back to. @default 10 */
  revisionHistoryLimit?: int32
  /** How long a pod must be ready before it counts as available. @minimum 0 */
  minReadySeconds?: int32
  /** What happens to the claims made from the templates. @default {} */
  persistentVolumeClaimRetentionPolicy?: StatefulSetPersistentVolumeClaimRetentionPolicy
  /** How the pods are numbered. */
  ordinals?: StatefulSetOrdinals
}

/** How pods are replaced when the template changes. */
export interface StatefulSetUpdateStrategy {
  /** Whether the controller replaces pods or waits for their deletion. @default RollingUpdate */
  type?: StatefulSetUpdateStrategyType
  /** Which pods and how many at a time; only with type `RollingUpdate`. */
  rollingUpdate?: RollingUpdateStatefulSetStrategy
}

/** Which pods are replaced, and how many at a time. */
export interface RollingUpdateStatefulSetStrategy {
  /** Pods with a lower number keep the old template. @default 0 @minimum 0 */
  partition?: int32
  /** How many pods may be unavailable meanwhile; 1 when absent, never 0. */
  maxUnavailable?: IntOrString
}

/** What happens to the claims made from the templates. */
export interface StatefulSetPersistentVolumeClaimRetentionPolicy {
  /** When the set is deleted. @default Retain */
  whenDeleted?: PersistentVolumeClaimRetentionPolicyType
  /** When their pod is scaled away. @default Retain */
  whenScaled?: PersistentVolumeClaimRetentionPolicyType
}

/** How the pods are numbered. */
export interface StatefulSetOrdinals {
  /** The number of the first pod; 0 when absent. @default 0 @minimum 0 */
  start?: int32
}

/** Which pods a StatefulSet has and of which revision. */
export interface StatefulSetStatus {
  /** The `metadata.generation` that the controller last took in. */
  observedGeneration?: int64
  /** Pods that were made. @default 0 */
  replicas: int32
  /** Those that are ready. */
  readyReplicas?: int32
  /** Those of `currentRevision`. */
  currentReplicas?: int32
  /** Those of `updateRevision`. */
  updatedReplicas?: int32
  /** The revision that pods not yet replaced have. */
  currentRevision?: string
  /** The revision that pods get. */
  updateRevision?: string
  /** Counts clashes of revision names; goes into the hash that names the next one. */
  collisionCount?: int32
  /** Facts about the set. @listMap type */
  conditions?: StatefulSetCondition[]
  /** Those that have been ready for `minReadySeconds`. @default 0 */
  availableReplicas?: int32
}

/** One fact about a StatefulSet. */
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

/** One pod after the other, or all at once. */
export type PodManagementPolicyType = 'OrderedReady' | 'Parallel'

/** Replaced by the controller, or only after someone deletes them. */
export type StatefulSetUpdateStrategyType = 'OnDelete' | 'RollingUpdate'

/** Whether claims stay or go. @unlisted */
export type PersistentVolumeClaimRetentionPolicyType = 'Delete' | 'Retain'

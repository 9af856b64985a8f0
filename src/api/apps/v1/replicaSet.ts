// ReplicaSets: a number of equal pods, whichever they are.
import { resource } from '#api/resource.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'

/** Keeps a number of equal pods running; usually made by a deployment. */
export interface ReplicaSet extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What should run and how often. @default {} @optional */
  spec: ReplicaSetSpec
  /** How many pods there are. @default {} */
  status?: ReplicaSetStatus
}

/** The kind ReplicaSet as it is addressed: `replicasets` of apps. */
export const replicaSets = resource<ReplicaSet>({
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  scope: 'Namespaced',
  shortNames: ['rs'],
  categories: ['all'],
})

/** What should run and how often. */
export interface ReplicaSetSpec {
  /** How many pods there should be. @default 1 @minimum 0 */
  replicas?: int32
  /** How long a pod must be ready before it counts as available. @minimum 0 */
  minReadySeconds?: int32
  /** Which pods belong to the set; must match the template's labels. @immutable */
  selector: LabelSelector
  /** The pods to make; a change applies to new pods only. @default {} */
  template?: PodTemplateSpec
}

/** How many pods a ReplicaSet has. */
export interface ReplicaSetStatus {
  /** All its pods that are not being deleted. @default 0 */
  replicas: int32
  /** Those that carry all labels of the template. */
  fullyLabeledReplicas?: int32
  /** Those that are ready. */
  readyReplicas?: int32
  /** Those that have been ready for `minReadySeconds`. */
  availableReplicas?: int32
  /** Its pods that are being deleted. */
  terminatingReplicas?: int32
  /** The `metadata.generation` that the controller last took in. */
  observedGeneration?: int64
  /** Whether making or deleting pods fails. @listMap type */
  conditions?: ReplicaSetCondition[]
}

/** One fact about a ReplicaSet. */
export interface ReplicaSetCondition {
  /** `ReplicaFailure`. */
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

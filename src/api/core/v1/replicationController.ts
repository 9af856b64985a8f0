// Replication controllers: what there was before ReplicaSets.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'
import type { PodTemplateSpec } from './podTemplate.ts'

/** Keeps a number of equal pods running; ReplicaSets have replaced it. */
export interface ReplicationController extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What should run and how often. @default {} @optional */
  spec: ReplicationControllerSpec
  /** How many pods there are. @default {} */
  status?: ReplicationControllerStatus
}

/** The kind ReplicationController as it is addressed: `replicationcontrollers`. */
export const replicationControllers = resource<ReplicationController>({
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  scope: 'Namespaced',
  shortNames: ['rc'],
  categories: ['all'],
})

/** What should run and how often. */
export interface ReplicationControllerSpec {
  /** How many pods there should be. @default 1 @minimum 0 */
  replicas?: int32
  /** How long a pod must be ready before it counts as available. @minimum 0 */
  minReadySeconds?: int32
  /** Labels of the pods that belong to it; those of the template when absent. @atomic */
  selector?: Record<string, string>
  /** The pods to make; a change applies to new pods only. */
  template?: PodTemplateSpec
}

/** How many pods a ReplicationController has. */
export interface ReplicationControllerStatus {
  /** All its pods. @default 0 */
  replicas: int32
  /** Those that carry all labels of the template. */
  fullyLabeledReplicas?: int32
  /** Those that are ready. */
  readyReplicas?: int32
  /** Those that have been ready for `minReadySeconds`. */
  availableReplicas?: int32
  /** The `metadata.generation` that the controller last took in. */
  observedGeneration?: int64
  /** Whether making or deleting pods fails. @listMap type */
  conditions?: ReplicationControllerCondition[]
}

/** One fact about a ReplicationController. */
export interface ReplicationControllerCondition {
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

/** Several objects of kind ReplicationController, as a list request returns them. */
export interface ReplicationControllerList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: ReplicationController[]
}

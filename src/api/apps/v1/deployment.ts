// Deployments: pods that are replaced step by step when their template changes.
import { resource } from '#api/resource.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

/** Keeps a number of equal pods running and replaces them step by step when the template changes. */
export interface Deployment extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What should run and how changes roll out. @default {} @optional */
  spec: DeploymentSpec
  /** How far the rollout has got. @default {} */
  status?: DeploymentStatus
}

/** The kind Deployment as it is addressed: `deployments` of apps. */
export const deployments = resource<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  scope: 'Namespaced',
  shortNames: ['deploy'],
  categories: ['all'],
})

/** What should run and how changes roll out. */
export interface DeploymentSpec {
  /** How many pods there should be. @default 1 @minimum 0 */
  replicas?: int32
  /** Which pods belong to the deployment; must match the template's labels. @immutable */
  selector: LabelSelector
  /** The pods to make; a change starts a rollout. Its restart policy must be `Always`. @default {} */
  template: PodTemplateSpec
  /** How old pods give way to new ones. @retainKeys @default {} */
  strategy?: DeploymentStrategy
  /** How long a pod must be ready before it counts as available. @minimum 0 */
  minReadySeconds?: int32
  /** How many old ReplicaSets are kept to go back to. @default 10 @minimum 0 */
  revisionHistoryLimit?: int32
  /** While true, changes of the template do not roll out. */
  paused?: boolean
  /**
   * Seconds without progress after which the rollout is reported as failed; it goes on all the same.
   * @default 600
   * @minimum 0
   */
  progressDeadlineSeconds?: int32
}

/** How old pods give way to new ones. */
export interface DeploymentStrategy {
  /** Whether old pods go first or step by step. @default RollingUpdate */
  type?: DeploymentStrategyType
  /** The size of the steps; only with type `RollingUpdate`. */
  rollingUpdate?: RollingUpdateDeployment
}

/** The size of the steps of a rollout. */
export interface RollingUpdateDeployment {
  /** How many pods fewer than wanted may be available; a percentage is rounded down. @default 25% */
  maxUnavailable?: IntOrString
  /**
   * How many pods more than wanted may exist; a percentage is rounded up. One of the two must not be 0.
   * @default 25%
   */
  maxSurge?: IntOrString
}

/** How far the rollout of a deployment has got. */
export interface DeploymentStatus {
  /** The `metadata.generation` that the controller last took in. */
  observedGeneration?: int64
  /** All its pods that are not being deleted. */
  replicas?: int32
  /** Those made from the current template. */
  updatedReplicas?: int32
  /** Those that are ready. */
  readyReplicas?: int32
  /** Those that have been ready for `minReadySeconds`. */
  availableReplicas?: int32
  /** Those still missing until enough are available. */
  unavailableReplicas?: int32
  /** Its pods that are being deleted. */
  terminatingReplicas?: int32
  /** Whether it is available, progressing, or failing to make pods. @listMap type */
  conditions?: DeploymentCondition[]
  /** Counts clashes of ReplicaSet names; goes into the hash that names the next one. */
  collisionCount?: int32
}

/** One fact about a deployment. */
export interface DeploymentCondition {
  /** `Available`, `Progressing` or `ReplicaFailure`. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When anything in this condition last changed. */
  lastUpdateTime?: Time
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why `status` is what it is, for programs. */
  reason?: string
  /** Why `status` is what it is, for people. */
  message?: string
}

/** Several objects of kind Deployment, as a list request returns them. */
export interface DeploymentList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Deployment[]
}

/** All old pods first, or some at a time. */
export type DeploymentStrategyType = 'Recreate' | 'RollingUpdate'

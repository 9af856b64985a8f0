import { resource } from '#api/resource.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

export interface Deployment extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: DeploymentSpec
  /** @default {} */
  status?: DeploymentStatus
}

export const deployments = resource<Deployment>({
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  scope: 'Namespaced',
  shortNames: ['deploy'],
  categories: ['all'],
})

export interface DeploymentSpec {
  /** @default 1 @minimum 0 */
  replicas?: int32
  /** @immutable */
  selector: LabelSelector
  /** @default {} */
  template: PodTemplateSpec
  /** @retainKeys @default {} */
  strategy?: DeploymentStrategy
  /** @minimum 0 */
  minReadySeconds?: int32
  /** @default 10 @minimum 0 */
  revisionHistoryLimit?: int32
  paused?: boolean
  /** @default 600 @minimum 0 */
  progressDeadlineSeconds?: int32
}

export interface DeploymentStrategy {
  /** @default RollingUpdate */
  type?: DeploymentStrategyType
  rollingUpdate?: RollingUpdateDeployment
}

export interface RollingUpdateDeployment {
  /** @default 25% */
  maxUnavailable?: IntOrString
  /** @default 25% */
  maxSurge?: IntOrString
}

export interface DeploymentStatus {
  observedGeneration?: int64
  replicas?: int32
  updatedReplicas?: int32
  readyReplicas?: int32
  availableReplicas?: int32
  unavailableReplicas?: int32
  terminatingReplicas?: int32
  /** @listMap type */
  conditions?: DeploymentCondition[]
  collisionCount?: int32
}

export interface DeploymentCondition {
  /** Names what the condition is about. */
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

export type DeploymentStrategyType = 'Recreate' | 'RollingUpdate'

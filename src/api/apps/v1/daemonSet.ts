import { resource } from '#api/resource.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

export interface DaemonSet extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
  /** @optional */
  spec: DaemonSetSpec
  status?: DaemonSetStatus
}

export const daemonSets = resource<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  scope: 'Namespaced',
  shortNames: ['ds'],
  categories: ['all'],
})

export interface DaemonSetSpec {
  /** @immutable */
  selector: LabelSelector
  template: PodTemplateSpec
  /** @default {} */
  updateStrategy?: DaemonSetUpdateStrategy
  /** @minimum 0 */
  minReadySeconds?: int32
  /** @default 10 @minimum 0 */
  revisionHistoryLimit?: int32
}

export interface DaemonSetUpdateStrategy {
  /** @default RollingUpdate */
  type?: DaemonSetUpdateStrategyType
  rollingUpdate?: RollingUpdateDaemonSet
}

export interface RollingUpdateDaemonSet {
  /** @default 1 */
  maxUnavailable?: IntOrString
  /** @default 0 */
  maxSurge?: IntOrString
}

export interface DaemonSetStatus {
  currentNumberScheduled: int32
  numberMisscheduled: int32
  desiredNumberScheduled: int32
  numberReady: int32
  observedGeneration?: int64
  updatedNumberScheduled?: int32
  numberAvailable?: int32
  numberUnavailable?: int32
  collisionCount?: int32
  /** @listMap type */
  conditions?: DaemonSetCondition[]
}

export interface DaemonSetCondition {
  type: string
  status: ConditionStatus
  lastTransitionTime?: Time
  reason?: string
  message?: string
}

/** Several objects of kind DaemonSet, as a list request returns them. */
export interface DaemonSetList extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: DaemonSet[]
}

export type DaemonSetUpdateStrategyType = 'RollingUpdate' | 'OnDelete'

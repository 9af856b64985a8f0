import { resource } from '#api/resource.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

export interface DaemonSet extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: DaemonSetSpec
  /** @default {} */
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
  /** @default {} */
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
  /** @default 0 */
  currentNumberScheduled: int32
  /** @default 0 */
  numberMisscheduled: int32
  /** @default 0 */
  desiredNumberScheduled: int32
  /** @default 0 */
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

/** Several objects of kind DaemonSet, as a list request returns them. */
export interface DaemonSetList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: DaemonSet[]
}

export type DaemonSetUpdateStrategyType = 'RollingUpdate' | 'OnDelete'

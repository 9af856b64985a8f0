// DaemonSets: one pod on every node that suits.
import { resource } from '#api/resource.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, Time, int32, int64 } from '#api/scalars.ts'

/** Runs one pod on every node that suits. */
export interface DaemonSet extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What should run and how it is changed. @default {} @optional */
  spec: DaemonSetSpec
  /** On how many nodes it runs. @default {} */
  status?: DaemonSetStatus
}

/** The kind DaemonSet as it is addressed: `daemonsets` of apps. */
export const daemonSets = resource<DaemonSet>({
  group: 'apps',
  version: 'v1',
  kind: 'DaemonSet',
  plural: 'daemonsets',
  scope: 'Namespaced',
  shortNames: ['ds'],
  categories: ['all'],
})

/** What should run and how it is changed. */
export interface DaemonSetSpec {
  /** Which pods belong to the set; must match the template's labels. @immutable */
  selector: LabelSelector
  /**
   * The pods to make; its node selector and affinity choose the nodes. Its restart policy must be `Always`.
   * @default {}
   */
  template: PodTemplateSpec
  /** How pods are replaced when the template changes. @default {} */
  updateStrategy?: DaemonSetUpdateStrategy
  /** How long a pod must be ready before it counts as available. @minimum 0 */
  minReadySeconds?: int32
  /** How many old revisions are kept to go back to. @default 10 @minimum 0 */
  revisionHistoryLimit?: int32
}

/** How pods are replaced when the template changes. */
export interface DaemonSetUpdateStrategy {
  /** Whether the controller replaces pods or waits for their deletion. @default RollingUpdate */
  type?: DaemonSetUpdateStrategyType
  /** The size of the steps; only with type `RollingUpdate`. */
  rollingUpdate?: RollingUpdateDaemonSet
}

/** The size of the steps of a rollout. */
export interface RollingUpdateDaemonSet {
  /** On how many nodes the pod may be unavailable; a percentage is rounded up. @default 1 */
  maxUnavailable?: IntOrString
  /**
   * On how many nodes old and new pod may run together; a percentage is rounded up. Exactly one of the two is not 0.
   * @default 0
   */
  maxSurge?: IntOrString
}

/** On how many nodes a DaemonSet runs. */
export interface DaemonSetStatus {
  /** Nodes that should run the pod and do. @default 0 */
  currentNumberScheduled: int32
  /** Nodes that should not run the pod but do. @default 0 */
  numberMisscheduled: int32
  /** Nodes that should run the pod. @default 0 */
  desiredNumberScheduled: int32
  /** Nodes that should run the pod and have one that is ready. @default 0 */
  numberReady: int32
  /** The `metadata.generation` that the controller last took in. */
  observedGeneration?: int64
  /** Nodes that run the pod of the current template. */
  updatedNumberScheduled?: int32
  /** Nodes whose pod has been ready for `minReadySeconds`. */
  numberAvailable?: int32
  /** Nodes that should have an available pod and do not. */
  numberUnavailable?: int32
  /** Counts clashes of revision names; goes into the hash that names the next one. */
  collisionCount?: int32
  /** Facts about the set. @listMap type */
  conditions?: DaemonSetCondition[]
}

/** One fact about a DaemonSet. */
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

/** Replaced by the controller, or only after someone deletes them. */
export type DaemonSetUpdateStrategyType = 'OnDelete' | 'RollingUpdate'

import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'

export interface Toleration {
  key?: string
  operator?: TolerationOperator
  value?: string
  effect?: TaintEffect
  tolerationSeconds?: int64
}

export interface Taint {
  key: string
  value?: string
  effect: TaintEffect
  timeAdded?: Time
}

export interface TopologySpreadConstraint {
  /** @minimum 1 */
  maxSkew: int32
  topologyKey: string
  whenUnsatisfiable: UnsatisfiableConstraintAction
  labelSelector?: LabelSelector
  /** @minimum 1 */
  minDomains?: int32
  nodeAffinityPolicy?: NodeInclusionPolicy
  nodeTaintsPolicy?: NodeInclusionPolicy
  matchLabelKeys?: string[]
}

/** @atomic */
export interface TopologySelectorTerm {
  matchLabelExpressions?: TopologySelectorLabelRequirement[]
}

export interface TopologySelectorLabelRequirement {
  key: string
  values: string[]
}

export type TolerationOperator = 'Exists' | 'Equal'

export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'

export type UnsatisfiableConstraintAction = 'DoNotSchedule' | 'ScheduleAnyway'

export type NodeInclusionPolicy = 'Ignore' | 'Honor'

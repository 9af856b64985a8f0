// Taints and tolerations, and how pods and volumes spread over the domains of a cluster.
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'

/** Accepts the taints that match it. */
export interface Toleration {
  /** The taint's key; all keys when absent, then with `Exists`. */
  key?: string
  /** `Equal` compares values, `Exists` accepts any; `Equal` when absent. */
  operator?: TolerationOperator
  /** The taint's value; empty with `Exists`. */
  value?: string
  /** The taint's effect; all effects when absent. */
  effect?: TaintEffect
  /** How long a `NoExecute` taint is accepted; forever when absent, not at all when 0 or less. */
  tolerationSeconds?: int64
}

/** Keeps pods that do not tolerate it away from a node. */
export interface Taint {
  /** Names the taint, as a label key. */
  key: string
  /** An optional value, as a label value. */
  value?: string
  /** What happens to pods that do not tolerate it. */
  effect: TaintEffect
  /** When the taint was added; for `NoExecute` only. */
  timeAdded?: Time
}

/** How unevenly matching pods may spread over the domains of one node label. */
export interface TopologySpreadConstraint {
  /** The largest allowed difference between a domain and the least filled one. */
  maxSkew: int32
  /** The node label whose values are the domains. */
  topologyKey: string
  /** Whether to wait or to make the best of it when the difference would be larger. */
  whenUnsatisfiable: UnsatisfiableConstraintAction
  /** The pods that are counted. */
  labelSelector?: LabelSelector
  /** With fewer domains than this the least filled one counts as empty; needs `DoNotSchedule`. */
  minDomains?: int32
  /** Whether nodes that the pod's node affinity excludes count; not when absent. */
  nodeAffinityPolicy?: NodeInclusionPolicy
  /** Whether nodes with taints that the pod does not tolerate count; they do when absent. */
  nodeTaintsPolicy?: NodeInclusionPolicy
  /** Labels of the incoming pod whose values the counted pods must share. */
  matchLabelKeys?: string[]
}

/** Domains in which a volume may be made. @atomic */
export interface TopologySelectorTerm {
  /** Requirements on labels, all of which must be met. */
  matchLabelExpressions?: TopologySelectorLabelRequirement[]
}

/** A label and the values it may have. */
export interface TopologySelectorLabelRequirement {
  /** The label. */
  key: string
  /** The values, of which one has to match. */
  values: string[]
}

/** Any value, or an equal one. */
export type TolerationOperator = 'Equal' | 'Exists'

/** Keeps new pods away, discourages them, or also removes those that run. */
export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute'

/** Whether a pod waits when a constraint cannot be met. */
export type UnsatisfiableConstraintAction = 'DoNotSchedule' | 'ScheduleAnyway'

/** Whether some nodes are left out of the count. */
export type NodeInclusionPolicy = 'Honor' | 'Ignore'

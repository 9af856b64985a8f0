// Which nodes and which neighbours a pod wants or avoids.
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { int32 } from '#api/scalars.ts'

/** Wishes about the node and about the pods beside this one. */
export interface Affinity {
  /** About the labels of the node. */
  nodeAffinity?: NodeAffinity
  /** About pods to be close to. */
  podAffinity?: PodAffinity
  /** About pods to keep away from. */
  podAntiAffinity?: PodAntiAffinity
}

/** Which nodes a pod needs and which it prefers. */
export interface NodeAffinity {
  /** The pod is placed only on nodes that match; later changes do not move it. */
  requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector
  /** Nodes that match get the weight as points; the most points win. */
  preferredDuringSchedulingIgnoredDuringExecution?: PreferredSchedulingTerm[]
}

/** Nodes that match at least one of the terms. @atomic */
export interface NodeSelector {
  /** The terms, of which one has to match. */
  nodeSelectorTerms: NodeSelectorTerm[]
}

/** Requirements that a node must all meet; a term without any matches nothing. @atomic */
export interface NodeSelectorTerm {
  /** About the labels of the node. */
  matchExpressions?: NodeSelectorRequirement[]
  /** About the fields of the node; only `metadata.name`. */
  matchFields?: NodeSelectorRequirement[]
}

/** A key, an operator and values that a node is checked against. */
export interface NodeSelectorRequirement {
  /** The label, or the field. */
  key: string
  /** How the value relates to `values`. */
  operator: NodeSelectorOperator
  /** Some for `In` and `NotIn`, none for `Exists` and `DoesNotExist`, one whole number for `Gt` and `Lt`. */
  values?: string[]
}

/** Nodes to prefer, and how much. */
export interface PreferredSchedulingTerm {
  /** Points for a node that matches, from 1 to 100. */
  weight: int32
  /** Which nodes match; an empty term matches none. @default {} */
  preference: NodeSelectorTerm
}

/** Which pods this one needs or prefers to be close to. */
export interface PodAffinity {
  /** All must be met for the pod to be placed; later changes do not move it. */
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[]
  /** Each one met gives its weight as points; the most points win. */
  preferredDuringSchedulingIgnoredDuringExecution?: WeightedPodAffinityTerm[]
}

/** Which pods this one must or would rather keep away from. */
export interface PodAntiAffinity {
  /** All must be met for the pod to be placed; later changes do not move it. */
  requiredDuringSchedulingIgnoredDuringExecution?: PodAffinityTerm[]
  /** Each one met takes its weight away as points; the most points win. */
  preferredDuringSchedulingIgnoredDuringExecution?: WeightedPodAffinityTerm[]
}

/** Pods to be close to or away from, and how much. */
export interface WeightedPodAffinityTerm {
  /** Points, from 1 to 100. */
  weight: int32
  /** Which pods. @default {} */
  podAffinityTerm: PodAffinityTerm
}

/** Pods, and the label of nodes that says what counts as close. */
export interface PodAffinityTerm {
  /** The pods by their labels; none when absent. */
  labelSelector?: LabelSelector
  /** Namespaces by name; the pod's own when this and `namespaceSelector` are absent. */
  namespaces?: string[]
  /** The node label whose equal value means close, such as `kubernetes.io/hostname`. */
  topologyKey: string
  /** Namespaces by their labels, added to `namespaces`; `{}` means all. */
  namespaceSelector?: LabelSelector
  /** Labels of the incoming pod whose values the other pods must share. */
  matchLabelKeys?: string[]
  /** Labels of the incoming pod whose values the other pods must not share. */
  mismatchLabelKeys?: string[]
}

/** How a node's value is compared. */
export type NodeSelectorOperator = 'In' | 'NotIn' | 'Exists' | 'DoesNotExist' | 'Gt' | 'Lt'

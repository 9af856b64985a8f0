// Horizontal pod autoscalers: as many pods as the load needs.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Quantity, Time, int32, int64 } from '#api/scalars.ts'
import type { MetricSpec, MetricStatus } from './metric.ts'

/** Sets the number of pods of something by what is measured of them. */
export interface HorizontalPodAutoscaler extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What is scaled, within which bounds, and by which measures. @default {} @optional */
  spec: HorizontalPodAutoscalerSpec
  /** What was measured, and what follows. @default {} */
  status?: HorizontalPodAutoscalerStatus
}

/** The kind HorizontalPodAutoscaler as it is addressed: `horizontalpodautoscalers` of autoscaling. */
export const horizontalPodAutoscalers = resource<HorizontalPodAutoscaler>({
  group: 'autoscaling',
  version: 'v2',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  scope: 'Namespaced',
  shortNames: ['hpa'],
  categories: ['all'],
})

/** What is scaled, within which bounds, and by which measures. */
export interface HorizontalPodAutoscalerSpec {
  /** The object whose number of pods is set, through its `scale`. @default {} */
  scaleTargetRef: CrossVersionObjectReference
  /** The least number of pods. @default 1 */
  minReplicas?: int32
  /** The greatest number of pods; not below `minReplicas`. */
  maxReplicas: int32
  /** What is measured; the measure that asks for most pods decides. 80 percent of the requested cpu when empty. @atomic */
  metrics?: MetricSpec[]
  /** How fast the number may change in both directions. */
  behavior?: HorizontalPodAutoscalerBehavior
}

/** Points to an object of the same namespace, in whatever version. */
export interface CrossVersionObjectReference {
  /** Kind of the object. */
  kind: string
  /** Name of the object. */
  name: string
  /** A group and version in which the object is served. */
  apiVersion?: string
}

/** How fast the number of pods may change. */
export interface HorizontalPodAutoscalerBehavior {
  /** How fast it may rise: by default up to four pods or to the double within 15 seconds, at once. */
  scaleUp?: HPAScalingRules
  /** How fast it may fall: by default to the least, once nothing asked for more for five minutes. */
  scaleDown?: HPAScalingRules
}

/** How fast the number of pods may change in one direction. */
export interface HPAScalingRules {
  /** For how many seconds back the most careful wish counts; at most an hour. */
  stabilizationWindowSeconds?: int32
  /** Which of the policies counts: the one that allows most, least, or none of them. `Max` when absent. */
  selectPolicy?: ScalingPolicySelect
  /** How much may change within how long. @atomic */
  policies?: HPAScalingPolicy[]
  /** How far a measure may be from its target before anything changes, as a share: `0.01` is one percent. */
  tolerance?: Quantity
}

/** How much may change within how long. */
export interface HPAScalingPolicy {
  /** Whether `value` is a number of pods or a percentage of them. */
  type: HPAScalingPolicyType
  /** How much. */
  value: int32
  /** Within how many seconds; at most half an hour. */
  periodSeconds: int32
}

/** What was measured, and what follows. */
export interface HorizontalPodAutoscalerStatus {
  /** The `metadata.generation` that the controller last took in. */
  observedGeneration?: int64
  /** When the number of pods was last changed. */
  lastScaleTime?: Time
  /** How many pods there are. */
  currentReplicas?: int32
  /** How many there should be. */
  desiredReplicas: int32
  /** What was last measured. @atomic @optional */
  currentMetrics: MetricStatus[] | null
  /** Whether the autoscaler can do its work, and whether a bound holds it back. @listMap type */
  conditions?: HorizontalPodAutoscalerCondition[]
}

/** One fact about an autoscaler. */
export interface HorizontalPodAutoscalerCondition {
  /** Names the fact: `AbleToScale`, `ScalingActive` or `ScalingLimited`. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word that says why, for programs. */
  reason?: string
  /** Why, for people. */
  message?: string
}

/** Several objects of kind HorizontalPodAutoscaler, as a list request returns them. */
export interface HorizontalPodAutoscalerList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: HorizontalPodAutoscaler[]
}

/** The policy that allows most, the one that allows least, or no change at all. @unlisted */
export type ScalingPolicySelect = 'Disabled' | 'Max' | 'Min'

/** A number of pods, or a percentage of them. @unlisted */
export type HPAScalingPolicyType = 'Percent' | 'Pods'

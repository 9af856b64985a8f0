// Horizontal pod autoscalers as they were before other measures than cpu; the others travel in annotations.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'
import { horizontalPodAutoscalers as newest } from '../v2/horizontalPodAutoscaler.ts'

/** Sets the number of pods of something by the cpu that they use. */
export interface HorizontalPodAutoscaler extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What is scaled, within which bounds. @default {} @optional */
  spec: HorizontalPodAutoscalerSpec
  /** What was measured, and what follows. @default {} */
  status?: HorizontalPodAutoscalerStatus
}

/** The kind HorizontalPodAutoscaler in v1. */
export const horizontalPodAutoscalers = resource<HorizontalPodAutoscaler>({ ...newest, version: 'v1' })

/** What is scaled, within which bounds. */
export interface HorizontalPodAutoscalerSpec {
  /** The object whose number of pods is set, through its `scale`. @default {} */
  scaleTargetRef: CrossVersionObjectReference
  /** The least number of pods. @default 1 */
  minReplicas?: int32
  /** The greatest number of pods; not below `minReplicas`. */
  maxReplicas: int32
  /** How much of the requested cpu the pods should use, in percent; 80 when absent. */
  targetCPUUtilizationPercentage?: int32
}

/** Points to an object of the same namespace, in whatever version. @atomic */
export interface CrossVersionObjectReference {
  /** Kind of the object. */
  kind: string
  /** Name of the object. */
  name: string
  /** A group and version in which the object is served. */
  apiVersion?: string
}

/** What was measured, and what follows. */
export interface HorizontalPodAutoscalerStatus {
  /** The `metadata.generation` that the controller last took in. */
  observedGeneration?: int64
  /** When the number of pods was last changed. */
  lastScaleTime?: Time
  /** How many pods there are. */
  currentReplicas: int32
  /** How many there should be. */
  desiredReplicas: int32
  /** How much of the requested cpu the pods use, in percent. */
  currentCPUUtilizationPercentage?: int32
}

/** Several objects of kind HorizontalPodAutoscaler, as a list request returns them. */
export interface HorizontalPodAutoscalerList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: HorizontalPodAutoscaler[]
}

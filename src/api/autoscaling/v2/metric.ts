// What autoscalers measure, and what came of it.
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { Quantity, int32 } from '#api/scalars.ts'
import type { CrossVersionObjectReference } from './horizontalPodAutoscaler.ts'

/** One measure by which pods are scaled; exactly the field that `type` names is set. */
export interface MetricSpec {
  /** What kind of measure it is. */
  type: MetricSourceType
  /** A measure of one object, such as the requests that an ingress answers. */
  object?: ObjectMetricSource
  /** A measure of each pod, of which the average counts. */
  pods?: PodsMetricSource
  /** How much of a resource the pods use, of what they request or on average. */
  resource?: ResourceMetricSource
  /** How much of a resource one container of the pods uses. */
  containerResource?: ContainerResourceMetricSource
  /** A measure from outside of the cluster, such as the length of a queue. */
  external?: ExternalMetricSource
}

/** A measure of one object. */
export interface ObjectMetricSource {
  /** The object. @default {} */
  describedObject: CrossVersionObjectReference
  /** What it should be. @default {} */
  target: MetricTarget
  /** Which measure. @default {} */
  metric: MetricIdentifier
}

/** A measure of each pod. */
export interface PodsMetricSource {
  /** Which measure. @default {} */
  metric: MetricIdentifier
  /** What it should be on average. @default {} */
  target: MetricTarget
}

/** How much of a resource the pods use. */
export interface ResourceMetricSource {
  /** The resource, such as `cpu`. */
  name: string
  /** What it should be. @default {} */
  target: MetricTarget
}

/** How much of a resource one container of the pods uses. */
export interface ContainerResourceMetricSource {
  /** The resource, such as `cpu`. */
  name: string
  /** What it should be. @default {} */
  target: MetricTarget
  /** The container. */
  container: string
}

/** A measure from outside of the cluster. */
export interface ExternalMetricSource {
  /** Which measure. @default {} */
  metric: MetricIdentifier
  /** What it should be. @default {} */
  target: MetricTarget
}

/** Names a measure. */
export interface MetricIdentifier {
  /** Its name. */
  name: string
  /** Narrows it down, where whoever measures knows labels. */
  selector?: LabelSelector
}

/** What a measure should be. */
export interface MetricTarget {
  /** Which of the fields counts. */
  type: MetricTargetType
  /** The measure as a whole. */
  value?: Quantity
  /** The measure for each pod. */
  averageValue?: Quantity
  /** The use for each pod, as a percentage of what it requests; of resources alone. */
  averageUtilization?: int32
}

/** What one measure came to; exactly the field that `type` names is set. */
export interface MetricStatus {
  /** What kind of measure it is. */
  type: MetricSourceType
  /** The measure of one object. */
  object?: ObjectMetricStatus
  /** The measure of each pod. */
  pods?: PodsMetricStatus
  /** How much of a resource the pods use. */
  resource?: ResourceMetricStatus
  /** How much of a resource one container of the pods uses. */
  containerResource?: ContainerResourceMetricStatus
  /** The measure from outside of the cluster. */
  external?: ExternalMetricStatus
}

/** What a measure of one object came to. */
export interface ObjectMetricStatus {
  /** Which measure. @default {} */
  metric: MetricIdentifier
  /** What it is. @default {} */
  current: MetricValueStatus
  /** The object. @default {} */
  describedObject: CrossVersionObjectReference
}

/** What a measure of each pod came to. */
export interface PodsMetricStatus {
  /** Which measure. @default {} */
  metric: MetricIdentifier
  /** What it is on average. @default {} */
  current: MetricValueStatus
}

/** How much of a resource the pods were seen to use. */
export interface ResourceMetricStatus {
  /** The resource. */
  name: string
  /** What it is. @default {} */
  current: MetricValueStatus
}

/** How much of a resource one container of the pods was seen to use. */
export interface ContainerResourceMetricStatus {
  /** The resource. */
  name: string
  /** What it is. @default {} */
  current: MetricValueStatus
  /** The container. */
  container: string
}

/** What a measure from outside of the cluster came to. */
export interface ExternalMetricStatus {
  /** Which measure. @default {} */
  metric: MetricIdentifier
  /** What it is. @default {} */
  current: MetricValueStatus
}

/** What a measure is. */
export interface MetricValueStatus {
  /** The measure as a whole. */
  value?: Quantity
  /** The measure for each pod. */
  averageValue?: Quantity
  /** The use for each pod, as a percentage of what it requests. */
  averageUtilization?: int32
}

/** Which field of a measure is set. @unlisted */
export type MetricSourceType = 'ContainerResource' | 'External' | 'Object' | 'Pods' | 'Resource'

/** Which field of a target counts. @unlisted */
export type MetricTargetType = 'AverageValue' | 'Utilization' | 'Value'

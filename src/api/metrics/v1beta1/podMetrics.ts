// What pods use, as it was last measured.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Duration, Quantity, Time } from '#api/scalars.ts'

/** What the containers of a pod used in a span of time. */
export interface PodMetrics extends TypeMeta {
  /** Name, namespace and labels of the pod. @optional */
  metadata: ObjectMeta
  /** The end of the span. */
  timestamp: Time
  /** How long the span is. */
  window: Duration
  /** Each container of which something was measured. */
  containers: ContainerMetrics[]
}

/** What a container used in a span of time. */
export interface ContainerMetrics {
  /** Name of the container. */
  name: string
  /** How much of each resource was used: `cpu` as the average of the span, `memory` at its end. */
  usage: Record<string, Quantity>
}

/** The kind PodMetrics as it is addressed: `pods` of metrics.k8s.io. */
export const podMetrics = resource<PodMetrics>({
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'PodMetrics',
  plural: 'pods',
  singular: '',
  scope: 'Namespaced',
})

/** Several objects of kind PodMetrics, as a list request returns them. */
export interface PodMetricsList extends TypeMeta {
  /** Empty: nothing of this is stored. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PodMetrics[]
}

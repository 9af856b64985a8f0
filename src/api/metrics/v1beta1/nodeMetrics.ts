// What nodes use, as it was last measured.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Duration, Quantity, Time } from '#api/scalars.ts'

/** What a node used in a span of time. */
export interface NodeMetrics extends TypeMeta {
  /** Name and labels of the node. @optional */
  metadata: ObjectMeta
  /** The end of the span. */
  timestamp: Time
  /** How long the span is. */
  window: Duration
  /** How much of each resource was used: `cpu` as the average of the span, `memory` at its end. */
  usage: Record<string, Quantity>
}

/** The kind NodeMetrics as it is addressed: `nodes` of metrics.k8s.io. */
export const nodeMetrics = resource<NodeMetrics>({
  group: 'metrics.k8s.io',
  version: 'v1beta1',
  kind: 'NodeMetrics',
  plural: 'nodes',
  singular: '',
  scope: 'Cluster',
})

/** Several objects of kind NodeMetrics, as a list request returns them. */
export interface NodeMetricsList extends TypeMeta {
  /** Empty: nothing of this is stored. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: NodeMetrics[]
}

// Nodes: the machines that run pods. What they report is in nodeStatus.ts.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { NodeStatus } from './nodeStatus.ts'
import type { Taint } from './scheduling.ts'

/** A machine that runs pods. */
export interface Node extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What was decided about the node. @default {} @optional */
  spec: NodeSpec
  /** What the node reports about itself. @default {} */
  status?: NodeStatus
}

/** The kind Node as it is addressed: `nodes`. */
export const nodes = resource<Node>({
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  scope: 'Cluster',
  shortNames: ['no'],
})

/** What was decided about a node. */
export interface NodeSpec {
  /** The range of addresses for its pods. */
  podCIDR?: string
  /** The ranges of addresses for its pods, at most one per family; the first equals `podCIDR`. @listSet @merge */
  podCIDRs?: string[]
  /** The machine at its provider, as `provider://id`. */
  providerID?: string
  /** Keeps new pods away. */
  unschedulable?: boolean
  /** Keep pods away that do not tolerate them. */
  taints?: Taint[]
  /** No longer used; once named the node's configuration. */
  configSource?: NodeConfigSource
  /** No longer used. */
  externalID?: string
}

/** No longer used; once named where a node got its configuration. */
export interface NodeConfigSource {
  /** The ConfigMap with the configuration. */
  configMap?: ConfigMapNodeConfigSource
}

/** No longer used; once named a ConfigMap with a node's configuration. */
export interface ConfigMapNodeConfigSource {
  /** Namespace of the ConfigMap. */
  namespace: string
  /** Name of the ConfigMap. */
  name: string
  /** The uid of the ConfigMap; only in the status. */
  uid?: string
  /** The revision of the ConfigMap; only in the status. */
  resourceVersion?: string
  /** The entry with the configuration. */
  kubeletConfigKey: string
}

/** Several objects of kind Node, as a list request returns them. */
export interface NodeList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Node[]
}

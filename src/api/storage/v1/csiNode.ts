// What CSI drivers say about the nodes that they run on.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'

/** What the CSI drivers on a node say about it. Its name is the node's. */
export interface CSINode extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The drivers. @default {} */
  spec: CSINodeSpec
}

/** The kind CSINode as it is addressed: `csinodes` of storage.k8s.io. */
export const csiNodes = resource<CSINode>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSINode',
  plural: 'csinodes',
  scope: 'Cluster',
})

/** The CSI drivers on a node. */
export interface CSINodeSpec {
  /** The drivers, each with what it says about the node. @listMap name */
  drivers: CSINodeDriver[] | null
}

/** What one CSI driver says about a node. */
export interface CSINodeDriver {
  /** The name of the driver. */
  name: string
  /** What the driver calls the node; at most 192 characters. */
  nodeID: string
  /** Keys of the labels by which the driver tells places apart. */
  topologyKeys?: string[] | null
  /** How much the driver can take on this node. */
  allocatable?: VolumeNodeResources
}

/** How much a driver can take on a node. */
export interface VolumeNodeResources {
  /** The most volumes that can be attached at the same time; no limit when absent. */
  count?: int32
}

/** Several objects of kind CSINode, as a list request returns them. */
export interface CSINodeList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: CSINode[]
}

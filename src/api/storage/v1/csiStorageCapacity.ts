// How much room there is for volumes.
import { resource } from '#api/resource.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Quantity } from '#api/scalars.ts'

/** Says how much room there is for volumes of a class in a part of the cluster. */
export interface CSIStorageCapacity extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The nodes that can reach the room; none when absent, all when empty. */
  nodeTopology?: LabelSelector
  /** The class of the volumes. */
  storageClassName: string
  /** How much there is in all; nothing is known when absent. */
  capacity?: Quantity
  /** The largest volume that can be made. */
  maximumVolumeSize?: Quantity
}

/** The kind CSIStorageCapacity as it is addressed: `csistoragecapacities` of storage.k8s.io. */
export const csiStorageCapacities = resource<CSIStorageCapacity>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  scope: 'Namespaced',
})

/** Several objects of kind CSIStorageCapacity, as a list request returns them. */
export interface CSIStorageCapacityList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: CSIStorageCapacity[]
}

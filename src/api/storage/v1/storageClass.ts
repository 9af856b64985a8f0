// Storage classes: how volumes are made when claims ask for them.
import { resource } from '#api/resource.ts'
import type { PersistentVolumeReclaimPolicy } from '#api/core/v1/persistentVolume.ts'
import type { TopologySelectorTerm } from '#api/core/v1/scheduling.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Says how volumes are made for the claims that name the class. */
export interface StorageClass extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The program or driver that makes the volumes. */
  provisioner: string
  /** What the provisioner is told, by names of its own; at most 512 entries and 256 KiB together. */
  parameters?: Record<string, string>
  /** What becomes of a volume when its claim is gone. @default Delete */
  reclaimPolicy?: PersistentVolumeReclaimPolicy
  /** Options with which the volumes are mounted, such as `ro`; they are not checked. */
  mountOptions?: string[]
  /** Whether claims of the class may ask for more later. */
  allowVolumeExpansion?: boolean
  /** Whether a volume is made at once or when a pod needs it. @default Immediate */
  volumeBindingMode?: VolumeBindingMode
  /** The places in which volumes may be made; everywhere when empty. */
  allowedTopologies?: TopologySelectorTerm[]
}

/** The kind StorageClass as it is addressed: `storageclasses` of storage.k8s.io. */
export const storageClasses = resource<StorageClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  scope: 'Cluster',
  shortNames: ['sc'],
})

/** Several objects of kind StorageClass, as a list request returns them. */
export interface StorageClassList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: StorageClass[]
}

/** When volumes are made and bound. */
export type VolumeBindingMode = 'Immediate' | 'WaitForFirstConsumer'

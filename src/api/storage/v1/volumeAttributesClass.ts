// Classes of volume attributes: what a volume can be changed to while it is in use.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** A set of attributes, such as speed, that a driver can give to a volume and change later. */
export interface VolumeAttributesClass extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The CSI driver that understands the parameters. */
  driverName: string
  /** What the driver is told, by names of its own; at most 512 entries and 256 KiB together. */
  parameters?: Record<string, string>
}

/** The kind VolumeAttributesClass as it is addressed: `volumeattributesclasses` of storage.k8s.io. */
export const volumeAttributesClasses = resource<VolumeAttributesClass>({
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  scope: 'Cluster',
  shortNames: ['vac'],
})

/** Several objects of kind VolumeAttributesClass, as a list request returns them. */
export interface VolumeAttributesClassList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: VolumeAttributesClass[]
}

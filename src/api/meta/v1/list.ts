// Lists of objects, and objects of which only the metadata is known.
import type { RawExtension, int64 } from '#api/scalars.ts'
import type { ObjectMeta, TypeMeta } from './objectMeta.ts'

/** What every list carries besides its items. */
export interface ListMeta {
  /** No longer used. */
  selfLink?: string
  /** The revision at which the list was read; a watch can start here. */
  resourceVersion?: string
  /** A token for the next page; absent on the last one. */
  continue?: string
  /** How many items are still to come; absent when not known. */
  remainingItemCount?: int64
}

/** Objects of several kinds. */
export interface List extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects. */
  items: RawExtension[]
}

/** An object of any kind, of which only the metadata is shown. */
export interface PartialObjectMetadata extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
}

/** Several objects of kind PartialObjectMetadata, as a list request returns them. */
export interface PartialObjectMetadataList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PartialObjectMetadata[]
}

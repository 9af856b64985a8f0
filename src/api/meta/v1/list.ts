import type { RawExtension, int64 } from '#api/scalars.ts'
import type { ObjectMeta, TypeMeta } from './objectMeta.ts'

export interface ListMeta {
  selfLink?: string
  resourceVersion?: string
  continue?: string
  remainingItemCount?: int64
}

export interface List extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: RawExtension[]
}

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

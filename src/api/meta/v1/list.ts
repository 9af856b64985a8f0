import type { RawExtension, int64 } from '#api/scalars.ts'
import type { ObjectMeta, TypeMeta } from './objectMeta.ts'

export interface ListMeta {
  selfLink?: string
  resourceVersion?: string
  continue?: string
  remainingItemCount?: int64
}

export interface List extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: RawExtension[]
}

export interface PartialObjectMetadata extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
}

/** Several objects of kind PartialObjectMetadata, as a list request returns them. */
export interface PartialObjectMetadataList extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: PartialObjectMetadata[]
}

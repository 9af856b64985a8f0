// A reference that travels alone, in an annotation or a file.
import type { TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { ObjectReference } from './reference.ts'

/** A reference that travels alone. */
export interface SerializedReference extends TypeMeta {
  /** The object that is meant. */
  reference?: ObjectReference
}

import type { TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { ObjectReference } from './reference.ts'

export interface SerializedReference extends TypeMeta {
  reference?: ObjectReference
}

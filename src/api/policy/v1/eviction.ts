import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { DeleteOptions } from '#api/meta/v1/options.ts'

export interface Eviction extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  deleteOptions?: DeleteOptions
}

// Evictions: deleting a pod only when that is all right.
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { DeleteOptions } from '#api/meta/v1/options.ts'

/** Asks for a pod to be deleted unless a disruption budget forbids it; written to its `eviction` subresource. */
export interface Eviction extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** How to delete the pod. */
  deleteOptions?: DeleteOptions
}

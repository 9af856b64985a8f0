// The `scale` subresource, which is the same for all kinds that have a number of replicas.
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'

/** The number of replicas of an object, whatever its kind. */
export interface Scale extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** How many there should be. @default {} @optional */
  spec: ScaleSpec
  /** How many there are. @default {} */
  status?: ScaleStatus
}

/** How many replicas there should be. */
export interface ScaleSpec {
  /** The number. */
  replicas?: int32
}

/** How many replicas there are. */
export interface ScaleStatus {
  /** The number. @default 0 */
  replicas: int32
  /** The labels of the replicas, as in a query. */
  selector?: string
}

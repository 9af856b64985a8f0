import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'

export interface Scale extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: ScaleSpec
  /** @default {} */
  status?: ScaleStatus
}

export interface ScaleSpec {
  replicas?: int32
}

export interface ScaleStatus {
  /** @default 0 */
  replicas: int32
  selector?: string
}

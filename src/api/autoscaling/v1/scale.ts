import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'

export interface Scale extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
  /** @optional */
  spec: ScaleSpec
  status?: ScaleStatus
}

export interface ScaleSpec {
  replicas?: int32
}

export interface ScaleStatus {
  replicas: int32
  selector?: string
}

import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int64 } from '#api/scalars.ts'

export interface TokenRequest extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} */
  spec: TokenRequestSpec
  /** @default {} */
  status?: TokenRequestStatus
}

export interface TokenRequestSpec {
  audiences: string[]
  /** @default 3600 */
  expirationSeconds?: int64
  boundObjectRef?: BoundObjectReference
}

export interface BoundObjectReference {
  kind?: string
  apiVersion?: string
  name?: string
  uid?: string
}

export interface TokenRequestStatus {
  token: string
  expirationTimestamp: Time
}

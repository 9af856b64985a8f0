// Asking for a token of a service account.
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int64 } from '#api/scalars.ts'

/** Asks for a token of a service account; written to its `token` subresource. */
export interface TokenRequest extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Which token is wanted. @default {} */
  spec: TokenRequestSpec
  /** The token. @default {} */
  status?: TokenRequestStatus
}

/** Which token is wanted. */
export interface TokenRequestSpec {
  /** Who will be shown the token; the API server when empty. */
  audiences: string[]
  /** How long it should be valid; the server may choose otherwise. @default 3600 */
  expirationSeconds?: int64
  /** An object with which the token ends. */
  boundObjectRef?: BoundObjectReference
}

/** The object with which a token ends: a Pod, a Secret or a Node. */
export interface BoundObjectReference {
  /** Kind of the object. */
  kind?: string
  /** Group and version of the object. */
  apiVersion?: string
  /** Name of the object. */
  name?: string
  /** The object's uid. */
  uid?: string
}

/** The token that was issued. */
export interface TokenRequestStatus {
  /** The token. */
  token: string
  /** When it ends. */
  expirationTimestamp: Time
}

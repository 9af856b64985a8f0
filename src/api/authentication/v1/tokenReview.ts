// Asking whom a token belongs to.
import { resource } from '#api/resource.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Asks whom a token belongs to; never stored. */
export interface TokenReview extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The token. @default {} */
  spec: TokenReviewSpec
  /** Whom it belongs to. @default {} */
  status?: TokenReviewStatus
}

/** The kind TokenReview as it is addressed: `tokenreviews` of authentication.k8s.io. */
export const tokenReviews = resource<TokenReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenReview',
  plural: 'tokenreviews',
  scope: 'Cluster',
})

/** The token to look at. */
export interface TokenReviewSpec {
  /** The token. */
  token?: string
  /** Who was shown the token; the API server when absent. */
  audiences?: string[]
}

/** Whom a token belongs to. */
export interface TokenReviewStatus {
  /** Whether the token is valid. */
  authenticated?: boolean
  /** The user. @default {} */
  user?: UserInfo
  /** Those of the asked audiences for which the token is good. */
  audiences?: string[]
  /** Why the token could not be checked. */
  error?: string
}

/** A user, as known to the server. */
export interface UserInfo {
  /** The name. */
  username?: string
  /** Tells the user from others who had the name at other times. */
  uid?: string
  /** The groups that the user is in. */
  groups?: string[]
  /** Whatever else the authenticator knows. */
  extra?: Record<string, string[]>
}

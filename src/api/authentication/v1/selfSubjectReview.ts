// Asking who I am.
import { resource } from '#api/resource.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { UserInfo } from './tokenReview.ts'

/** Asks the server as whom it sees the caller; never stored. */
export interface SelfSubjectReview extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The answer. @default {} */
  status?: SelfSubjectReviewStatus
}

/** The kind SelfSubjectReview as it is addressed: `selfsubjectreviews` of authentication.k8s.io. */
export const selfSubjectReviews = resource<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  scope: 'Cluster',
})

/** As whom the server sees the caller. */
export interface SelfSubjectReviewStatus {
  /** The user. @default {} */
  userInfo?: UserInfo
}

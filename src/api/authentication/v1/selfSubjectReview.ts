import { resource } from '#api/resource.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { UserInfo } from './tokenReview.ts'

export interface SelfSubjectReview extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} */
  status?: SelfSubjectReviewStatus
}

export const selfSubjectReviews = resource<SelfSubjectReview>({
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectReview',
  plural: 'selfsubjectreviews',
  scope: 'Cluster',
})

export interface SelfSubjectReviewStatus {
  /** @default {} */
  userInfo?: UserInfo
}

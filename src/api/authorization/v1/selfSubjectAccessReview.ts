// Asking whether I may do something.
import { resource } from '#api/resource.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { NonResourceAttributes, ResourceAttributes, SubjectAccessReviewStatus } from './subjectAccessReview.ts'

/** Asks whether the caller may do something; never stored. */
export interface SelfSubjectAccessReview extends TypeMeta {
  /** Must be empty. @optional */
  metadata: ObjectMeta
  /** What is to be done. @default {} */
  spec: SelfSubjectAccessReviewSpec
  /** The answer. @default {} */
  status?: SubjectAccessReviewStatus
}

/** The kind SelfSubjectAccessReview as it is addressed: `selfsubjectaccessreviews` of authorization.k8s.io. */
export const selfSubjectAccessReviews = resource<SelfSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectAccessReview',
  plural: 'selfsubjectaccessreviews',
  scope: 'Cluster',
})

/** What the caller wants to do: on a resource or on a path. */
export interface SelfSubjectAccessReviewSpec {
  /** What is to be done to a resource. */
  resourceAttributes?: ResourceAttributes
  /** What is to be done to a path that is no resource. */
  nonResourceAttributes?: NonResourceAttributes
}

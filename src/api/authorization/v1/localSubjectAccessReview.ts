// Asking whether somebody may do something in one namespace.
import { resource } from '#api/resource.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { SubjectAccessReviewSpec, SubjectAccessReviewStatus } from './subjectAccessReview.ts'

/** Asks whether a user may do something in one namespace; whoever governs that namespace may be let ask. Never stored. */
export interface LocalSubjectAccessReview extends TypeMeta {
  /** Must be empty but for the namespace. @optional */
  metadata: ObjectMeta
  /** Who, and what; its namespace must be that of the review. @default {} */
  spec: SubjectAccessReviewSpec
  /** The answer. @default {} */
  status?: SubjectAccessReviewStatus
}

/** The kind LocalSubjectAccessReview as it is addressed: `localsubjectaccessreviews` of authorization.k8s.io. */
export const localSubjectAccessReviews = resource<LocalSubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'LocalSubjectAccessReview',
  plural: 'localsubjectaccessreviews',
  scope: 'Namespaced',
})

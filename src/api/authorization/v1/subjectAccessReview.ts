// Asking whether somebody may do something.
import { resource } from '#api/resource.ts'
import type { FieldSelectorRequirement, LabelSelectorRequirement } from '#api/meta/v1/labelSelector.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Asks whether a user may do something; never stored. */
export interface SubjectAccessReview extends TypeMeta {
  /** Must be empty. @optional */
  metadata: ObjectMeta
  /** Who, and what. @default {} */
  spec: SubjectAccessReviewSpec
  /** The answer. @default {} */
  status?: SubjectAccessReviewStatus
}

/** The kind SubjectAccessReview as it is addressed: `subjectaccessreviews` of authorization.k8s.io. */
export const subjectAccessReviews = resource<SubjectAccessReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SubjectAccessReview',
  plural: 'subjectaccessreviews',
  scope: 'Cluster',
})

/** Who wants to do something, and what: on a resource or on a path. */
export interface SubjectAccessReviewSpec {
  /** What is to be done to a resource. */
  resourceAttributes?: ResourceAttributes
  /** What is to be done to a path that is no resource. */
  nonResourceAttributes?: NonResourceAttributes
  /** The user; only groups are asked about when empty. */
  user?: string
  /** The groups of the user. @atomic */
  groups?: string[]
  /** What else authentication would know of the user. */
  extra?: Record<string, string[]>
  /** The user's uid. */
  uid?: string
}

/** Something that is to be done to a resource. */
export interface ResourceAttributes {
  /** The namespace; empty for resources of the cluster, and for all namespaces. */
  namespace?: string
  /** The verb: `get`, `list`, `create` and so on, or `*` for all. */
  verb?: string
  /** The group of the resource, or `*` for all. */
  group?: string
  /** The version of the resource, or `*` for all. */
  version?: string
  /** The plural name of the resource, or `*` for all. */
  resource?: string
  /** The subresource; none when empty. */
  subresource?: string
  /** The name of the object; all of them when empty. */
  name?: string
  /** The fields by which the request is limited. */
  fieldSelector?: FieldSelectorAttributes
  /** The labels by which the request is limited. */
  labelSelector?: LabelSelectorAttributes
}

/** Fields by which a request is limited: as text or as requirements, not both. */
export interface FieldSelectorAttributes {
  /** The selector as it would stand in the query of the request. */
  rawSelector?: string
  /** All of these must hold; nothing is limited when empty. @atomic */
  requirements?: FieldSelectorRequirement[]
}

/** Labels by which a request is limited: as text or as requirements, not both. */
export interface LabelSelectorAttributes {
  /** The selector as it would stand in the query of the request. */
  rawSelector?: string
  /** All of these must hold; nothing is limited when empty. @atomic */
  requirements?: LabelSelectorRequirement[]
}

/** Something that is to be done to a path that is no resource. */
export interface NonResourceAttributes {
  /** The path. */
  path?: string
  /** The HTTP verb in lower case. */
  verb?: string
}

/** Whether it is allowed. */
export interface SubjectAccessReviewStatus {
  /** True when it is allowed. */
  allowed: boolean
  /** True when it was denied; both false means that nobody had an opinion. */
  denied?: boolean
  /** Why it was allowed or denied. */
  reason?: string
  /** What went wrong while asking; the answer may hold all the same. */
  evaluationError?: string
}

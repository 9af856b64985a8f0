// Asking what I may do.
import { resource } from '#api/resource.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Asks for everything that the caller may do in a namespace; for showing, not for deciding. Never stored. */
export interface SelfSubjectRulesReview extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The namespace. @default {} */
  spec: SelfSubjectRulesReviewSpec
  /** The answer. @default {} */
  status?: SubjectRulesReviewStatus
}

/** The kind SelfSubjectRulesReview as it is addressed: `selfsubjectrulesreviews` of authorization.k8s.io. */
export const selfSubjectRulesReviews = resource<SelfSubjectRulesReview>({
  group: 'authorization.k8s.io',
  version: 'v1',
  kind: 'SelfSubjectRulesReview',
  plural: 'selfsubjectrulesreviews',
  scope: 'Cluster',
})

/** Where the caller wants to do something. */
export interface SelfSubjectRulesReviewSpec {
  /** The namespace; it must be named. */
  namespace?: string
}

/** What the caller may do. */
export interface SubjectRulesReviewStatus {
  /** What may be done to resources, in no particular order and possibly more than once. @atomic */
  resourceRules: ResourceRule[]
  /** What may be done to other paths, in no particular order and possibly more than once. @atomic */
  nonResourceRules: NonResourceRule[]
  /** True when there may be more: some authorizers cannot list what they allow. */
  incomplete: boolean
  /** What went wrong while asking; the rules hold all the same. */
  evaluationError?: string
}

/** Verbs that are allowed on resources. */
export interface ResourceRule {
  /** The verbs; `*` stands for all. @atomic */
  verbs: string[]
  /** The groups of the resources; `*` stands for all. @atomic */
  apiGroups?: string[]
  /** Plural names, or names with a subresource after a slash; `*` stands for all of the groups. @atomic */
  resources?: string[]
  /** The only objects that are meant; all when empty. @atomic */
  resourceNames?: string[]
}

/** Verbs that are allowed on paths. */
export interface NonResourceRule {
  /** The verbs; `*` stands for all. @atomic */
  verbs: string[]
  /** The paths; a `*` may stand at the end. @atomic */
  nonResourceURLs?: string[]
}

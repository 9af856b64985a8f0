import {
  localSubjectAccessReviews,
  type LocalSubjectAccessReview,
} from '#api/authorization/v1/localSubjectAccessReview.ts'
import {
  selfSubjectAccessReviews,
  type SelfSubjectAccessReview,
} from '#api/authorization/v1/selfSubjectAccessReview.ts'
import { selfSubjectRulesReviews, type SelfSubjectRulesReview } from '#api/authorization/v1/selfSubjectRulesReview.ts'
import { subjectAccessReviews, type SubjectAccessReview } from '#api/authorization/v1/subjectAccessReview.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkQuestion, checkSubject, checkUnnamed } from './rules.ts'

// Reviews are questions: they are answered and never stored.

/** "May this user do that, in this namespace?" */
export const localSubjectAccessReviewStrategy: Strategy<LocalSubjectAccessReview> = {
  resource: localSubjectAccessReviews,
  verbs: ['create'],
  validate({ metadata, spec }, _old, report) {
    const place = report.at('spec')
    checkQuestion(spec, place)
    checkSubject(spec, place)
    checkUnnamed({ ...metadata, namespace: '' }, 'must be empty except for namespace', report)
    const { resourceAttributes, nonResourceAttributes } = spec
    if (resourceAttributes !== undefined && (resourceAttributes.namespace ?? '') !== (metadata.namespace ?? '')) {
      place
        .at('resourceAttributes', 'namespace')
        .invalid(resourceAttributes.namespace ?? '', 'must match metadata.namespace')
    }
    if (nonResourceAttributes !== undefined) {
      place.at('nonResourceAttributes').invalid(nonResourceAttributes, 'disallowed on this kind of request')
    }
  },
}

/** "May I do that?" */
export const selfSubjectAccessReviewStrategy: Strategy<SelfSubjectAccessReview> = {
  resource: selfSubjectAccessReviews,
  verbs: ['create'],
  validate({ metadata, spec }, _old, report) {
    checkQuestion(spec, report.at('spec'))
    checkUnnamed(metadata, 'must be empty', report)
  },
}

/** "What may I do?" */
export const selfSubjectRulesReviewStrategy: Strategy<SelfSubjectRulesReview> = {
  resource: selfSubjectRulesReviews,
  verbs: ['create'],
}

/** "May this user do that?" */
export const subjectAccessReviewStrategy: Strategy<SubjectAccessReview> = {
  resource: subjectAccessReviews,
  verbs: ['create'],
  validate({ metadata, spec }, _old, report) {
    const place = report.at('spec')
    checkQuestion(spec, place)
    checkSubject(spec, place)
    checkUnnamed(metadata, 'must be empty', report)
  },
}

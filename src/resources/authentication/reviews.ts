import { selfSubjectReviews, type SelfSubjectReview } from '#api/authentication/v1/selfSubjectReview.ts'
import { tokenReviews, type TokenReview } from '#api/authentication/v1/tokenReview.ts'
import type { Strategy } from '#server/strategy.ts'

// Reviews are questions: they are answered and never stored.

/** "Whose token is this?" */
export const tokenReviewStrategy: Strategy<TokenReview> = { resource: tokenReviews, verbs: ['create'] }

/** "Who am I?" */
export const selfSubjectReviewStrategy: Strategy<SelfSubjectReview> = {
  resource: selfSubjectReviews,
  verbs: ['create'],
}

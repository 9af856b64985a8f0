import type { SelfSubjectReview } from '#api/authentication/v1/selfSubjectReview.ts'
import type { TokenReview, UserInfo } from '#api/authentication/v1/tokenReview.ts'
import { badRequest, qualifiedName } from '#machinery/status.ts'
import { withGroup } from '../authenticate/authenticator.ts'
import { verifyToken } from '../authenticate/tokenAuthenticator.ts'
import { decodeObject } from '../decode.ts'
import type { Endpoint, Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { parseWriteOptions } from '../options.ts'
import { timeText } from '#machinery/time.ts'
import { objectReply, type ServerReply } from '../request.ts'
import type { Caller } from '../strategy.ts'
import { reviewAccess, reviewLocalAccess, reviewOwnAccess, reviewOwnRules } from './accessReviews.ts'

/** Kinds that are questions: creating one answers it, and nothing is stored. */
const reviews: Readonly<Record<string, Endpoint>> = {
  'tokenreviews.authentication.k8s.io': reviewToken,
  'selfsubjectreviews.authentication.k8s.io': reviewSelf,
  'subjectaccessreviews.authorization.k8s.io': reviewAccess,
  'localsubjectaccessreviews.authorization.k8s.io': reviewLocalAccess,
  'selfsubjectaccessreviews.authorization.k8s.io': reviewOwnAccess,
  'selfsubjectrulesreviews.authorization.k8s.io': reviewOwnRules,
}

/** What answers a kind that is a question; undefined for all others. */
export function reviewEndpoint(kind: Kind): Endpoint | undefined {
  return reviews[qualifiedName(kind.resource)]
}

async function reviewToken(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, request } = exchange
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const review = (await decodeObject(exchange, kind, query.fieldValidation)) as TokenReview
  const wanted = review.spec?.audiences ?? []
  const token = review.spec?.token ?? ''
  if (token === '') throw badRequest('token is required for TokenReview in authentication')
  const audiences = wanted.length === 0 ? server.tokens.audiences : wanted
  const result = await verifyToken(server.tokenAuthenticators, token, audiences)
  const status: TokenReview['status'] =
    'problem' in result
      ? { user: {}, error: result.problem }
      : { authenticated: true, user: userInfo(withGroup(result.caller)), audiences: [...result.audiences] }
  return objectReply({ ...review, status }, 201)
}

async function reviewSelf(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, request, caller } = exchange
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const review = (await decodeObject(exchange, kind, query.fieldValidation)) as SelfSubjectReview
  return objectReply(
    {
      ...review,
      metadata: { ...review.metadata, creationTimestamp: timeText(server.registry.clock.now()) },
      status: { userInfo: userInfo(caller) },
    },
    201,
  )
}

function userInfo({ name, uid, groups, extra }: Caller): UserInfo {
  return {
    username: name,
    ...(uid === undefined ? {} : { uid }),
    groups: [...groups],
    ...(extra === undefined
      ? {}
      : { extra: Object.fromEntries(Object.entries(extra).map(([key, values]) => [key, [...values]])) }),
  }
}

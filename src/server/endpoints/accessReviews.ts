// Questions about permissions: creating one answers it, and nothing is stored.
import type { LocalSubjectAccessReview } from '#api/authorization/v1/localSubjectAccessReview.ts'
import type { SelfSubjectAccessReview } from '#api/authorization/v1/selfSubjectAccessReview.ts'
import type {
  NonResourceRule,
  ResourceRule,
  SelfSubjectRulesReview,
  SubjectRulesReviewStatus,
} from '#api/authorization/v1/selfSubjectRulesReview.ts'
import type {
  ResourceAttributes,
  SubjectAccessReview,
  SubjectAccessReviewSpec,
  SubjectAccessReviewStatus,
} from '#api/authorization/v1/subjectAccessReview.ts'
import type { FieldSelectorRequirement } from '#api/meta/v1/labelSelector.ts'
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import type { KubeObject } from '#api/resource.ts'
import { parseFieldSelector, type FieldRequirements } from '#machinery/fieldSelector.ts'
import { SelectorError } from '#machinery/labelSelector.ts'
import { badRequest, invalid } from '#machinery/status.ts'
import { createReport, problemCauses } from '#machinery/validate/report.ts'
import { decide, type Attributes } from '../authorize/authorizer.ts'
import { decodeObject } from '../decode.ts'
import type { Exchange } from '../exchange.ts'
import type { Kind } from '../kind.ts'
import { parseWriteOptions } from '../options.ts'
import { objectReply, type ServerReply } from '../request.ts'
import type { Caller } from '../strategy.ts'

/** "May this user do that?" */
export async function reviewAccess(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const review = await readReview<SubjectAccessReview>(exchange, kind)
  return answer(exchange, review, callerOf(review.spec))
}

/** The same, asked by whoever governs one namespace. */
export async function reviewLocalAccess(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const review = await readReview<LocalSubjectAccessReview>(exchange, kind)
  return answer(exchange, review, callerOf(review.spec))
}

/** "May I do that?" */
export async function reviewOwnAccess(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  return answer(exchange, await readReview<SelfSubjectAccessReview>(exchange, kind), exchange.caller)
}

/** "What may I do?" */
export async function reviewOwnRules(exchange: Exchange, kind: Kind): Promise<ServerReply> {
  const { server, caller } = exchange
  const review = await readReview<SelfSubjectRulesReview>(exchange, kind)
  const namespace = review.spec.namespace ?? ''
  if (namespace === '') throw badRequest('no namespace on request')
  const { rbac, authorizers } = server.authorization
  const { rules, problems } = rbac.rulesOf(caller, namespace)
  const unlistable = authorizers.flatMap((authorizer) => authorizer.unlistable?.(caller) ?? [])
  const errors = [...unlistable, ...problems]
  const status: SubjectRulesReviewStatus = {
    resourceRules: rules.flatMap(resourceRule),
    nonResourceRules: rules.flatMap(pathRule),
    incomplete: errors.length > 0,
    ...(errors.length === 0 ? {} : { evaluationError: errors.join(', ') }),
  }
  return objectReply({ ...review, status }, 201)
}

const resourceRule = ({ nonResourceURLs: _, ...rule }: PolicyRule): ResourceRule[] =>
  (rule.resources?.length ?? 0) === 0 ? [] : [rule]

const pathRule = ({ verbs, nonResourceURLs = [] }: PolicyRule): NonResourceRule[] =>
  nonResourceURLs.length === 0 ? [] : [{ verbs, nonResourceURLs }]

async function readReview<T extends KubeObject>(exchange: Exchange, kind: Kind): Promise<T> {
  const { request, info } = exchange
  const query = parseWriteOptions(request.query, 'CreateOptions')
  const review = (await decodeObject(exchange, kind, query.fieldValidation)) as T
  if (info.namespace !== '') {
    review.metadata.namespace ||= info.namespace
    if (review.metadata.namespace !== info.namespace) {
      throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
    }
  }
  const { report, problems } = createReport()
  kind.strategy.validate?.(review, undefined, report)
  // Upstream names no kind here.
  if (problems.length > 0) throw invalid({ group: kind.resource.group, kind: '' }, '', problemCauses(problems))
  return review
}

function answer(
  { server }: Exchange,
  review: SubjectAccessReview | LocalSubjectAccessReview | SelfSubjectAccessReview,
  caller: Caller,
): ServerReply {
  const { verdict, reason } = decide(server.authorization.authorizers, caller, attributesOfReview(review.spec))
  const status: SubjectAccessReviewStatus = {
    allowed: verdict === 'allow',
    ...(verdict === 'deny' ? { denied: true } : {}),
    ...(reason === '' ? {} : { reason }),
  }
  return objectReply({ ...review, status }, 201)
}

function callerOf({ user = '', uid, groups = [], extra }: SubjectAccessReviewSpec): Caller {
  return { name: user, groups, ...(uid === undefined ? {} : { uid }), ...(extra === undefined ? {} : { extra }) }
}

function attributesOfReview({ resourceAttributes, nonResourceAttributes }: SubjectAccessReviewSpec): Attributes {
  const { namespace = '', verb = '', group = '', version = '', resource = '' } = resourceAttributes ?? {}
  const { subresource = '', name = '' } = resourceAttributes ?? {}
  const { path = '', verb: pathVerb = '' } = nonResourceAttributes ?? {}
  const isResource = resourceAttributes !== undefined
  const fields = resourceAttributes === undefined ? undefined : fieldsOf(resourceAttributes)
  return {
    isResource,
    path,
    verb: isResource ? verb : pathVerb,
    group,
    version,
    namespace,
    resource,
    subresource,
    name,
    ...(fields === undefined ? {} : { fields }),
  }
}

/** The limits that are understood; leaving one out only makes the question one about more. */
function fieldsOf({ fieldSelector }: ResourceAttributes): FieldRequirements | undefined {
  if (fieldSelector === undefined) return undefined
  const { rawSelector = '', requirements = [] } = fieldSelector
  if (rawSelector === '') return requirements.flatMap(requirementOf)
  try {
    return parseFieldSelector(rawSelector)
  } catch (error) {
    if (error instanceof SelectorError) return undefined
    throw error
  }
}

function requirementOf({ key, operator, values = [] }: FieldSelectorRequirement): FieldRequirements {
  if (operator === 'In' && values.length === 1) return [{ field: key, equal: true, value: values[0]! }]
  if (operator === 'NotIn') return values.map((value) => ({ field: key, equal: false, value }))
  return []
}

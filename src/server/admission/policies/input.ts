// A request as expressions see it.
import { namespaces } from '#api/core/v1/namespace.ts'
import type { AccessDecision, AccessQuestion } from '#lib/cel/functions/authorizer.ts'
import type { AdmissionInput } from '#machinery/cel/admissionEvaluation.ts'
import type { Caller } from '../../strategy.ts'
import type { AdmissionRequest, ClusterView } from '../chain.ts'
import { reviewOf, type Shown } from '../webhooks/review.ts'

/** What callers may do. */
export type AskAccess = (caller: Caller, question: AccessQuestion) => AccessDecision

/** What expressions read: the request, its objects as `shown`, its namespace, and what the caller may do. */
export function inputOf(
  request: AdmissionRequest,
  shown: Shown,
  cluster: ClusterView,
  access: AskAccess,
  params?: unknown,
): AdmissionInput {
  const { resource, subresource, namespace, name, caller } = request
  const { request: described } = reviewOf(request, shown, 'v1', '') as { readonly request: object }
  const isNamespace = resource.group === '' && resource.plural === namespaces.plural
  const { kind } = shown
  return {
    object: withKind(shown.object, kind),
    oldObject: withKind(shown.old, kind),
    request: described,
    namespaceObject: namespace === '' || isNamespace ? null : (cluster.get(namespaces, '', namespace) ?? null),
    params,
    decide: answeringOnce((question) => access(callerOf(caller, question), question)),
    asked: { group: resource.group, resource: resource.plural, subresource, namespace, name },
  }
}

/** Objects of the server may leave out what they are; expressions read it. */
function withKind(object: object | undefined, { group, version, kind }: Shown['kind']): object | null {
  if (object === undefined) return null
  return { apiVersion: group === '' ? version : `${group}/${version}`, kind, ...object }
}

function callerOf(caller: Caller, { serviceAccount }: AccessQuestion): Caller {
  if (serviceAccount === undefined) return caller
  const { namespace, name } = serviceAccount
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
  }
}

/** The same question has the same answer for the whole of a request. */
function answeringOnce(
  ask: (question: AccessQuestion) => AccessDecision,
): (question: AccessQuestion) => AccessDecision {
  const answers = new Map<string, AccessDecision>()
  return (question) => {
    const key = JSON.stringify(question)
    let answer = answers.get(key)
    if (answer === undefined) answers.set(key, (answer = ask(question)))
    return answer
  }
}

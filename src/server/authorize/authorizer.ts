import type { FieldRequirements } from '#machinery/fieldSelector.ts'
import { failure, type StatusError } from '#machinery/status.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'

/** What somebody wants to do. A request's own info is one; reviews make others. */
export interface Attributes extends Omit<RequestInfo, 'verb' | 'rest'> {
  readonly verb: string
  /** The fields by which a list, watch or deletion is limited; absent without limits. */
  readonly fields?: FieldRequirements
}

/** `none`: no opinion, the next authorizer is asked. */
export interface Decision {
  readonly verdict: 'allow' | 'deny' | 'none'
  /** Said to those who ask; for a request only when it is refused. */
  readonly reason: string
}

/** Decides who may do what. Asked for each request: an answer must take no more than microseconds. */
export interface Authorizer {
  readonly name: string
  authorize(caller: Caller, attributes: Attributes): Decision
  /** Why what the caller may do cannot be listed; absent where it can, or where nothing is added. */
  unlistable?(caller: Caller): string | undefined
}

export const noOpinion: Decision = { verdict: 'none', reason: '' }
export const allowed: Decision = { verdict: 'allow', reason: '' }

/** No opinion, and why. */
export const refusal = (reason: string): Decision => ({ verdict: 'none', reason })

/** Asks the authorizers in order. When none decides, the reasons of all are told. */
export function decide(authorizers: readonly Authorizer[], caller: Caller, attributes: Attributes): Decision {
  return findDecision(authorizers, caller, attributes).decision
}

/** What the authorizers say, and who decided; nobody when none did. */
export function findDecision(
  authorizers: readonly Authorizer[],
  caller: Caller,
  attributes: Attributes,
): { readonly decision: Decision; readonly decider: Authorizer | undefined } {
  let reason = ''
  for (const authorizer of authorizers) {
    const decision = authorizer.authorize(caller, attributes)
    if (decision.verdict !== 'none') return { decision, decider: authorizer }
    if (decision.reason !== '') reason = reason === '' ? decision.reason : `${reason}\n${decision.reason}`
  }
  return { decision: reason === '' ? noOpinion : refusal(reason), decider: undefined }
}

/** Refuses with 403 what nobody allows. */
export function authorize(authorizers: readonly Authorizer[], caller: Caller, attributes: Attributes): void {
  const { verdict, reason } = decide(authorizers, caller, attributes)
  if (verdict !== 'allow') throw forbiddenRequest(caller, attributes, reason)
}

export function forbiddenRequest(caller: Caller, attributes: Attributes, reason: string): StatusError {
  const { group, resource, name, isResource } = attributes
  const why = reason === '' ? forbiddenText(caller, attributes) : `${forbiddenText(caller, attributes)}: ${reason}`
  if (!isResource) return failure('Forbidden', `forbidden: ${why}`, {})
  const qualified = group === '' ? resource : `${resource}.${group}`
  const subject = name === '' ? qualified : `${qualified} ${JSON.stringify(name)}`
  return failure('Forbidden', `${subject} is forbidden: ${why}`, {
    ...(name === '' ? {} : { name }),
    ...(group === '' ? {} : { group }),
    kind: resource,
  })
}

/** `User "jane" cannot list resource "pods" in API group "" in the namespace "default"`. */
function forbiddenText({ name: user }: Caller, attributes: Attributes): string {
  const { verb, path, isResource, group, resource, subresource, namespace } = attributes
  const who = `User ${JSON.stringify(user)} cannot ${verb}`
  if (!isResource) return `${who} path ${JSON.stringify(path)}`
  const what = JSON.stringify(subresource === '' ? resource : `${resource}/${subresource}`)
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`
  return `${who} resource ${what} in API group ${JSON.stringify(group)} ${where}`
}

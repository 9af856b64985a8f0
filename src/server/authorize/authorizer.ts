import { failure, type StatusError } from '#machinery/status.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'

/** `undefined`: no opinion, the next authorizer is asked. */
export type Decision = 'allow' | 'deny' | undefined

/** Decides who may do what. */
export interface Authorizer {
  readonly name: string
  authorize(caller: Caller, info: RequestInfo): Decision
}

/** Asks the authorizers in order; what nobody allows is refused with 403. */
export function authorize(authorizers: readonly Authorizer[], caller: Caller, info: RequestInfo): void {
  for (const authorizer of authorizers) {
    const decision = authorizer.authorize(caller, info)
    if (decision === 'allow') return
    if (decision === 'deny') break
  }
  throw forbiddenRequest(caller, info)
}

function forbiddenRequest(caller: Caller, info: RequestInfo): StatusError {
  if (!info.isResource) {
    return failure('Forbidden', `forbidden: User "${caller.name}" cannot ${info.verb} path "${info.path}"`, {})
  }
  const { group, resource, subresource, namespace, name, verb } = info
  const what = subresource === '' ? resource : `${resource}/${subresource}`
  const where = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const qualified = group === '' ? resource : `${resource}.${group}`
  const subject = name === '' ? qualified : `${qualified} "${name}"`
  return failure(
    'Forbidden',
    `${subject} is forbidden: User "${caller.name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`,
    { ...(name === '' ? {} : { name }), ...(group === '' ? {} : { group }), kind: resource },
  )
}

import type { AccessDecision, AccessQuestion } from '#lib/cel/functions/authorizer.ts'
import type { Caller } from '../strategy.ts'
import { decide, type Authorizer } from './authorizer.ts'

/** What callers may do, as expressions of policies ask it. */
export function accessOf(
  authorizers: readonly Authorizer[],
): (caller: Caller, question: AccessQuestion) => AccessDecision {
  return (caller, { verb, path, group, resource, subresource, namespace, name }) => {
    const { verdict, reason } = decide(authorizers, caller, {
      verb,
      path: path ?? '',
      isResource: path === undefined,
      group,
      version: '*',
      resource,
      subresource,
      namespace,
      name,
    })
    return { allowed: verdict === 'allow', reason }
  }
}

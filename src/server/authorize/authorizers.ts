import type { Kinds } from '../kind.ts'
import type { Authorizer, Decision } from './authorizer.ts'
import { noOpinion } from './authorizer.ts'
import { Rbac } from './rbac.ts'

/** The group that may do everything, whatever roles say: the way back in when roles are broken. */
export const mastersGroup = 'system:masters'

const allowed: Decision = { verdict: 'allow', reason: '' }

const masters: Authorizer = {
  name: 'SystemMasters',
  authorize: ({ groups }) => (groups.includes(mastersGroup) ? allowed : noOpinion),
}

/** Whoever has shown who he is may do everything. */
const authenticated: Authorizer = {
  name: 'Authenticated',
  authorize: ({ groups }) => (groups.includes('system:authenticated') ? allowed : noOpinion),
}

/** Paths that anybody may read: whether the server is well, and its version. */
const publicPaths = new Set(['/healthz', '/livez', '/readyz', '/version'])

/** Everybody may see the server's health and version. */
const publicInformation: Authorizer = {
  name: 'PublicInformation',
  authorize: (_caller, { isResource, verb, path }) =>
    !isResource && (verb === 'get' || verb === 'head') && publicPaths.has(path.replace(/(?<=.)\/$/, ''))
      ? allowed
      : noOpinion,
}

/** Who decides what callers may do. */
export interface Authorization {
  readonly rbac: Rbac
  /** Every authorizer, in the order in which they are asked. */
  readonly authorizers: readonly Authorizer[]
}

/** The authorizers of a server over what it keeps. */
export function authorizationOf(kinds: Kinds): Authorization {
  const rbac = new Rbac(kinds)
  return { rbac, authorizers: [masters, rbac, publicInformation, authenticated] }
}

import type { ClusterView } from '../admission/chain.ts'
import type { Kinds } from '../kind.ts'
import { allowed, noOpinion, refusal, type Authorizer } from './authorizer.ts'
import { nodeRules } from './bootstrap/componentRoles.ts'
import { mastersGroup } from './mastersGroup.ts'
import { nodeAuthorizer } from './node/authorizer.ts'
import { Rbac } from './rbac.ts'

const masters: Authorizer = {
  name: 'SystemMasters',
  authorize: ({ groups }) => (groups.includes(mastersGroup) ? allowed : noOpinion),
}

/** The ways to decide that an administrator chooses from (`--authorization-mode`). */
export const authorizationModes = ['Node', 'RBAC', 'AlwaysAllow', 'AlwaysDeny'] as const
export type AuthorizationMode = (typeof authorizationModes)[number]

/** Who decides what callers may do. */
export interface Authorization {
  readonly rbac: Rbac
  /** Every authorizer, in the order in which they are asked. */
  readonly authorizers: readonly Authorizer[]
}

const always: Readonly<Record<'AlwaysAllow' | 'AlwaysDeny', Authorizer>> = {
  AlwaysAllow: { name: 'AlwaysAllow', authorize: () => allowed },
  AlwaysDeny: { name: 'AlwaysDeny', authorize: () => refusal('Everything is forbidden.') },
}

/** The authorizers of a server over what it keeps. Administrators may do everything in each mode. */
export function authorizationOf(
  kinds: Kinds,
  cluster: ClusterView,
  modes: readonly AuthorizationMode[] = ['Node', 'RBAC'],
): Authorization {
  const rbac = new Rbac(kinds)
  const chosen = modes.map((mode) =>
    mode === 'RBAC' ? rbac : mode === 'Node' ? nodeAuthorizer(kinds, cluster, nodeRules) : always[mode],
  )
  return { rbac, authorizers: [masters, ...chosen] }
}

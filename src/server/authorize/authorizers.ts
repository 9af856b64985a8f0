import type { ClusterView } from '../admission/chain.ts'
import type { Kinds } from '../kind.ts'
import { allowed, noOpinion, type Authorizer } from './authorizer.ts'
import { nodeRules } from './bootstrap/componentRoles.ts'
import { mastersGroup } from './mastersGroup.ts'
import { nodeAuthorizer } from './node/authorizer.ts'
import { Rbac } from './rbac.ts'

const masters: Authorizer = {
  name: 'SystemMasters',
  authorize: ({ groups }) => (groups.includes(mastersGroup) ? allowed : noOpinion),
}

/** Who decides what callers may do. */
export interface Authorization {
  readonly rbac: Rbac
  /** Every authorizer, in the order in which they are asked. */
  readonly authorizers: readonly Authorizer[]
}

/** The authorizers of a server over what it keeps. */
export function authorizationOf(kinds: Kinds, cluster: ClusterView): Authorization {
  const rbac = new Rbac(kinds)
  return { rbac, authorizers: [masters, nodeAuthorizer(kinds, cluster, nodeRules), rbac] }
}

// Whoever writes roles and bindings may give no more than he has himself, unless a role says otherwise (verbs `escalate`
// and `bind`). Without this the right to write roles would be the right to everything.
import type { ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import type { ClusterRoleBinding } from '#api/rbac/v1/clusterRoleBinding.ts'
import type { PolicyRule, Role } from '#api/rbac/v1/role.ts'
import type { RoleBinding, RoleRef } from '#api/rbac/v1/roleBinding.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { failure, forbidden } from '#machinery/status.ts'
import type { Caller } from '../strategy.ts'
import { decide } from './authorizer.ts'
import type { Authorization } from './authorizers.ts'
import { mastersGroup } from './mastersGroup.ts'
import { missingRole } from './rbac.ts'
import { compactRules, missingRules, quotedList, ruleText } from './rules.ts'

/** One write of a role or binding. */
interface RbacWrite {
  readonly resource: Resource
  readonly object: KubeObject
  readonly old: KubeObject | undefined
  readonly caller: Caller
  /** Resolves once all is known that was written before. */
  readonly current: () => Promise<void>
}

const group = 'rbac.authorization.k8s.io'

/** Everything that there is: whoever gathers the rules of roles that others write must have it. */
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
]

/** Refuses with 403 a role or binding that gives more than its writer has. Says nothing of other kinds. */
export function checkEscalation(authorization: Authorization, write: RbacWrite): void | Promise<void> {
  const { resource, object, old, caller } = write
  if (resource.group !== group || caller.groups.includes(mastersGroup)) return
  if (old !== undefined && changesBookkeepingOnly(object, old)) return
  if (resource.plural === 'roles' || resource.plural === 'clusterroles') return checkRole(authorization, write)
  return checkBinding(authorization, write)
}

function checkRole(authorization: Authorization, { resource, object, old, caller }: RbacWrite): void {
  const { name = '', namespace = '' } = object.metadata
  const target = { resource: resource.plural, name: old === undefined ? '' : name, namespace }
  if (mayUse(authorization, caller, 'escalate', target)) return
  const why = whyEscalating(authorization, caller, namespace, (object as Role).rules ?? [])
  if (why !== undefined) throw forbidden(resource, name, why)
  const gathers = [object, old].some((role) => (role as ClusterRole | undefined)?.aggregationRule !== undefined)
  if (gathers && whyEscalating(authorization, caller, namespace, fullAuthority) !== undefined) {
    throw forbidden(resource, name, 'must have cluster-admin privileges to use an aggregationRule')
  }
}

async function checkBinding(authorization: Authorization, write: RbacWrite): Promise<void> {
  const { resource, object, caller, current } = write
  const { name = '', namespace = '' } = object.metadata
  const { roleRef } = object as RoleBinding | ClusterRoleBinding
  const plural = roleRef.kind === 'ClusterRole' ? 'clusterroles' : 'roles'
  if (mayUse(authorization, caller, 'bind', { resource: plural, name: roleRef.name, namespace })) return
  let rules = authorization.rbac.rulesOfRole(roleRef, namespace)
  if (rules === undefined) {
    await current()
    rules = authorization.rbac.rulesOfRole(roleRef, namespace)
  }
  if (rules === undefined) throw roleNotFound(roleRef)
  const why = whyEscalating(authorization, caller, namespace, rules)
  if (why !== undefined) throw forbidden(resource, name, why)
}

const roleNotFound = (role: RoleRef): Error =>
  failure('NotFound', missingRole(role), { name: role.name, group, kind: role.kind.toLowerCase() })

function mayUse(
  { authorizers }: Authorization,
  caller: Caller,
  verb: 'escalate' | 'bind',
  target: { readonly resource: string; readonly name: string; readonly namespace: string },
): boolean {
  const wish = { ...target, verb, isResource: true, path: '', group, version: '*', subresource: '' }
  return decide(authorizers, caller, wish).verdict === 'allow'
}

/** Which of the rules the caller does not have; undefined when he has all. */
function whyEscalating(
  { rbac }: Authorization,
  caller: Caller,
  namespace: string,
  wanted: readonly PolicyRule[],
): string | undefined {
  const { rules, problems } = rbac.rulesOf(caller, namespace)
  const missing = missingRules(rules, wanted)
  if (missing.length === 0) return undefined
  const texts = [...new Set(compactRules(missing).map(ruleText))].toSorted()
  const who = `user ${JSON.stringify(caller.name)} (groups=${quotedList(caller.groups)})`
  const resolution = problems.length === 0 ? '' : `; resolution errors: [${problems.join(' ')}]`
  return `${who} is attempting to grant RBAC permissions not currently held:\n${texts.join('\n')}${resolution}`
}

/** Owners and finalizers may always change: the garbage collector must be able to do its work. */
function changesBookkeepingOnly(object: KubeObject, old: KubeObject): boolean {
  const without = ({ metadata, ...rest }: KubeObject): object => {
    const { ownerReferences: _, finalizers: __, managedFields: ___, resourceVersion: ____, ...others } = metadata
    return { ...rest, metadata: others }
  }
  return sameJson(without(object), without(old))
}

// Role-based access control: who has which roles, and what those allow. Kept beside the watch cache: bindings are found by
// their subjects, so that a check looks at the bindings of the caller and not at all of them.
import { clusterRoleBindings, type ClusterRoleBinding } from '#api/rbac/v1/clusterRoleBinding.ts'
import { clusterRoles, type ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import { roleBindings, type RoleBinding, type RoleRef, type Subject } from '#api/rbac/v1/roleBinding.ts'
import { roles, type PolicyRule, type Role } from '#api/rbac/v1/role.ts'
import type { Resource } from '#api/resource.ts'
import type { Kinds } from '../kind.ts'
import type { Caller } from '../strategy.ts'
import type { StoredObject } from '../storedObject.ts'
import { noOpinion, refusal, type Attributes, type Authorizer, type Decision } from './authorizer.ts'
import { ruleAllows } from './rules.ts'

/** A role that a subject has because of one binding. */
interface Grant {
  /** The key of the binding. */
  readonly key: string
  readonly role: RoleRef
  /** Under which key the rules of the role are. */
  readonly roleKey: string
  /** What a request is told that the grant allows. */
  readonly decision: Decision
}

/** What one user or group has been granted. */
interface Grants {
  readonly cluster: Grant[]
  readonly namespaces: Map<string, Grant[]>
}

/** What somebody may do in a namespace and in the whole cluster, and what of it could not be found out. */
export interface HeldRules {
  readonly rules: readonly PolicyRule[]
  readonly problems: readonly string[]
}

type Binding = RoleBinding | ClusterRoleBinding

export class Rbac implements Authorizer {
  readonly name = 'RBAC'
  /** By `u` and the user's name, `g` and the group's. */
  readonly #grants = new Map<string, Grants>()
  /** The rules of roles by `namespace/name`; of cluster roles by `/name`. */
  readonly #rules = new Map<string, readonly PolicyRule[]>()
  /** Whether a role was missing in the last search. */
  #foundNoRole = false

  constructor(kinds: Kinds) {
    this.#follow(kinds, clusterRoleBindings, this.#bindingChanged)
    this.#follow(kinds, roleBindings, this.#bindingChanged)
    this.#follow(kinds, clusterRoles, this.#roleChanged)
    this.#follow(kinds, roles, this.#roleChanged)
  }

  #follow(kinds: Kinds, resource: Resource<any>, see: (now?: StoredObject, before?: StoredObject) => void): void {
    kinds.of(resource)?.cache.observe(see)
  }

  authorize(caller: Caller, attributes: Attributes): Decision {
    this.#foundNoRole = false
    const grant = this.#find(caller, attributes)
    if (grant !== undefined) return grant.decision
    if (!this.#foundNoRole) return noOpinion
    return refusal(`RBAC: ${listText(this.rulesOf(caller, attributes.namespace).problems)}`)
  }

  /** Everything that somebody may do in a namespace; what holds in the whole cluster is part of it. */
  rulesOf(caller: Caller, namespace: string): HeldRules {
    const rules: PolicyRule[] = []
    const problems = new Set<string>()
    for (const grant of this.#grantsOf(caller, namespace)) {
      const found = this.#rules.get(grant.roleKey)
      if (found === undefined) problems.add(missingRole(grant.role))
      else rules.push(...found)
    }
    return { rules, problems: [...problems] }
  }

  /** The rules of a role that a binding in this namespace refers to; undefined when there is none. */
  rulesOfRole(role: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#rules.get(roleKey(role, namespace))
  }

  /** The first grant that allows the request: those of the cluster before those of its namespace. */
  #find(caller: Caller, attributes: Attributes): Grant | undefined {
    const { namespace } = attributes
    const user = this.#grants.get(`u${caller.name}`)
    const { groups } = caller
    let found = user === undefined ? undefined : this.#firstAllowing(user.cluster, attributes)
    for (let at = 0; found === undefined && at < groups.length; at++) {
      const grants = this.#grants.get(`g${groups[at]!}`)
      if (grants !== undefined) found = this.#firstAllowing(grants.cluster, attributes)
    }
    if (found !== undefined || namespace === '') return found
    found = this.#firstAllowing(user?.namespaces.get(namespace), attributes)
    for (let at = 0; found === undefined && at < groups.length; at++) {
      found = this.#firstAllowing(this.#grants.get(`g${groups[at]!}`)?.namespaces.get(namespace), attributes)
    }
    return found
  }

  #firstAllowing(grants: readonly Grant[] | undefined, attributes: Attributes): Grant | undefined {
    if (grants === undefined) return undefined
    for (const grant of grants) {
      const rules = this.#rules.get(grant.roleKey)
      if (rules === undefined) this.#foundNoRole = true
      else for (const rule of rules) if (ruleAllows(rule, attributes)) return grant
    }
    return undefined
  }

  /** What holds in the whole cluster first, then what holds in the namespace. */
  *#grantsOf({ name, groups }: Caller, namespace: string): Generator<Grant> {
    const all = [`u${name}`, ...groups.map((group) => `g${group}`)].map((subject) => this.#grants.get(subject))
    for (const grants of all) if (grants !== undefined) yield* grants.cluster
    if (namespace === '') return
    for (const grants of all) yield* grants?.namespaces.get(namespace) ?? []
  }

  readonly #roleChanged = (now?: StoredObject, before?: StoredObject): void => {
    const { metadata, rules } = (now ?? before)!.object as Role | ClusterRole
    const key = `${metadata.namespace ?? ''}/${metadata.name}`
    if (now === undefined) this.#rules.delete(key)
    else this.#rules.set(key, rules ?? [])
  }

  readonly #bindingChanged = (now?: StoredObject, before?: StoredObject): void => {
    if (before !== undefined) this.#forget(before.key, before.object as Binding)
    if (now !== undefined) this.#note(now.key, now.object as Binding)
  }

  #note(key: string, binding: Binding): void {
    const { metadata, roleRef, subjects = [] } = binding
    const namespace = metadata.namespace ?? ''
    for (const subject of subjects) {
      const owner = subjectKey(subject, namespace)
      if (owner === undefined) continue
      let grants = this.#grants.get(owner)
      if (grants === undefined) this.#grants.set(owner, (grants = { cluster: [], namespaces: new Map() }))
      const grant: Grant = {
        key,
        role: roleRef,
        roleKey: roleKey(roleRef, namespace),
        decision: { verdict: 'allow', reason: `RBAC: allowed by ${grantText(binding, subject)}` },
      }
      if (namespace === '') insertByKey(grants.cluster, grant)
      else {
        let list = grants.namespaces.get(namespace)
        if (list === undefined) grants.namespaces.set(namespace, (list = []))
        insertByKey(list, grant)
      }
    }
  }

  #forget(key: string, { metadata, subjects = [] }: Binding): void {
    const namespace = metadata.namespace ?? ''
    for (const subject of subjects) {
      const owner = subjectKey(subject, namespace)
      const grants = owner === undefined ? undefined : this.#grants.get(owner)
      if (grants === undefined) continue
      const list = namespace === '' ? grants.cluster : grants.namespaces.get(namespace)
      if (list !== undefined) removeKey(list, key)
      if (list?.length === 0) grants.namespaces.delete(namespace)
      if (grants.cluster.length === 0 && grants.namespaces.size === 0) this.#grants.delete(owner!)
    }
  }
}

const roleKey = ({ kind, name }: RoleRef, namespace: string): string =>
  kind === 'ClusterRole' ? `/${name}` : `${namespace}/${name}`

/** Under which key the grants of a subject are; undefined when nobody can be it. */
function subjectKey({ kind, name, namespace = '' }: Subject, bindingNamespace: string): string | undefined {
  if (kind === 'User') return `u${name}`
  if (kind === 'Group') return `g${name}`
  const of = namespace === '' ? bindingNamespace : namespace
  return kind !== 'ServiceAccount' || of === '' ? undefined : `usystem:serviceaccount:${of}:${name}`
}

/** Keeps the order of keys: which of several grants a reason names does not depend on history. */
function insertByKey(list: Grant[], grant: Grant): void {
  const at = list.findIndex(({ key }) => key > grant.key)
  list.splice(at < 0 ? list.length : at, 0, grant)
}

function removeKey(list: Grant[], key: string): void {
  for (let at = list.length - 1; at >= 0; at--) if (list[at]!.key === key) list.splice(at, 1)
}

/** `RoleBinding "a/default" of Role "r" to User "u"`. */
function grantText({ kind, metadata, roleRef }: Binding, subject: Subject): string {
  const { name, namespace } = metadata
  const binding = namespace === undefined ? name : `${name}/${namespace}`
  const owner = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace ?? namespace}` : subject.name
  const quoted = JSON.stringify
  return `${kind} ${quoted(binding)} of ${roleRef.kind} ${quoted(roleRef.name)} to ${subject.kind} ${quoted(owner)}`
}

/** What is said of a role that is not there; its kind stands in lower case in the place of the plural. */
export const missingRole = ({ kind, name }: RoleRef): string =>
  `${kind.toLowerCase()}.${roles.group} ${JSON.stringify(name)} not found`

/** Several problems as one text. */
const listText = (problems: readonly string[]): string =>
  problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`

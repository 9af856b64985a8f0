// Puts the bootstrap roles in place when the server starts: makes what is missing, adds what an older version lacked, and
// leaves alone what people added, or what they marked as theirs with the annotation `autoupdate: "false"`.
import type { ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import type { RoleBinding, Subject } from '#api/rbac/v1/roleBinding.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { missingRules } from '../rules.ts'
import { autoUpdate, type BootstrapObject } from './policy.ts'

/** What is to be done about one object. `replace`: what a binding refers to cannot be changed, so it is made anew. */
export type Reconciliation =
  | { readonly do: 'nothing' }
  | { readonly do: 'create' | 'update' | 'replace'; readonly object: BootstrapObject }

/** Compares what is there with what should be. `found` is never changed. */
export function planBootstrap(wanted: BootstrapObject, found: BootstrapObject | undefined): Reconciliation {
  if (found === undefined) return { do: 'create', object: wanted }
  if (found.metadata.annotations?.[autoUpdate] === 'false') return { do: 'nothing' }
  if ('roleRef' in wanted && !sameJson(wanted.roleRef, (found as RoleBinding).roleRef)) {
    return { do: 'replace', object: wanted }
  }
  const changed = 'roleRef' in wanted ? addedSubjects(wanted, found as RoleBinding) : addedRules(wanted, found)
  const metadata = addedMetadata(wanted, found)
  if (changed === undefined && metadata === undefined) return { do: 'nothing' }
  return { do: 'update', object: { ...found, ...changed, metadata: metadata ?? found.metadata } as BootstrapObject }
}

/** Labels and annotations that lack; undefined when none does. */
function addedMetadata({ metadata: wanted }: BootstrapObject, { metadata }: BootstrapObject): object | undefined {
  const labels = { ...wanted.labels, ...metadata.labels }
  const annotations = { ...wanted.annotations, ...metadata.annotations }
  const isSame = sameJson(labels, metadata.labels ?? {}) && sameJson(annotations, metadata.annotations ?? {})
  return isSame ? undefined : { ...metadata, labels, annotations }
}

function addedRules(wanted: ClusterRole, found: ClusterRole): Partial<ClusterRole> | undefined {
  const { aggregationRule } = wanted
  if (aggregationRule !== undefined) {
    const held = found.aggregationRule?.clusterRoleSelectors ?? []
    const lacking = aggregationRule.clusterRoleSelectors!.filter((each) => !held.some((one) => sameJson(one, each)))
    return lacking.length === 0 ? undefined : { aggregationRule: { clusterRoleSelectors: [...held, ...lacking] } }
  }
  const [held, rules]: (readonly PolicyRule[])[] = [found.rules ?? [], wanted.rules ?? []]
  if (sameJson(held, rules)) return undefined
  const missing = missingRules(held!, rules!)
  return missing.length === 0 ? undefined : { rules: [...held!, ...missing] }
}

function addedSubjects(wanted: RoleBinding, found: RoleBinding): Partial<RoleBinding> | undefined {
  const held = found.subjects ?? []
  const lacking = (wanted.subjects ?? []).filter((subject) => !held.some((each) => isSameSubject(each, subject)))
  return lacking.length === 0 ? undefined : { subjects: [...held, ...lacking] }
}

const isSameSubject = (a: Subject, b: Subject): boolean =>
  a.kind === b.kind && a.name === b.name && a.namespace === b.namespace

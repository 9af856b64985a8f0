import type { PolicyRule } from '#api/rbac/v1/role.ts'
import type { RoleRef, Subject } from '#api/rbac/v1/roleBinding.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { dnsSubdomainProblems, pathSegmentProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { goForm } from '#resources/goForm.ts'

// What roles and bindings must look like, for the kinds of a namespace and those of the cluster.

export const rbacGroup = 'rbac.authorization.k8s.io'

/** Where a role or binding is. */
export type Scope = 'Namespaced' | 'Cluster'

export function checkRules(rules: readonly PolicyRule[], scope: Scope, report: Report): void {
  for (const [index, rule] of rules.entries()) checkRule(rule, scope, report.at(index))
}

function checkRule(rule: PolicyRule, scope: Scope, report: Report): void {
  const { verbs = [], apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule
  if (verbs.length === 0) report.at('verbs').required('verbs must contain at least one value')
  if (nonResourceURLs.length > 0) {
    const place = report.at('nonResourceURLs')
    if (scope === 'Namespaced') place.invalid(nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs')
    if (apiGroups.length > 0 || resources.length > 0 || resourceNames.length > 0)
      place.invalid(nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs')
    return
  }
  if (apiGroups.length === 0) report.at('apiGroups').required('resource rules must supply at least one api group')
  if (resources.length === 0) report.at('resources').required('resource rules must supply at least one resource')
  if (resourceNames.length > 0 && resources.length > 1)
    report.at('resourceNames').required('resource names cannot apply to multiple resources')
}

/** Fills in the group of the role and of users and groups (`pkg/apis/rbac/v1/defaults.go`). */
export function defaultBinding(binding: { roleRef: RoleRef; subjects?: Subject[] }): void {
  binding.roleRef.apiGroup ||= rbacGroup
  for (const subject of binding.subjects ?? []) {
    if ((subject.apiGroup ?? '') === '' && (subject.kind === 'User' || subject.kind === 'Group'))
      subject.apiGroup = rbacGroup
  }
}

interface Binding {
  readonly roleRef: RoleRef
  readonly subjects?: readonly Subject[]
}

export function checkBinding(binding: Binding, old: Binding | undefined, scope: Scope, report: Report): void {
  const { roleRef, subjects = [] } = binding
  const kinds = scope === 'Namespaced' ? ['Role', 'ClusterRole'] : ['ClusterRole']
  const place = report.at('roleRef')
  if (roleRef.apiGroup !== rbacGroup) place.at('apiGroup').notSupported(roleRef.apiGroup, [rbacGroup])
  if (!kinds.includes(roleRef.kind)) place.at('kind').notSupported(roleRef.kind, kinds)
  if (roleRef.name === '') place.at('name').required()
  else place.at('name').invalidBecause(roleRef.name, pathSegmentProblems(roleRef.name))
  for (const [index, subject] of subjects.entries()) checkSubject(subject, scope, report.at('subjects', index))
  if (old !== undefined && !sameJson(old.roleRef, roleRef)) {
    place.invalid(goForm('io.k8s.api.rbac.v1.RoleRef', roleRef), 'cannot change roleRef')
  }
}

function checkSubject({ kind, name, namespace = '', apiGroup = '' }: Subject, scope: Scope, report: Report): void {
  if (name === '') report.at('name').required()
  switch (kind) {
    case 'ServiceAccount':
      if (name !== '') report.at('name').invalidBecause(name, dnsSubdomainProblems(name))
      if (apiGroup !== '') report.at('apiGroup').notSupported(apiGroup, [''])
      if (scope === 'Cluster' && namespace === '') report.at('namespace').required()
      return
    case 'User':
    case 'Group':
      if (apiGroup !== rbacGroup) report.at('apiGroup').notSupported(apiGroup, [rbacGroup])
      return
    default:
      report.at('kind').notSupported(kind, ['ServiceAccount', 'User', 'Group'])
  }
}

import type { ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { matchesLabelSelector } from '#machinery/labelSelector.ts'

/** The rules that a role should have, gathered from others; undefined when it has them, or gathers none. */
export function planRules(role: ClusterRole, others: readonly ClusterRole[]): readonly PolicyRule[] | undefined {
  const selectors = role.aggregationRule?.clusterRoleSelectors
  if (selectors === undefined) return undefined
  const rules: PolicyRule[] = []
  const known = new Set<string>()
  for (const selector of selectors) {
    const chosen = others
      .filter(({ metadata }) => metadata.name !== role.metadata.name)
      .filter(({ metadata }) => matchesLabelSelector(selector, metadata.labels))
      .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    for (const rule of chosen.flatMap((each) => each.rules ?? [])) {
      const text = JSON.stringify(rule)
      if (known.has(text)) continue
      known.add(text)
      rules.push(rule)
    }
  }
  return sameJson(rules, role.rules ?? []) ? undefined : rules
}

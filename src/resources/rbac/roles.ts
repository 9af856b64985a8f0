import { clusterRoles, type ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import { roles, type Role } from '#api/rbac/v1/role.ts'
import { checkSelector } from '#resources/selector.ts'
import { nameColumn } from '#resources/columns.ts'
import type { Column, Strategy } from '#server/strategy.ts'
import { checkRules } from './rules.ts'

const columns: readonly Column[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'date',
    description: 'When the role was created.',
    value: ({ metadata }) => metadata.creationTimestamp,
  },
]

/** Roles: permissions inside one namespace. */
export const roleStrategy: Strategy<Role> = {
  resource: roles,
  nameRule: 'path-segment',
  createOnUpdate: true,
  unconditionalUpdate: true,
  generation: false,
  columns,
  validate({ rules }, _old, report) {
    checkRules(rules ?? [], 'Namespaced', report.at('rules'))
  },
}

/** Cluster roles: permissions everywhere, or wherever they are bound. */
export const clusterRoleStrategy: Strategy<ClusterRole> = {
  resource: clusterRoles,
  nameRule: 'path-segment',
  createOnUpdate: true,
  unconditionalUpdate: true,
  generation: false,
  columns,
  validate({ rules, aggregationRule }, _old, report) {
    checkRules(rules ?? [], 'Cluster', report.at('rules'))
    if (aggregationRule === undefined) return
    const place = report.at('aggregationRule', 'clusterRoleSelectors')
    const { clusterRoleSelectors = [] } = aggregationRule
    if (clusterRoleSelectors.length === 0)
      place.required('at least one clusterRoleSelector required if aggregationRule is non-nil')
    for (const [index, selector] of clusterRoleSelectors.entries()) checkSelector(selector, place.at(index))
  },
}

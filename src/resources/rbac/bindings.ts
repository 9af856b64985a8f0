import { clusterRoleBindings, type ClusterRoleBinding } from '#api/rbac/v1/clusterRoleBinding.ts'
import { roleBindings, type RoleBinding, type Subject } from '#api/rbac/v1/roleBinding.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import type { Column, Strategy } from '#server/strategy.ts'
import { checkBinding, defaultBinding } from './rules.ts'

type Binding = RoleBinding | ClusterRoleBinding

/** The subjects of one kind, as a cell. */
function subjectsColumn(name: string, kind: string, description: string): Column<Binding> {
  const textOf = (subject: Subject): string =>
    (subject.namespace ?? '') === '' ? subject.name : `${subject.namespace}/${subject.name}`
  return {
    name,
    wide: true,
    description,
    value: ({ subjects = [] }) =>
      subjects
        .filter((subject) => subject.kind === kind)
        .map((subject) => (kind === 'ServiceAccount' ? textOf(subject) : subject.name))
        .join(', '),
  }
}

const columns: readonly Column<Binding>[] = [
  nameColumn,
  {
    name: 'Role',
    description: 'The role whose permissions are granted, after its kind.',
    value: ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`,
  },
  ageColumn,
  subjectsColumn('Users', 'User', 'The users that have the role.'),
  subjectsColumn('Groups', 'Group', 'The groups whose members have the role.'),
  subjectsColumn(
    'ServiceAccounts',
    'ServiceAccount',
    'The service accounts that have the role, after their namespaces.',
  ),
]

/** Role bindings: who has a role in one namespace. */
export const roleBindingStrategy: Strategy<RoleBinding> = {
  resource: roleBindings,
  nameRule: 'path-segment',
  createOnUpdate: true,
  unconditionalUpdate: true,
  generation: false,
  columns,
  default: defaultBinding,
  validate(binding, old, report) {
    checkBinding(binding, old, 'Namespaced', report)
  },
}

/** Cluster role bindings: who has a role everywhere. */
export const clusterRoleBindingStrategy: Strategy<ClusterRoleBinding> = {
  resource: clusterRoleBindings,
  nameRule: 'path-segment',
  createOnUpdate: true,
  unconditionalUpdate: true,
  generation: false,
  columns,
  default: defaultBinding,
  validate(binding, old, report) {
    checkBinding(binding, old, 'Cluster', report)
  },
}

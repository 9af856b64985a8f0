import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import type { PolicyRule } from '#api/rbac/v1/role.ts'
import { planRules } from './plan.ts'

const rule = (resource: string): PolicyRule => ({ verbs: ['get'], apiGroups: [''], resources: [resource] })

function role(name: string, rules: readonly string[], part?: string, gathers: readonly string[] = []): ClusterRole {
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name, ...(part === undefined ? {} : { labels: { [part]: 'true' } }) },
    rules: rules.map(rule),
    ...(gathers.length === 0
      ? {}
      : { aggregationRule: { clusterRoleSelectors: gathers.map((each) => ({ matchLabels: { [each]: 'true' } })) } }),
  }
}

const rows: readonly { name: string; role: ClusterRole; others: ClusterRole[]; rules: string[] | undefined }[] = [
  { name: 'a role that gathers nothing', role: role('a', []), others: [role('b', ['pods'], 'x')], rules: undefined },
  {
    name: 'in the order of the names of roles',
    role: role('a', [], undefined, ['x']),
    others: [role('c', ['nodes'], 'x'), role('b', ['pods', 'secrets'], 'x'), role('d', ['leases'], 'y')],
    rules: ['pods', 'secrets', 'nodes'],
  },
  {
    name: 'each rule once',
    role: role('a', [], undefined, ['x', 'y']),
    others: [role('b', ['pods'], 'x'), role('c', ['nodes', 'pods'], 'y')],
    rules: ['pods', 'nodes'],
  },
  {
    name: 'what others wrote into it is replaced',
    role: role('a', ['secrets'], undefined, ['x']),
    others: [role('b', ['pods'], 'x')],
    rules: ['pods'],
  },
  {
    name: 'nothing when it has the rules',
    role: role('a', ['pods'], undefined, ['x']),
    others: [role('b', ['pods'], 'x')],
    rules: undefined,
  },
  {
    name: 'not itself',
    role: role('a', [], 'x', ['x']),
    others: [role('a', ['secrets'], 'x', ['x']), role('b', ['pods'], 'x')],
    rules: ['pods'],
  },
  {
    name: 'nothing any more when its parts are gone',
    role: role('a', ['pods'], undefined, ['x']),
    others: [],
    rules: [],
  },
]

for (const row of rows) {
  test(`gathered rules: ${row.name}`, () => assert.deepEqual(planRules(row.role, row.others), row.rules?.map(rule)))
}

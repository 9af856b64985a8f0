import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterRole } from '#api/rbac/v1/clusterRole.ts'
import type { ClusterRoleBinding } from '#api/rbac/v1/clusterRoleBinding.ts'
import { autoUpdate, type BootstrapObject } from './policy.ts'
import { planBootstrap, type Reconciliation } from './reconcile.ts'
import { on } from './rules.ts'
import { group, user } from './subjects.ts'

const apiVersion = 'rbac.authorization.k8s.io/v1'
const apiGroup = 'rbac.authorization.k8s.io'
const labels = { 'kubernetes.io/bootstrapping': 'rbac-defaults' }
const annotations = { [autoUpdate]: 'true' }

const role = (rest: Partial<ClusterRole>, metadata: object = {}): ClusterRole => ({
  apiVersion,
  kind: 'ClusterRole',
  metadata: { name: 'r', labels, annotations, ...metadata },
  ...rest,
})
const binding = (subjects: ClusterRoleBinding['subjects'], name = 'r'): ClusterRoleBinding => ({
  apiVersion,
  kind: 'ClusterRoleBinding',
  metadata: { name: 'r', labels, annotations },
  subjects: subjects!,
  roleRef: { apiGroup, kind: 'ClusterRole', name },
})
const [pods, nodes, secrets] = [on('', 'pods', 'get'), on('', 'nodes', 'get list'), on('', 'secrets', 'get')]
const part = (name: string): object => ({ clusterRoleSelectors: [{ matchLabels: { [name]: 'true' } }] })
const update = (object: BootstrapObject): Reconciliation => ({ do: 'update', object })

const rows: readonly [string, BootstrapObject, BootstrapObject | undefined, Reconciliation][] = [
  ['what is not there is made', role({ rules: [pods] }), undefined, { do: 'create', object: role({ rules: [pods] }) }],
  ['what is there stays', role({ rules: [pods, nodes] }), role({ rules: [pods, nodes] }), { do: 'nothing' }],
  [
    'the order of rules says nothing',
    role({ rules: [pods, nodes] }),
    role({ rules: [nodes, pods] }),
    { do: 'nothing' },
  ],
  ['what people added stays', role({ rules: [pods] }), role({ rules: [secrets, pods] }), { do: 'nothing' }],
  [
    'what lacks is added behind, verb by verb',
    role({ rules: [pods, nodes] }),
    role({ rules: [secrets, on('', 'nodes', 'get')] }),
    update(role({ rules: [secrets, on('', 'nodes', 'get'), pods, on('', 'nodes', 'list')] })),
  ],
  [
    'what people made theirs is left alone',
    role({ rules: [pods] }),
    role({ rules: [] }, { annotations: { [autoUpdate]: 'false' } }),
    { do: 'nothing' },
  ],
  [
    'labels that lack are added, others stay',
    role({ rules: [pods] }),
    role({ rules: [pods] }, { labels: { a: 'b' } }),
    update(role({ rules: [pods] }, { labels: { ...labels, a: 'b' } })),
  ],
  [
    'gathered rules are not looked at',
    role({ aggregationRule: part('x') }),
    role({ aggregationRule: part('x'), rules: [pods] }),
    { do: 'nothing' },
  ],
  [
    'a role that does not gather begins to',
    role({ aggregationRule: part('x') }),
    role({ rules: [pods] }),
    update(role({ aggregationRule: part('x'), rules: [pods] })),
  ],
  [
    'subjects that lack are added',
    binding([group('a'), user('a')]),
    binding([user('b'), group('a')]),
    update(binding([user('b'), group('a'), user('a')])),
  ],
  [
    'a binding of another role is made anew',
    binding([user('a')]),
    binding([user('a')], 'other'),
    { do: 'replace', object: binding([user('a')]) },
  ],
]

for (const [name, wanted, found, expected] of rows) {
  test(`bootstrap roles: ${name}`, () => assert.deepEqual(planBootstrap(wanted, found), expected))
}

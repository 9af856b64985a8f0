import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leases } from '#api/coordination/v1/lease.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { nodes } from '#api/core/v1/node.ts'
import { persistentVolumeClaims } from '#api/core/v1/persistentVolumeClaim.ts'
import { pods } from '#api/core/v1/pod.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import type { Resource } from '#api/resource.ts'
import { nodeRestriction } from './nodeRestriction.ts'
import { ask, clusterWith, type RequestSketch } from './testRequest.ts'

const agent = { name: 'system:node:a', groups: ['system:nodes', 'system:authenticated'] }

const owner = { apiVersion: 'v1', kind: 'Node', name: 'a', uid: 'u', controller: true }
const mirror = (more: object = {}, spec: object = {}): object => ({
  metadata: {
    name: 'p',
    namespace: 'n',
    annotations: { 'kubernetes.io/config.mirror': 'x' },
    ownerReferences: [owner],
    ...more,
  },
  spec: { nodeName: 'a', containers: [], ...spec },
})
const podOn = (nodeName: string, more: object = {}): object => ({
  metadata: { name: `on-${nodeName}`, namespace: 'n', uid: `uid-${nodeName}` },
  spec: { nodeName, containers: [], ...more },
})
const node = (name: string, labels: Record<string, string> = {}, more: object = {}): object => ({
  metadata: { name, uid: 'u', labels, ...more },
  spec: {},
})
const claim = (more: object = {}, status: object = {}): object => ({
  metadata: { name: 'c', namespace: 'n', ...more },
  spec: {},
  status: { phase: 'Bound', ...status },
})
const token = (name: string, uid: string, audiences: readonly string[] = []): object => ({
  metadata: { name: 'default', namespace: 'n' },
  spec: { audiences, boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid } },
})
const tokenVolume = { volumes: [{ name: 't', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } }] }

const volumesOf = (...sources: readonly object[]): object => ({
  volumes: sources.map((source, index) => ({ name: `v${index}`, ...source })),
})
const podNamed = (name: string, more: object): object => ({
  metadata: { name, namespace: 'n', uid: `uid-${name}` },
  spec: { nodeName: 'a', containers: [], ...more },
})
const claimOf = (name: string, volumeName: string): object => ({
  metadata: { name, namespace: 'n' },
  spec: { volumeName },
})
const driver = (name: string, ...audiences: readonly string[]): object => ({
  metadata: { name },
  spec: { tokenRequests: audiences.map((audience) => ({ audience })) },
})

const cluster = clusterWith({
  nodes: [node('a')],
  pods: [
    podOn('a', tokenVolume),
    podOn('b'),
    podNamed('inline', volumesOf({ csi: { driver: 'd' } })),
    podNamed('claiming', volumesOf({ persistentVolumeClaim: { claimName: 'bound' } })),
    podNamed('old', volumesOf({ persistentVolumeClaim: { claimName: 'disk' } })),
    podNamed('scratch', volumesOf({ ephemeral: { volumeClaimTemplate: { spec: {} } } })),
    podNamed('waiting', volumesOf({ persistentVolumeClaim: { claimName: 'c' } }, { csi: { driver: 'none' } })),
  ],
  persistentvolumeclaims: [
    claimOf('bound', 'pv'),
    claimOf('scratch-v0', 'pv'),
    claimOf('disk', 'pv-disk'),
    claimOf('c', ''),
  ],
  persistentvolumes: [
    { metadata: { name: 'pv' }, spec: { csi: { driver: 'd' } } },
    { metadata: { name: 'pv-disk' }, spec: { gcePersistentDisk: { pdName: 'x' } } },
  ],
  csidrivers: [driver('d', 'vault'), driver('pd.csi.storage.gke.io', 'gcp')],
})
/** Tells nodes that they may ask for tokens for `granted`, and cannot tell about `unclear`. */
const restriction = nodeRestriction((caller, { verb, resource, namespace, name }) => {
  const asked = `${caller.name} ${verb} ${namespace}/${name}`
  assert.equal(asked, 'system:node:a request-serviceaccounts-token-audience n/default')
  return { allowed: resource === 'granted', reason: '', ...(resource === 'unclear' ? { error: 'no idea' } : {}) }
})

const rows: readonly {
  readonly name: string
  readonly resource: Resource<any>
  readonly ask: RequestSketch
  /** Absent: may. */
  readonly not?: string
}[] = [
  { name: 'show what it runs by itself', resource: pods, ask: { object: mirror() } },
  {
    name: 'make other pods',
    resource: pods,
    ask: { object: mirror({ annotations: {} }) },
    not: 'pods "p" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "a" can only create mirror pods',
  },
  {
    name: 'show pods of other nodes',
    resource: pods,
    ask: { object: mirror({}, { nodeName: 'b' }) },
    not: 'pods "p" is forbidden: node "a" can only create pods with spec.nodeName set to itself',
  },
  {
    name: 'show pods that belong to nobody',
    resource: pods,
    ask: { object: mirror({ ownerReferences: [] }) },
    not: 'pods "p" is forbidden: node "a" can only create pods with an owner reference set to itself',
  },
  {
    name: 'show pods of an earlier node of its name',
    resource: pods,
    ask: { object: mirror({ ownerReferences: [{ ...owner, uid: 'v' }] }) },
    not: 'pods "p" is forbidden: node a UID mismatch: expected v got u',
  },
  {
    name: 'show pods that read secrets',
    resource: pods,
    ask: { object: mirror({}, { volumes: [{ name: 's', secret: { secretName: 's' } }] }) },
    not: 'pods "p" is forbidden: node "a" can not create pods that reference secrets',
  },
  { name: 'delete its pods', resource: pods, ask: { old: podOn('a') } },
  {
    name: 'delete pods of others',
    resource: pods,
    ask: { old: podOn('b') },
    not: 'pods "on-b" is forbidden: node "a" can only delete pods with spec.nodeName set to itself',
  },
  {
    name: 'change a pod',
    resource: pods,
    ask: { object: podOn('a'), old: podOn('a') },
    not: 'pods "on-a" is forbidden: unexpected operation "UPDATE", node "a" can only create and delete mirror pods',
  },
  {
    name: 'say how its pods are',
    resource: pods,
    ask: { object: podOn('a'), old: podOn('a'), subresource: 'status' },
  },
  {
    name: 'say how pods of others are',
    resource: pods,
    ask: { object: podOn('b'), old: podOn('b'), subresource: 'status' },
    not: 'pods "on-b" is forbidden: node "a" can only update pod status for pods with spec.nodeName set to itself',
  },
  {
    name: 'place pods',
    resource: pods,
    ask: { object: podOn('a'), subresource: 'binding' },
    not: `pods "on-a" is forbidden: unexpected pod subresource "binding", only 'status' and 'eviction' are allowed`,
  },
  {
    name: 'evict pods of others',
    resource: pods,
    ask: { object: podOn('b'), subresource: 'eviction' },
    not: 'pods "on-b" is forbidden: node a can only evict pods with spec.nodeName set to itself',
  },
  {
    name: 'register with its own labels',
    resource: nodes,
    ask: { object: node('a', { 'kubernetes.io/hostname': 'a', 'x.node.kubernetes.io/y': '', disk: 'ssd' }) },
  },
  {
    name: 'register with a role',
    resource: nodes,
    ask: { object: node('a', { 'node-role.kubernetes.io/x': '', 'node-restriction.kubernetes.io/y': '' }) },
    not: 'nodes "a" is forbidden: node "a" is not allowed to set the following labels: node-restriction.kubernetes.io/y, node-role.kubernetes.io/x',
  },
  {
    name: 'touch another node',
    resource: nodes,
    ask: { object: node('b'), old: node('b'), subresource: 'status' },
    not: 'nodes "b" is forbidden: node "a" is not allowed to modify node "b"',
  },
  {
    name: 'give itself a role',
    resource: nodes,
    ask: { object: node('a', { 'node-role.kubernetes.io/x': '' }), old: node('a') },
    not: 'nodes "a" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/x',
  },
  {
    name: 'lose its taints',
    resource: nodes,
    ask: { object: node('a'), old: { ...node('a'), spec: { taints: [{ key: 'k', effect: 'NoSchedule' }] } } },
    not: 'nodes "a" is forbidden: node "a" is not allowed to modify taints',
  },
  {
    name: 'have itself collected',
    resource: nodes,
    ask: { object: node('a', {}, { ownerReferences: [owner] }), old: node('a') },
    not: 'nodes "a" is forbidden: node "a" is not allowed to modify ownerReferences',
  },
  {
    name: 'report the size of a volume',
    resource: persistentVolumeClaims,
    ask: { object: claim({}, { capacity: { storage: '2Gi' } }), old: claim(), subresource: 'status' },
  },
  {
    name: 'label a claim',
    resource: persistentVolumeClaims,
    ask: { object: claim({ labels: { a: 'b' } }), old: claim(), subresource: 'status' },
    not: 'persistentvolumeclaims "c" is forbidden: node "a" is not allowed to update fields other than status.quantity and status.conditions',
  },
  {
    name: 'change a claim',
    resource: persistentVolumeClaims,
    ask: { object: claim(), old: claim() },
    not: 'persistentvolumeclaims "c" is forbidden: may only update PVC status',
  },
  {
    name: 'get a token for its pod',
    resource: serviceAccounts,
    ask: { object: token('on-a', 'uid-a'), subresource: 'token' },
  },
  {
    name: 'get a token for another audience',
    resource: serviceAccounts,
    ask: { object: token('on-a', 'uid-a', ['vault']), subresource: 'token' },
    not: 'serviceaccounts "default" is forbidden: audience "vault" not found in pod spec volume, system:node:a is not authorized to request tokens for this audience',
  },
  ...(
    [
      ['inline', 'vault', undefined],
      ['claiming', 'vault', undefined],
      ['scratch', 'vault', undefined],
      ['old', 'gcp', undefined],
      ['inline', 'granted', undefined],
      [
        'claiming',
        'gcp',
        'audience "gcp" not found in pod spec volume, system:node:a is not authorized to request tokens for this audience',
      ],
      [
        'inline',
        'unclear',
        'audience "unclear" not found in pod spec volume, error authorizing system:node:a to request tokens for this audience: no idea',
      ],
      [
        'waiting',
        'vault',
        'error validating audience "vault": [persistentvolume "" not found, csidriver.storage.k8s.io "none" not found]',
      ],
    ] as const
  ).map(([pod, audience, not]) => ({
    name: `get a token of pod ${pod} for ${audience}`,
    resource: serviceAccounts,
    ask: { object: token(pod, `uid-${pod}`, [audience]), subresource: 'token' },
    ...(not === undefined ? {} : { not: `serviceaccounts "default" is forbidden: ${not}` }),
  })),
  {
    name: 'get a token for two audiences',
    resource: serviceAccounts,
    ask: { object: token('inline', 'uid-inline', ['vault', 'gcp']), subresource: 'token' },
    not: 'serviceaccounts "default" is forbidden: node may only request 0 or 1 audiences',
  },
  {
    name: 'get a token for a pod elsewhere',
    resource: serviceAccounts,
    ask: { object: token('on-b', 'uid-b'), subresource: 'token' },
    not: 'serviceaccounts "default" is forbidden: node requested token bound to a pod scheduled on a different node',
  },
  {
    name: 'get a token for nothing',
    resource: serviceAccounts,
    ask: { object: { metadata: { name: 'default', namespace: 'n' }, spec: {} }, subresource: 'token' },
    not: 'serviceaccounts "default" is forbidden: node requested token not bound to a pod',
  },
  {
    name: 'renew its lease',
    resource: leases,
    ask: { object: { metadata: { name: 'a', namespace: 'kube-node-lease' } }, old: { metadata: { name: 'a' } } },
  },
  {
    name: "renew another's lease",
    resource: leases,
    ask: { object: { metadata: { name: 'b', namespace: 'kube-node-lease' } } },
    not: 'leases.coordination.k8s.io "b" is forbidden: can only access node lease with the same name as the requesting node',
  },
  {
    name: 'lead something',
    resource: leases,
    ask: { object: { metadata: { name: 'a', namespace: 'kube-system' } } },
    not: 'leases.coordination.k8s.io "a" is forbidden: can only access leases in the "kube-node-lease" system namespace',
  },
  { name: 'write what the authorizer lets it', resource: configMaps, ask: { object: { metadata: { name: 'm' } } } },
]

for (const { name, resource, ask: sketch, not } of rows) {
  test(`a node may ${not === undefined ? '' : 'not '}${name}`, async () => {
    const verdict = await ask(restriction, resource, { caller: agent, ...sketch }, cluster)
    assert.equal(verdict.refused, not)
  })
}

test('others are not restricted, and who is no node in particular may do nothing', async () => {
  const refusedFor = async (name: string, groups: string[]): Promise<string | undefined> =>
    (await ask(restriction, nodes, { caller: { name, groups }, object: node('z') }, cluster)).refused
  assert.equal(await refusedFor('admin', []), undefined)
  assert.equal(await refusedFor('system:node:a', []), undefined)
  assert.equal(
    await refusedFor('system:node:', ['system:nodes']),
    'nodes "z" is forbidden: could not determine node from user "system:node:"',
  )
})

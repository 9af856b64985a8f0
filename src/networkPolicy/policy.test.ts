import assert from 'node:assert/strict'
import { test } from 'node:test'

import type { NetworkPolicySpec } from '#api/networking/v1/networkPolicy.ts'

import { readAdminPolicy } from './adminPolicies.ts'
import type { AdminPolicy } from './adminPolicies.ts'
import { policyName, readNetworkPolicy } from './policy.ts'
import type { Policy } from './policy.ts'

const read = (spec: NetworkPolicySpec): Policy =>
  readNetworkPolicy({ metadata: { namespace: 'x', name: 'p' }, spec } as never)

/** Which directions a policy is about, with the number of rules. */
const directions = ({ ingress, egress }: Policy) => ({ ingress: ingress?.length, egress: egress?.length })

test('what a policy is about follows from its types, and without them from its rules', () => {
  const rows: readonly [NetworkPolicySpec, number | undefined, number | undefined][] = [
    [{}, 0, undefined],
    [{ egress: [] }, 0, undefined],
    [{ egress: [{}] }, 0, 1],
    [{ policyTypes: ['Egress'] }, undefined, 0],
    [{ policyTypes: ['Ingress', 'Egress'] }, 0, 0],
    [{ policyTypes: ['Egress'], ingress: [{}] }, undefined, 0],
  ]
  for (const [spec, ingress, egress] of rows)
    assert.deepEqual(directions(read(spec)), { ingress, egress }, JSON.stringify(spec))
})

test('peers and ports are read with their defaults', () => {
  const { ingress } = read({
    ingress: [
      { from: [], ports: [] },
      {
        from: [
          { podSelector: {} },
          { namespaceSelector: {} },
          { ipBlock: { cidr: 'not a block' } },
          { ipBlock: { cidr: '10.0.0.0/8', except: ['nonsense'] } },
        ],
        ports: [{}, { port: 80 }, { port: 80, endPort: 90, protocol: 'UDP' }, { port: 'web', protocol: 'SCTP' }],
      },
    ],
  })
  assert.deepEqual(ingress, [
    { index: 0, action: 'allow', peers: 'everybody', ports: 'all' },
    {
      index: 1,
      action: 'allow',
      // Blocks that cannot be read are nobody.
      peers: [
        { kind: 'pods', namespaces: { name: 'x' }, pods: {} },
        { kind: 'pods', namespaces: { selector: {} }, pods: {} },
      ],
      ports: [
        { transport: 'tcp', from: 0, to: 65_535 },
        { transport: 'tcp', from: 80, to: 80 },
        { transport: 'udp', from: 80, to: 90 },
        { transport: 'sctp', name: 'web' },
      ],
    },
  ])
})

const admin = (kind: string, spec: AdminPolicy['spec']) =>
  readAdminPolicy({ apiVersion: '', kind, metadata: { name: 'a' }, spec }, kind)

test('admin policies have their tier, priority and rules', () => {
  const subject = { namespaces: {} }
  const of = (policy: Policy | undefined) =>
    policy && { tier: policy.tier, priority: policy.priority, name: policyName(policy) }
  assert.deepEqual(of(admin('AdminNetworkPolicy', { subject, priority: 7 })), {
    tier: 'admin',
    priority: 7,
    name: 'AdminNetworkPolicy a',
  })
  assert.deepEqual(of(admin('BaselineAdminNetworkPolicy', { subject, priority: 7 }))?.tier, 'baseline')
  assert.deepEqual(of(admin('ClusterNetworkPolicy', { subject, tier: 'Baseline' }))?.tier, 'baseline')
  assert.deepEqual(of(admin('ClusterNetworkPolicy', { subject, tier: 'Admin' }))?.tier, 'admin')
  // A subject that is not understood is nobody.
  assert.equal(admin('AdminNetworkPolicy', { subject: {} }), undefined)
  assert.deepEqual(directions(admin('AdminNetworkPolicy', { subject, egress: [] })!), {
    ingress: undefined,
    egress: undefined,
  })
})

test('a rule with a peer that is not understood fails closed', () => {
  const rules = admin('AdminNetworkPolicy', {
    subject: { namespaces: {} },
    egress: [
      { action: 'Allow', to: [{ domainNames: ['example.com'] }, { nodes: {} }], ports: [{ namedPort: 'web' }] },
      { name: 'closed', action: 'Pass', to: [{}], ports: [{ portNumber: { port: 80 } }] },
      { action: 'Deny', to: [{ networks: ['nonsense'] }] },
    ],
  })!.egress
  assert.deepEqual(rules, [
    { index: 0, action: 'allow', peers: [{ kind: 'nodes', selector: {} }], ports: [{ name: 'web' }] },
    { index: 1, name: 'closed', action: 'deny', peers: 'everybody', ports: 'all' },
    { index: 2, action: 'deny', peers: 'everybody', ports: 'all' },
  ])
})

test('ports of both kinds of admin policies are read', () => {
  const [plain, cluster] = [
    admin('AdminNetworkPolicy', {
      subject: { namespaces: {} },
      ingress: [
        {
          action: 'Deny',
          from: [{ namespaces: {} }],
          ports: [{ portNumber: { protocol: 'UDP', port: 53 } }, { portRange: { start: 1, end: 9 } }],
        },
      ],
    }),
    admin('ClusterNetworkPolicy', {
      subject: { namespaces: {} },
      ingress: [
        {
          action: 'Accept',
          from: [{ namespaces: {} }],
          protocols: [
            { tcp: { destinationPort: { number: 80 } } },
            { udp: { destinationPort: { range: { start: 1, end: 9 } } } },
            { sctp: {} },
            { destinationNamedPort: 'web' },
          ],
        },
      ],
    }),
  ].map((policy) => policy!.ingress![0]!.ports)
  assert.deepEqual(plain, [
    { transport: 'udp', from: 53, to: 53 },
    { transport: 'tcp', from: 1, to: 9 },
  ])
  assert.deepEqual(cluster, [
    { transport: 'tcp', from: 80, to: 80 },
    { transport: 'udp', from: 1, to: 9 },
    { transport: 'sctp', from: 0, to: 65_535 },
    { name: 'web' },
  ])
})

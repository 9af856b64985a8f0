import assert from 'node:assert/strict'
import { test } from 'node:test'

import fc from 'fast-check'

import type { NetworkPolicy } from '#api/networking/v1/networkPolicy.ts'

import { readAdminPolicy } from './adminPolicies.ts'
import type { AdminPolicy } from './adminPolicies.ts'
import { readNode } from './facts.ts'
import type { ClusterFacts } from './facts.ts'
import { PolicyPlanner } from './plan.ts'
import type { Plan } from './plan.ts'
import { asksForPods } from './pods.ts'
import { readNetworkPolicy } from './policy.ts'
import { factsOf, passes, readsAsAllowed } from './testCluster.ts'
import type { TestCluster, TestPod } from './testCluster.ts'

const nodes = {
  n1: { addresses: ['10.89.0.1', 'fd00:89::1'], labels: { zone: 'a' } },
  n2: { addresses: ['10.89.0.2', 'fd00:89::2'], labels: { zone: 'b' } },
}
const labels = fc.record(
  { app: fc.constantFrom('web', 'db'), team: fc.constantFrom('red', 'blue') },
  { requiredKeys: [] },
)
const selector = fc.oneof(
  fc.constant({}),
  fc.constantFrom('web', 'db').map((app) => ({ matchLabels: { app } })),
  fc.constantFrom('red', 'blue').map((team) => ({ matchLabels: { team } })),
  fc
    .record({
      key: fc.constantFrom('app', 'team'),
      operator: fc.constantFrom('In' as const, 'NotIn' as const),
      values: fc.uniqueArray(fc.constantFrom('web', 'red', 'blue'), { minLength: 1 }),
    })
    .map((expression) => ({ matchExpressions: [expression] })),
  fc
    .constantFrom('Exists' as const, 'DoesNotExist' as const)
    .map((operator) => ({ matchExpressions: [{ key: 'team', operator }] })),
)
const block = fc.constantFrom(
  { cidr: '0.0.0.0/0' },
  { cidr: '::/0' },
  { cidr: '10.244.0.0/16', except: ['10.244.2.0/24'] },
  { cidr: '10.244.2.0/23', except: ['10.244.2.2/32', '10.244.3.0/24'] },
  { cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] },
  { cidr: 'fd00:244::/32', except: ['fd00:244:2::/48'] },
  { cidr: '10.89.0.0/24' },
)
const peer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector: selector }),
  fc.record({ podSelector: selector, namespaceSelector: selector }),
  fc.record({ ipBlock: block }),
)
const port = fc.oneof(
  fc.record({ port: fc.constantFrom(80, 81, 443), protocol: fc.constantFrom('TCP' as const, 'UDP' as const) }),
  fc.constantFrom({ port: 80, endPort: 81 }, { port: 81, endPort: 500 }, { protocol: 'UDP' as const }, { port: 80 }),
  fc.constantFrom({ port: 'http' }, { port: 'dns', protocol: 'UDP' as const }),
)
const rule = (side: 'from' | 'to') =>
  fc.record({ [side]: fc.array(peer, { maxLength: 2 }), ports: fc.array(port, { maxLength: 2 }) }, { requiredKeys: [] })
const policy: fc.Arbitrary<NetworkPolicy> = fc
  .record({
    namespace: fc.constantFrom('x', 'y'),
    spec: fc.record(
      {
        podSelector: selector,
        ingress: fc.array(rule('from'), { maxLength: 2 }),
        egress: fc.array(rule('to'), { maxLength: 2 }),
        policyTypes: fc.subarray(['Ingress' as const, 'Egress' as const], { minLength: 1 }),
      },
      { requiredKeys: ['podSelector'] },
    ),
  })
  .map(({ namespace, spec }) => ({ metadata: { namespace }, spec }) as unknown as NetworkPolicy)
const namespacedPods = fc.record({ namespaceSelector: selector, podSelector: selector })
const adminPeer = (isEgress: boolean) =>
  fc.oneof(
    fc.record({ namespaces: selector }),
    fc.record({ pods: namespacedPods }),
    ...(isEgress
      ? [
          fc.constantFrom<object>({ nodes: {} }, { nodes: { matchLabels: { zone: 'a' } } }),
          fc.constantFrom<object>({ networks: ['192.0.2.0/24'] }, { networks: ['0.0.0.0/0', '::/0'] }),
        ]
      : []),
  )
const adminPort = fc.constantFrom(
  { portNumber: { protocol: 'TCP', port: 80 } },
  { portNumber: { port: 443 } },
  { portRange: { protocol: 'UDP', start: 50, end: 90 } },
  { namedPort: 'http' },
)
const protocols = fc.constantFrom<object>(
  { tcp: { destinationPort: { number: 80 } } },
  { udp: {} },
  { tcp: { destinationPort: { range: { start: 80, end: 81 } } } },
  { destinationNamedPort: 'dns' },
)
const adminRule = (side: 'from' | 'to', isCluster: boolean, actions: readonly string[]) =>
  fc.record<Record<string, unknown>>(
    {
      action: fc.constantFrom(...actions),
      [side]: fc.array(adminPeer(side === 'to'), { minLength: 1, maxLength: 2 }),
      ...(isCluster
        ? { protocols: fc.array(protocols, { minLength: 1, maxLength: 2 }) }
        : { ports: fc.array(adminPort, { minLength: 1, maxLength: 2 }) }),
    },
    { requiredKeys: ['action', side] },
  )
const adminPolicy = fc
  .record({
    kind: fc.constantFrom('AdminNetworkPolicy', 'ClusterNetworkPolicy', 'BaselineAdminNetworkPolicy'),
    tier: fc.constantFrom('Admin', 'Baseline'),
  })
  .chain(({ kind, tier }) => {
    const isCluster = kind === 'ClusterNetworkPolicy'
    const allow = isCluster ? 'Accept' : 'Allow'
    const actions = kind === 'BaselineAdminNetworkPolicy' ? [allow, 'Deny'] : [allow, 'Deny', 'Pass']
    return fc.record({
      kind: fc.constant(kind),
      spec: fc.record({
        ...(isCluster ? { tier: fc.constant(tier) } : {}),
        subject: fc.oneof(fc.record({ namespaces: selector }), fc.record({ pods: namespacedPods })),
        ingress: fc.array(adminRule('from', isCluster, actions), { maxLength: 2 }),
        egress: fc.array(adminRule('to', isCluster, actions), { maxLength: 2 }),
      }),
    })
  })
const pod = fc.record({
  namespace: fc.constantFrom('x', 'y', 'z'),
  node: fc.constantFrom('n1', 'n2'),
  labels,
  ports: fc.record(
    { http: fc.constantFrom('tcp/80', 'tcp/81'), dns: fc.constantFrom('udp/80', 'udp/53') },
    { requiredKeys: [] },
  ),
})

const cluster: fc.Arbitrary<TestCluster> = fc
  .record({
    pods: fc.array(pod, { minLength: 2, maxLength: 5 }),
    namespaces: fc.record({ x: labels, y: labels, z: labels }),
    policies: fc.array(policy, { maxLength: 3 }),
    adminPolicies: fc.array(adminPolicy, { maxLength: 3 }),
  })
  .map(({ pods, namespaces, policies, adminPolicies }) => ({
    namespaces: namespaces as TestCluster['namespaces'],
    nodes,
    pods: pods.map(({ namespace, node, labels: own, ports }, at): TestPod => ({
      key: `${namespace}/p${at}`,
      node,
      labels: own as TestPod['labels'],
      ports: ports as TestPod['ports'],
      addresses: [`10.244.${node === 'n1' ? 1 : 2}.${at}`, `fd00:244:${node === 'n1' ? 1 : 2}::${at + 1}`],
    })),
    policies: policies.map((each, at) => ({ ...each, metadata: { ...each.metadata, name: `p${at}` } })),
    // One baseline at most has the name `default`; equal priorities would leave the order open.
    adminPolicies: adminPolicies
      .filter(
        ({ kind }, at) =>
          kind !== 'BaselineAdminNetworkPolicy' ||
          adminPolicies.findIndex(
            (each) => each.kind === kind || (each.spec as { tier?: string }).tier === 'Baseline',
          ) === at,
      )
      .map(
        ({ kind, spec }, at) =>
          ({ kind, metadata: { name: `a${at}` }, spec: { ...spec, priority: at } }) as unknown as AdminPolicy,
      ),
  }))

const outsiders = ['192.0.2.7', '192.0.2.200', '203.0.113.1', '2001:db8::1', '10.89.0.1', '10.89.0.2', 'fd00:89::2']
const targets = [
  { transport: 'tcp', port: 80 },
  { transport: 'tcp', port: 81 },
  { transport: 'tcp', port: 443 },
  { transport: 'udp', port: 53 },
  { transport: 'udp', port: 80 },
  { transport: 'icmp', port: 0 },
] as const

function factsOfCluster({ pods, namespaces, policies, adminPolicies }: TestCluster): ClusterFacts {
  return {
    pods: pods.map(factsOf),
    namespaces: new Map(Object.entries(namespaces)),
    nodes: Object.entries(nodes).map(([name, node]) =>
      readNode({
        metadata: { name, labels: node.labels },
        status: { addresses: node.addresses.map((address) => ({ type: 'InternalIP', address })) },
      } as never),
    ),
    policies: [
      ...policies.map(readNetworkPolicy),
      ...adminPolicies.flatMap((each) => readAdminPolicy(each, each.kind) ?? []),
    ],
  }
}

/** Every way in which the tables of n1 differ from the policies as they read. */
function differences(planner: PolicyPlanner, given: TestCluster): string[] {
  return differencesOf(planner.plan(factsOfCluster(given)), given)
}

function differencesOf(plan: Plan, given: TestCluster): string[] {
  const found: string[] = []
  const nodeOf = (address: string) => given.pods.find(({ addresses }) => addresses.includes(address))?.node
  const addresses = [...given.pods.flatMap((each) => each.addresses), ...outsiders]
  for (const from of addresses)
    for (const to of addresses) {
      if (from === to || from.includes(':') !== to.includes(':')) continue
      const isToOwnNode = nodes.n1.addresses.includes(to)
      // What the node itself sends is never asked about.
      if (nodes.n1.addresses.includes(from)) continue
      for (const target of targets) {
        const packet = { from, to, ...target }
        const goesOut = nodeOf(from) !== 'n1' || readsAsAllowed(given, 'egress', packet)
        const comesIn = nodeOf(to) !== 'n1' || readsAsAllowed(given, 'ingress', packet)
        const actual = passes(plan, packet, isToOwnNode ? 'input' : 'forward')
        if (actual !== (goesOut && comesIn)) found.push(`${JSON.stringify(packet)}: ${actual ? 'passes' : 'dropped'}`)
      }
    }
  return found
}

test('tables do what the policies read as, whatever they are', () => {
  fc.assert(
    fc.property(cluster, (given) => assert.deepEqual(differences(new PolicyPlanner('n1'), given), [])),
    { numRuns: 150 },
  )
})

test('a planner that was used before plans as a new one', () => {
  fc.assert(
    fc.property(fc.array(cluster, { minLength: 2, maxLength: 3 }), (clusters) => {
      const planner = new PolicyPlanner('n1')
      for (const given of clusters) assert.deepEqual(differences(planner, given), [])
    }),
    { numRuns: 40 },
  )
})

test('a plan that is changed by pods elsewhere is the plan of what there is then', () => {
  let changed = 0
  fc.assert(
    fc.property(cluster, fc.array(fc.array(pod, { minLength: 1, maxLength: 3 }), { maxLength: 4 }), (first, steps) => {
      const planner = new PolicyPlanner('n1')
      const facts = factsOfCluster(first)
      const own = [...facts.pods].filter(({ node }) => node === 'n1')
      const ownPods = first.pods.filter(({ node }) => node === 'n1')
      let elsewhere = [...facts.pods].filter(({ node }) => node !== 'n1')
      planner.plan({ ...facts, pods: [...own, ...elsewhere] })
      for (const step of steps) {
        // Addresses of pods that go are given to others, as they come.
        const given = {
          ...first,
          pods: [
            ...ownPods,
            ...step.map(({ namespace, labels: has, ports }, at): TestPod => ({
              key: `${namespace}/q${at}`,
              node: 'n2',
              labels: has as TestPod['labels'],
              ports: ports as TestPod['ports'],
              addresses: [`10.244.2.${at}`, `fd00:244:2::${at + 1}`],
            })),
          ],
        }
        const next = given.pods.slice(ownPods.length).map(factsOf)
        const changes = [...elsewhere.map((old) => ({ old })), ...next.map((each) => ({ new: each }))]
        const plan = planner.change(changes)
        if (plan !== undefined) changed++
        assert.deepEqual(differencesOf(plan ?? planner.plan({ ...facts, pods: [...own, ...next] }), given), [])
        elsewhere = next
      }
    }),
    { numRuns: 100 },
  )
  assert.ok(changed > 20, `${changed} plans were changed`)
})

test('policies that do not ask who other pods are need not know those elsewhere', () => {
  let unasked = 0
  fc.assert(
    fc.property(cluster, (given) => {
      const facts = factsOfCluster(given)
      const own = [...facts.pods].filter(({ node }) => node === 'n1')
      if (asksForPods(own, facts)) return
      unasked++
      assert.deepEqual(differencesOf(new PolicyPlanner('n1').plan({ ...facts, pods: own }), given), [])
    }),
    { numRuns: 100 },
  )
  assert.ok(unasked > 10, `${unasked} clusters`)
})

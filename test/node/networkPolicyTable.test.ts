/**
 * The truth table of NetworkPolicy: every kind of peer with every form of port in each direction, by real connections between
 * pods of two nodes. Who is meant by a peer and which ports by a form is written here by hand; a connection is expected just
 * when both are. Needs root and nft.
 */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { networkPolicies } from '#api/networking/v1/networkPolicy.ts'
import type { NetworkPolicyPeer, NetworkPolicyPort } from '#api/networking/v1/networkPolicy.ts'
import { adminPolicyKinds } from '#networkPolicy/adminPolicies.ts'

import { address6Of, addressOf, outsideAddress, outsideAddress6, policyFixture } from './networkPolicyFixture.ts'
import type { PlacedPod, PolicyFixture } from './networkPolicyFixture.ts'

const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

/** `x/a` is the pod that the policies are about. Labels: `pod` is its name, `team` that of its namespace. */
const placed: Readonly<Record<string, PlacedPod>> = {
  'x/a': { node: 1, number: 10 },
  'x/b': { node: 1, number: 11 },
  'y/a': { node: 1, number: 12 },
  'y/b': { node: 2, number: 13 },
  'z/a': { node: 2, number: 14 },
}
const others = ['x/b', 'y/a', 'y/b', 'z/a', 'outside']
const namespaceLabels = { x: { name: 'x' }, y: { name: 'y', team: 'blue' }, z: { name: 'z', team: 'blue' } }

/** Peers, and who of the others is meant by them. */
const peerForms: readonly { name: string; peers?: NetworkPolicyPeer[]; are: string[] }[] = [
  { name: 'everybody', are: others },
  { name: 'an empty list', peers: [], are: others },
  { name: 'pods of the namespace', peers: [{ podSelector: {} }], are: ['x/b'] },
  { name: 'pods of the namespace by label', peers: [{ podSelector: { matchLabels: { pod: 'a' } } }], are: [] },
  { name: 'all namespaces', peers: [{ namespaceSelector: {} }], are: ['x/b', 'y/a', 'y/b', 'z/a'] },
  {
    name: 'namespaces by label',
    peers: [{ namespaceSelector: { matchLabels: { team: 'blue' } } }],
    are: ['y/a', 'y/b', 'z/a'],
  },
  {
    name: 'namespaces by expression',
    peers: [{ namespaceSelector: { matchExpressions: [{ key: 'name', operator: 'NotIn', values: ['y'] }] } }],
    are: ['x/b', 'z/a'],
  },
  {
    name: 'pods in namespaces',
    peers: [{ namespaceSelector: { matchLabels: { team: 'blue' } }, podSelector: { matchLabels: { pod: 'b' } } }],
    are: ['y/b'],
  },
  { name: 'a block of addresses', peers: [{ ipBlock: { cidr: '10.89.252.0/24' } }], are: ['outside'] },
  {
    name: 'a block with a hole',
    peers: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.2.0/24'] } }],
    are: ['x/b', 'y/a'],
  },
  {
    name: 'a block with a hole, and what is in the hole',
    peers: [{ ipBlock: { cidr: '10.244.0.0/16', except: ['10.244.2.0/24'] } }, { ipBlock: { cidr: '10.244.2.14/32' } }],
    are: ['x/b', 'y/a', 'z/a'],
  },
  {
    name: 'one of two kinds',
    peers: [{ podSelector: { matchLabels: { pod: 'b' } } }, { ipBlock: { cidr: `${outsideAddress}/32` } }],
    are: ['x/b', 'outside'],
  },
]

/** Forms of ports, and which of the ports that are tried are meant. The port named `web` is 80 everywhere but in `y/b`, where it is 81. */
const portForms: readonly { name: string; ports?: NetworkPolicyPort[]; are(pod: string): string[] }[] = [
  { name: 'every port', are: () => ['tcp/80', 'tcp/81', 'tcp/82', 'udp/80'] },
  { name: 'a number', ports: [{ port: 80 }], are: () => ['tcp/80'] },
  { name: 'a number of UDP', ports: [{ protocol: 'UDP', port: 80 }], are: () => ['udp/80'] },
  {
    name: 'a name',
    ports: [{ port: 'web', protocol: 'TCP' }],
    are: (pod) => (pod === 'outside' ? [] : pod === 'y/b' ? ['tcp/81'] : ['tcp/80']),
  },
  { name: 'a range', ports: [{ protocol: 'TCP', port: 81, endPort: 90 }], are: () => ['tcp/81', 'tcp/82'] },
  { name: 'a transport', ports: [{ protocol: 'TCP' }], are: () => ['tcp/80', 'tcp/81', 'tcp/82'] },
  {
    name: 'several',
    ports: [
      { protocol: 'TCP', port: 82 },
      { protocol: 'UDP', port: 80 },
      { protocol: 'SCTP', port: 80 },
    ],
    are: () => ['tcp/82', 'udp/80'],
  },
]
const tried = ['tcp/80', 'tcp/81', 'tcp/82', 'udp/80']

describe('the truth table of network policies', { skip: reasonToSkip }, () => {
  let fixture: PolicyFixture
  let revision = 1
  const metadata = (name: string, more: object = {}) => ({
    name,
    uid: name,
    resourceVersion: String(revision++),
    ...more,
  })
  const podObject = (key: string, pod: PlacedPod) => {
    const [namespace = '', name = ''] = key.split('/')
    const web = { name: 'web', containerPort: key === 'y/b' ? 81 : 80, protocol: 'TCP' }
    return {
      metadata: metadata(name, { namespace, labels: { pod: name } }),
      spec: { nodeName: `node${pod.node}`, containers: [{ name: 'c', ports: [web] }] },
      status: { phase: 'Running', podIP: addressOf(pod), podIPs: [{ ip: addressOf(pod) }, { ip: address6Of(pod) }] },
    } as never
  }
  const nodeObject = (node: 1 | 2) =>
    ({
      metadata: metadata(`node${node}`, { labels: { number: String(node) } }),
      status: { addresses: [{ type: 'InternalIP', address: `10.89.252.${node}` }] },
    }) as never
  const policy = (spec: object) => ({ metadata: metadata('p', { namespace: 'x' }), spec }) as never

  /** Tries connections at once; `expected` says which there are to be. */
  const check = async (
    attempts: readonly { from: string; to: string; port: string; expected: boolean; family?: 4 | 6 }[],
  ) => {
    const results = await Promise.all(
      attempts.map(async ({ from, to, port, expected, family = 4 }) => {
        const [transport = '', number] = port.split('/')
        const pod = placed[to]
        const address =
          family === 4
            ? pod === undefined
              ? outsideAddress
              : addressOf(pod)
            : pod === undefined
              ? outsideAddress6
              : address6Of(pod)
        const patience = expected ? 10_000 : 250
        const result = await fixture.connect({ from, to: address, transport, port: Number(number), patience })
        return `${from} to ${to} ${port}: ${/^[0-9a-f.:]+$/.test(result) ? 'connected' : result}`
      }),
    )
    const expectations = attempts.map(
      ({ from, to, port, expected }) => `${from} to ${to} ${port}: ${expected ? 'connected' : 'TIMEOUT'}`,
    )
    assert.deepEqual(results, expectations)
  }

  before(async () => {
    fixture = await policyFixture(placed, ['tcp/80', 'tcp/81', 'tcp/82', 'udp/80'])
    const { informers } = fixture
    informers.of(pods).replace(
      Object.entries(placed).map(([key, pod]) => podObject(key, pod)),
      '1',
    )
    informers.of(namespaces).replace(
      Object.entries(namespaceLabels).map(([name, labels]) => ({ metadata: metadata(name, { labels }) }) as never),
      '1',
    )
    informers.of(nodes).replace([nodeObject(1), nodeObject(2)], '1')
    informers.of(networkPolicies).replace([], '1')
    for (const { plural, group } of adminPolicyKinds)
      informers.of(customResourceDefinitions, { fieldSelector: `metadata.name=${plural}.${group}` }).replace([], '1')
    await Promise.all([fixture.start(1), fixture.start(2)])
  })
  after(() => fixture.remove())

  it('begins open', async () => {
    await check(
      ['x/a', ...others].flatMap((from) =>
        ['x/a', ...others].flatMap((to) =>
          from === to ? [] : ([4, 6] as const).map((family) => ({ from, to, port: 'tcp/80', expected: true, family })),
        ),
      ),
    )
  })

  for (const direction of ['ingress', 'egress'] as const)
    for (const { name: peerName, peers, are: peersAre } of peerForms)
      it(`${direction} of ${peerName}`, async () => {
        for (const { name: portName, ports, are: portsAre } of portForms) {
          const side = peers === undefined ? {} : direction === 'ingress' ? { from: peers } : { to: peers }
          const rule = { ...side, ...(ports === undefined ? {} : { ports }) }
          const types = direction === 'ingress' ? { policyTypes: ['Ingress'] } : { policyTypes: ['Egress'] }
          const spec = { podSelector: { matchLabels: { pod: 'a' } }, [direction]: [rule], ...types }
          await fixture.change([1], () => fixture.informers.of(networkPolicies).change('MODIFIED', policy(spec)))
          const attempts = others.flatMap((other) =>
            tried.map((port) => ({
              from: direction === 'ingress' ? other : 'x/a',
              to: direction === 'ingress' ? 'x/a' : other,
              port,
              expected: peersAre.includes(other) && portsAre(direction === 'ingress' ? 'x/a' : other).includes(port),
            })),
          )
          await check(attempts).catch((error: unknown) => {
            throw new Error(`with ${portName}`, { cause: error })
          })
        }
      })
})

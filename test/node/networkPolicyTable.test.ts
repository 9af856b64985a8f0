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
const blue = ['y/a', 'y/b', 'z/a']
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
interface PortForm {
  readonly name: string
  readonly ports?: NetworkPolicyPort[]
  are(pod: string): string[]
}
const portForms: readonly PortForm[] = [
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
  const policy = (spec: object, name = 'p') => ({ metadata: metadata(name, { namespace: 'x' }), spec }) as never

  /** Tries connections at once; `expected` says which there are to be. */
  const check: typeof checkAll = async (attempts) => {
    // A new flow may have the port of one that was let through before, and would belong to it.
    for (const node of ['node1', 'node2']) await fixture.enter(node, 'conntrack', '-F')
    await checkAll(attempts)
  }
  const checkAll = async (
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
        const patience = expected ? 60_000 : 250
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

  // Both directions of a peer are tried in one round, by two policies: with each form of port on the way in, the form after it on the way out.
  for (const { name: peerName, peers, are: peersAre } of peerForms)
    it(`ingress and egress of ${peerName}`, async () => {
      for (const index of portForms.keys()) {
        const forms = { ingress: portForms[index]!, egress: portForms[(index + 1) % portForms.length]! }
        const { ingress, egress } = forms
        const rule = (side: 'from' | 'to', { ports }: PortForm) => ({
          ...(peers === undefined ? {} : { [side]: peers }),
          ...(ports === undefined ? {} : { ports }),
        })
        const podSelector = { matchLabels: { pod: 'a' } }
        const inward = { podSelector, ingress: [rule('from', ingress)], policyTypes: ['Ingress'] }
        const outward = { podSelector, egress: [rule('to', egress)], policyTypes: ['Egress'] }
        await fixture.change([1], () => {
          fixture.informers.of(networkPolicies).change('MODIFIED', policy(inward))
          fixture.informers.of(networkPolicies).change('MODIFIED', policy(outward, 'outward'))
        })
        const attempts = others.flatMap((other) =>
          tried.flatMap((port) => [
            {
              from: other,
              to: 'x/a',
              port,
              expected: peersAre.includes(other) && ingress.are('x/a').includes(port),
            },
            {
              from: 'x/a',
              to: other,
              port,
              expected: peersAre.includes(other) && egress.are(other).includes(port),
            },
          ]),
        )
        await check(attempts).catch((error: unknown) => {
          throw new Error(`with ${ingress.name} inward and ${egress.name} outward`, { cause: error })
        })
      }
      await fixture.change([1], () => fixture.informers.of(networkPolicies).change('DELETED', policy({}, 'outward')))
    })

  it('the same holds for IPv6, and for both families at once', async () => {
    const rows: readonly { peers: NetworkPolicyPeer[]; are: Readonly<Record<4 | 6, string[]>> }[] = [
      { peers: [{ podSelector: {} }], are: { 4: ['x/b'], 6: ['x/b'] } },
      { peers: [{ namespaceSelector: { matchLabels: { team: 'blue' } } }], are: { 4: blue, 6: blue } },
      { peers: [{ ipBlock: { cidr: 'fd00:10:89::/64' } }], are: { 4: [], 6: ['outside'] } },
      {
        peers: [{ ipBlock: { cidr: 'fd00:10:244::/46', except: ['fd00:10:244:2::/64'] } }],
        are: { 4: [], 6: ['x/b', 'y/a'] },
      },
      { peers: [{ ipBlock: { cidr: '0.0.0.0/0' } }], are: { 4: others, 6: [] } },
      {
        peers: [{ ipBlock: { cidr: '::/0', except: ['fd00:10:244:1::/64'] } }],
        are: { 4: [], 6: ['y/b', 'z/a', 'outside'] },
      },
    ]
    for (const direction of ['ingress', 'egress'] as const)
      for (const { peers, are } of rows) {
        const side = direction === 'ingress' ? { from: peers } : { to: peers }
        const rule = { ...side, ports: [{ port: 80 }, { port: 80, protocol: 'UDP' }] }
        const policyTypes = [direction === 'ingress' ? 'Ingress' : 'Egress']
        const spec = { podSelector: { matchLabels: { pod: 'a' } }, [direction]: [rule], policyTypes }
        await fixture.change([1], () => fixture.informers.of(networkPolicies).change('MODIFIED', policy(spec)))
        await check(
          ([4, 6] as const).flatMap((family) =>
            others.flatMap((other) =>
              ['tcp/80', 'tcp/81', 'udp/80'].map((port) => ({
                from: direction === 'ingress' ? other : 'x/a',
                to: direction === 'ingress' ? 'x/a' : other,
                port,
                family,
                expected: are[family].includes(other) && port !== 'tcp/81',
              })),
            ),
          ),
        )
      }
  })

  describe('with admin policies', () => {
    const definition = (at: number, established: boolean) => {
      const { plural, group, version } = adminPolicyKinds[at]!
      return {
        metadata: metadata(`${plural}.${group}`),
        spec: { versions: [{ name: version, served: true }] },
        status: { conditions: [{ type: 'Established', status: established ? 'True' : 'False' }] },
      } as never
    }
    const define = (type: 'ADDED' | 'DELETED') => {
      for (const [at, { plural, group }] of adminPolicyKinds.entries())
        fixture.informers
          .of(customResourceDefinitions, { fieldSelector: `metadata.name=${plural}.${group}` })
          .change(type, definition(at, true))
    }
    const admin = (at: number, name: string, spec: object) =>
      ({ kind: adminPolicyKinds[at]!.kind, metadata: metadata(name), spec }) as never
    const [anp, banp, cnp] = [0, 1, 2]
    const subject = {
      pods: { namespaceSelector: { matchLabels: { name: 'x' } }, podSelector: { matchLabels: { pod: 'a' } } },
    }
    const everybody = { namespaces: {} }
    const blueOnes = { namespaces: { matchLabels: { team: 'blue' } } }
    const isolated = { podSelector: { matchLabels: { pod: 'a' } }, policyTypes: ['Ingress', 'Egress'] }
    /** The NetworkPolicy there is, admin policies by kind, and who of the others is reached or reaches `x/a` at port 80, 81 and 80 of UDP. */
    const rows: readonly {
      name: string
      policy?: object
      admin: readonly (readonly [number, object])[]
      direction: 'ingress' | 'egress'
      are: Readonly<Partial<Record<'tcp/80' | 'tcp/81' | 'udp/80', string[]>>>
    }[] = [
      {
        name: 'deny comes before the namespace allows',
        policy: { podSelector: {}, ingress: [{}] },
        admin: [[anp, { priority: 1, subject, ingress: [{ action: 'Deny', from: [blueOnes] }] }]],
        direction: 'ingress',
        are: { 'tcp/80': ['x/b', 'outside'], 'tcp/81': ['x/b', 'outside'], 'udp/80': ['x/b', 'outside'] },
      },
      {
        name: 'allow comes before the namespace denies',
        policy: isolated,
        admin: [
          [
            anp,
            {
              priority: 1,
              subject,
              ingress: [{ action: 'Allow', from: [everybody], ports: [{ portNumber: { protocol: 'TCP', port: 80 } }] }],
            },
          ],
        ],
        direction: 'ingress',
        are: { 'tcp/80': ['x/b', 'y/a', 'y/b', 'z/a'] },
      },
      {
        name: 'the lower priority decides',
        admin: [
          [anp, { priority: 9, subject, ingress: [{ action: 'Deny', from: [everybody] }] }],
          [
            anp,
            { priority: 5, subject, ingress: [{ action: 'Allow', from: [blueOnes], ports: [{ namedPort: 'web' }] }] },
          ],
        ],
        direction: 'ingress',
        are: { 'tcp/80': [...blue, 'outside'], 'tcp/81': ['outside'], 'udp/80': ['outside'] },
      },
      {
        name: 'pass leaves it to the namespace',
        policy: { podSelector: {}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { name: 'y' } } }] }] },
        admin: [
          [
            anp,
            {
              priority: 1,
              subject,
              ingress: [
                { action: 'Pass', from: [blueOnes] },
                { action: 'Deny', from: [everybody] },
              ],
            },
          ],
        ],
        direction: 'ingress',
        are: { 'tcp/80': ['y/a', 'y/b'], 'tcp/81': ['y/a', 'y/b'], 'udp/80': ['y/a', 'y/b'] },
      },
      {
        name: 'the baseline holds where no namespace says anything',
        admin: [
          [
            banp,
            {
              subject,
              egress: [
                { action: 'Allow', to: [blueOnes], ports: [{ portRange: { protocol: 'TCP', start: 81, end: 90 } }] },
                { action: 'Deny', to: [{ networks: ['0.0.0.0/0', '::/0'] }] },
              ],
            },
          ],
        ],
        direction: 'egress',
        are: { 'tcp/81': blue },
      },
      {
        name: 'the baseline does not hold where a namespace says something',
        policy: { podSelector: {}, egress: [{ ports: [{ port: 80 }] }], policyTypes: ['Egress'] },
        admin: [[banp, { subject, egress: [{ action: 'Deny', to: [{ networks: ['0.0.0.0/0'] }] }] }]],
        direction: 'egress',
        are: { 'tcp/80': others },
      },
      {
        name: 'networks and pods as peers of egress',
        admin: [
          [
            anp,
            {
              priority: 0,
              subject,
              egress: [
                {
                  action: 'Allow',
                  to: [{ pods: { namespaceSelector: {}, podSelector: { matchLabels: { pod: 'b' } } } }],
                },
                { action: 'Deny', to: [{ networks: ['10.244.0.0/16'] }], ports: [{ portNumber: { port: 80 } }] },
              ],
            },
          ],
        ],
        direction: 'egress',
        are: { 'tcp/80': ['x/b', 'y/b', 'outside'], 'tcp/81': others, 'udp/80': others },
      },
      {
        name: 'both tiers of ClusterNetworkPolicy',
        admin: [
          [
            cnp,
            {
              tier: 'Baseline',
              priority: 1,
              subject,
              ingress: [{ action: 'Deny', from: [everybody] }],
            },
          ],
          [
            cnp,
            {
              tier: 'Admin',
              priority: 1,
              subject,
              ingress: [
                { action: 'Accept', from: [blueOnes], protocols: [{ udp: { destinationPort: { number: 80 } } }] },
                {
                  action: 'Accept',
                  from: [everybody],
                  protocols: [{ tcp: { destinationPort: { range: { start: 81, end: 82 } } } }],
                },
              ],
            },
          ],
        ],
        direction: 'ingress',
        are: {
          'tcp/80': ['outside'],
          'tcp/81': ['x/b', 'y/a', 'y/b', 'z/a', 'outside'],
          'udp/80': [...blue, 'outside'],
        },
      },
    ]

    before(() =>
      fixture.change([1], () => {
        for (const resource of adminPolicyKinds) fixture.informers.of(resource).replace([], String(revision++))
        fixture.informers.of(networkPolicies).replace([], String(revision++))
        define('ADDED')
      }),
    )

    for (const { name, policy: spec, admin: policies, direction, are } of rows)
      it(name, async () => {
        await fixture.change([1], () => {
          const { informers } = fixture
          informers.of(networkPolicies).replace(spec === undefined ? [] : [policy(spec)], String(revision++))
          for (const [at, resource] of adminPolicyKinds.entries())
            informers.of(resource).replace(
              policies.flatMap(([kind, of], index) => (kind === at ? [admin(at, `${name} ${index}`, of)] : [])),
              String(revision++),
            )
        })
        await check(
          others.flatMap((other) =>
            (['tcp/80', 'tcp/81', 'udp/80'] as const).map((port) => ({
              from: direction === 'ingress' ? other : 'x/a',
              to: direction === 'ingress' ? 'x/a' : other,
              port,
              expected: are[port]?.includes(other) === true,
            })),
          ),
        )
      })

    it('nodes can be denied, the own one too, but not the address of the cluster DNS on it', async () => {
      const reach = (to: string, patience = 60_000) =>
        fixture.connect({ from: 'x/a', to, transport: 'tcp', port: 80, patience })
      const deny = (to: object) =>
        fixture.change([1], () => {
          fixture.informers.of(networkPolicies).replace([], String(revision++))
          for (const resource of adminPolicyKinds) fixture.informers.of(resource).replace([], String(revision++))
          const nodesDenied = admin(anp, 'nodes', { priority: 1, subject, egress: [{ action: 'Deny', to: [to] }] })
          fixture.informers.of(adminPolicyKinds[anp]!).replace([nodesDenied], String(revision++))
        })
      await deny({ nodes: { matchLabels: { number: '2' } } })
      assert.notEqual(await reach('10.89.252.1'), 'TIMEOUT')
      assert.equal(await reach('10.89.252.2', 300), 'TIMEOUT')
      await deny({ nodes: {} })
      assert.equal(await reach('10.89.252.1', 300), 'TIMEOUT')
      // The gateway's address is the node's, but none that it is known by: whatever listens there is the node's own.
      assert.notEqual(await reach('10.244.1.1'), 'TIMEOUT')
    })

    it('without their definitions they hold no longer', async () => {
      await fixture.change([1], () => define('DELETED'))
      await check(others.map((from) => ({ from, to: 'x/a', port: 'tcp/80', expected: true })))
    })
  })
})

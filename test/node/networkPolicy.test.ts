/** How network policies behave while things change, against the real kernel. Needs root and nft. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, it } from 'node:test'

import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { networkPolicies } from '#api/networking/v1/networkPolicy.ts'
import { NftTables, readTable } from '#lib/host/nftTable.ts'
import { adminPolicyKinds } from '#networkPolicy/adminPolicies.ts'
import { PolicyPlanner } from '#networkPolicy/plan.ts'
import { readNetworkPolicy } from '#networkPolicy/policy.ts'
import { policyTables } from '#networkPolicy/ruleset.ts'
import { factsOf } from '#networkPolicy/testCluster.ts'

import { addressOf, host, nodeAddress, outsideAddress, policyFixture } from './networkPolicyFixture.ts'
import type { PlacedPod, PolicyFixture } from './networkPolicyFixture.ts'

const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

const placed: Readonly<Record<string, PlacedPod>> = {
  'x/server': { node: 1, number: 20 },
  'x/near': { node: 1, number: 21 },
  'y/far': { node: 2, number: 22 },
}
const server = addressOf(placed['x/server']!)
/** Long enough for any machine where something is expected, short where nothing is. */
const [long, short] = [60_000, 300]

describe('network policies', { skip: reasonToSkip }, () => {
  let fixture: PolicyFixture
  let revision = 1
  let round = 0
  const metadata = (name: string, more: object = {}) => ({
    name,
    uid: name,
    resourceVersion: String(revision++),
    ...more,
  })
  const podObject = (key: string, more: { labels?: object; phase?: string; web?: number } = {}) => {
    const [namespace = '', name = ''] = key.split('/')
    const { labels = { pod: name }, phase = 'Running', web = 80 } = more
    const pod = placed[key]!
    return {
      metadata: metadata(name, { namespace, labels }),
      spec: {
        nodeName: `node${pod.node}`,
        containers: [{ name: 'c', ports: [{ name: 'web', containerPort: web, protocol: 'TCP' }] }],
      },
      status: { phase, podIPs: [{ ip: addressOf(pod) }] },
    } as never
  }
  const policy = (spec: object, name = 'p') => ({ metadata: metadata(name, { namespace: 'x' }), spec }) as never
  const set = (spec: object) => fixture.informers.of(networkPolicies).change('MODIFIED', policy(spec))
  const onlyNear = {
    podSelector: { matchLabels: { pod: 'server' } },
    ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'near' } } }] }],
  }
  const reach = async (from: string, port = 80, to = server, transport = 'tcp') => {
    const attempt = (patience: number) => fixture.connect({ from, to, transport, port, patience })
    return (await attempt(short)) !== 'TIMEOUT'
  }
  /** Surely, where a slow machine might be mistaken for a policy. */
  const reaches = async (from: string, port = 80, to = server, transport = 'tcp') => {
    const result = await fixture.connect({ from, to, transport, port, patience: long })
    assert.match(result, /^[0-9.]+$/, `${from} to ${to} ${port}`)
  }

  const nftOf = (place: string) => host.nft(fixture.file(place))

  before(async () => {
    fixture = await policyFixture(placed, ['tcp/80', 'tcp/81', 'udp/80'])
    fixture.informers.of(namespaces).replace(
      ['x', 'y'].map((name) => ({ metadata: metadata(name, { labels: { name } }) }) as never),
      '1',
    )
    fixture.informers.of(nodes).replace(
      ([1, 2] as const).map(
        (node) =>
          ({
            metadata: metadata(`node${node}`, { labels: { number: String(node) } }),
            status: { addresses: [{ type: 'InternalIP', address: nodeAddress(node) }] },
          }) as never,
      ),
      '1',
    )
    for (const { plural, group } of adminPolicyKinds)
      fixture.informers
        .of(customResourceDefinitions, { fieldSelector: `metadata.name=${plural}.${group}` })
        .replace([], '1')
    fixture.informers.of(pods).replace(
      Object.keys(placed).map((key) => podObject(key)),
      '1',
    )
    fixture.informers.of(networkPolicies).replace([], '1')
    await Promise.all([fixture.start(1), fixture.start(2)])
  })
  after(() => fixture.remove())
  beforeEach(async () => {
    // Each test begins with nothing but this policy. One that is another each time shows when what was before is gone.
    const passing = { ...onlyNear, ingress: [{ from: [{ ipBlock: { cidr: `192.0.2.${++round}/32` } }] }] }
    await fixture.change([1], () => {
      fixture.informers.of(pods).replace(
        Object.keys(placed).map((key) => podObject(key)),
        String(revision++),
      )
      fixture.informers.of(networkPolicies).replace([policy(passing)], String(revision++))
    })
    await fixture.change([1], () => set(onlyNear))
  })

  it('lets connections go on that were there before the policy, and no others', async () => {
    await fixture.change([1], () => fixture.informers.of(networkPolicies).replace([], String(revision++)))
    await reaches('y/far')
    await fixture.connect({ from: 'y/far', to: server, transport: 'tcp', port: 80, patience: long, hold: 'held' })
    await fixture.change([1], () => set(onlyNear))
    assert.equal(await reach('y/far'), false)
    assert.equal(await fixture.sayOn('y/far', 'held', long), 'still there')
  })

  it('follows the labels of pods and namespaces', async () => {
    await reaches('x/near')
    assert.equal(await reach('y/far'), false)
    await fixture.change([1], () =>
      fixture.informers.of(pods).change('MODIFIED', podObject('x/near', { labels: { pod: 'other' } })),
    )
    assert.equal(await reach('x/near'), false)
    await fixture.change([1], () =>
      set({ podSelector: {}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { open: 'yes' } } }] }] }),
    )
    assert.equal(await reach('y/far'), false)
    await fixture.change([1], () =>
      fixture.informers
        .of(namespaces)
        .change('MODIFIED', { metadata: metadata('y', { labels: { name: 'y', open: 'yes' } }) } as never),
    )
    await reaches('y/far')
    await fixture.change([1], () =>
      fixture.informers
        .of(namespaces)
        .change('MODIFIED', { metadata: metadata('y', { labels: { name: 'y' } }) } as never),
    )
    assert.equal(await reach('y/far'), false)
    // The pod itself is no longer selected.
    await fixture.change([1], () => set(onlyNear))
    await fixture.change([1], () =>
      fixture.informers.of(pods).change('MODIFIED', podObject('x/server', { labels: { pod: 'free' } })),
    )
    await reaches('y/far')
  })

  it('follows named ports', async () => {
    await fixture.change([1], () =>
      set({ podSelector: { matchLabels: { pod: 'server' } }, ingress: [{ ports: [{ port: 'web' }] }] }),
    )
    await reaches('y/far', 80)
    assert.equal(await reach('y/far', 81), false)
    await fixture.change([1], () => fixture.informers.of(pods).change('MODIFIED', podObject('x/server', { web: 81 })))
    assert.equal(await reach('y/far', 80), false)
    await reaches('y/far', 81)
  })

  it('forgets a pod that is over, whose address may be given to another', async () => {
    await fixture.change([1], () =>
      fixture.informers.of(pods).change('MODIFIED', podObject('x/near', { phase: 'Failed' })),
    )
    assert.equal(await reach('x/near'), false)
    await fixture.change([1], () =>
      fixture.informers.of(pods).change('MODIFIED', podObject('x/server', { phase: 'Succeeded' })),
    )
    await reaches('y/far')
  })

  it('lets the node of a pod reach it, and a pod its node, whatever is said', async () => {
    await fixture.change([1], () => set({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }))
    await reaches('node1')
    assert.equal(await reach('node2'), false)
    await reaches('x/server', 80, nodeAddress(1))
    await reaches('x/server', 80, '10.244.1.1')
    assert.equal(await reach('x/server', 80, nodeAddress(2)), false)
    assert.equal(await reach('x/server', 80, outsideAddress), false)
  })

  it('asks after the address of a service was replaced, and lets a pod reach itself through one', async () => {
    const rule = (address: string, to: string) =>
      `add rule ip services prerouting ip daddr ${address} tcp dport 8080 dnat to ${to}:80`
    await nftOf('node1').apply(
      [
        'add table ip services',
        'add chain ip services prerouting { type nat hook prerouting priority -100; }',
        'add chain ip services postrouting { type nat hook postrouting priority 100; }',
        rule('10.96.0.9', server),
        `add rule ip services postrouting ip saddr ${server} ip daddr ${server} masquerade`,
        '',
      ].join('\n'),
    )
    await fixture.change([1], () =>
      set({
        podSelector: {},
        policyTypes: ['Ingress', 'Egress'],
        ingress: [{ from: [{ podSelector: { matchLabels: { pod: 'near' } } }] }],
        egress: [{ to: [{ podSelector: { matchLabels: { pod: 'server' } } }], ports: [{ port: 80 }] }],
      }),
    )
    await reaches('x/near', 8080, '10.96.0.9')
    // The port of the service is not that of the pod.
    await fixture.change([1], () => set({ podSelector: {}, ingress: [{ ports: [{ port: 8080 }] }] }))
    assert.equal(await reach('x/near', 8080, '10.96.0.9'), false)
    await fixture.change([1], () => set({ podSelector: {}, policyTypes: ['Ingress', 'Egress'] }))
    await reaches('x/server', 8080, '10.96.0.9')
    assert.equal(await reach('x/near', 8080, '10.96.0.9'), false)
    await nftOf('node1').apply('delete table ip services\n')
  })

  it('keeps policies while nobody looks after them, and takes them over at its next start', async () => {
    await fixture.stop(1)
    assert.equal(await reach('y/far'), false)
    await reaches('x/near')
    const before = await fixture.generation(1)
    await fixture.change([1], () => void fixture.start(1))
    assert.ok((await fixture.generation(1)) > before)
    assert.equal(await reach('y/far'), false)
  })

  it('puts right a table that was lost with the next change', async () => {
    await fixture.enter('node1', 'nft', 'delete', 'table', 'ip', 'k8ts-policies')
    await reaches('y/far')
    fixture.informers.of(pods).change('MODIFIED', podObject('x/near', { labels: { pod: 'other' } }))
    await fixture.until('the table is back', async () => (await fixture.generation(1)) > 0)
    assert.equal(await reach('y/far'), false)
    assert.ok(fixture.problems.some((line) => line.includes('Cannot apply network policies')))
  })

  it('counts what it dropped, and nothing that passed', async () => {
    const dropped = async (): Promise<number> => {
      const text = await nftOf('node1').describe({ family: 'ip', name: 'k8ts-policies' })
      return [...readTable(text!).counts.get('denials')!.values()].reduce((sum, packets) => sum + packets, 0)
    }
    const before = await dropped()
    await reaches('x/near')
    assert.equal(await dropped(), before)
    assert.equal(await reach('y/far'), false)
    assert.ok((await dropped()) > before)
  })

  it('prints what it applied as it wrote it, whatever the policies are', async () => {
    const spec = {
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
      ingress: [
        {
          from: [
            { ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8', '192.0.2.7/32'] } },
            { ipBlock: { cidr: '::/0' } },
          ],
        },
        { ports: [{ port: 80, endPort: 8080 }, { protocol: 'UDP' }, { protocol: 'SCTP', port: 9 }, { port: 1 }] },
      ],
      egress: [{ to: [{ ipBlock: { cidr: 'fd00::/8', except: ['fd00:1::/32'] } }], ports: [{ port: 'web' }] }],
    }
    const plan = new PolicyPlanner('node1').plan({
      pods: ['x/a', 'x/b'].map((key, at) =>
        factsOf({
          key,
          node: 'node1',
          addresses: [`10.244.1.${at + 2}`, `fd00:244::${at + 2}`],
          labels: {},
          ports: { web: 'tcp/80' },
        }),
      ),
      namespaces: new Map(),
      nodes: [],
      policies: [readNetworkPolicy(policy(spec))],
    })
    const kernel = new NftTables(nftOf('outside'))
    await kernel.apply(policyTables(plan))
    assert.equal(await kernel.verify(), undefined)
    await fixture.enter('outside', 'nft', 'insert', 'rule', 'ip6', 'k8ts-policies', 'forward', 'accept')
    assert.equal(await kernel.verify(), 'ip6 k8ts-policies: chain "forward" has other rules')
    assert.deepEqual(await kernel.apply(policyTables(plan)), { kind: 'whole' })
    assert.equal(await kernel.verify(), undefined)
    for (const family of ['ip', 'ip6'])
      await fixture.enter('outside', 'nft', 'delete', 'table', family, 'k8ts-policies')
  })
})

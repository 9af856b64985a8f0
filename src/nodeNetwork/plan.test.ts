import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import { planHostRoutes, planNodeNetwork, tunnelLink, type NodeNetworkInput } from './plan.ts'
import { publicKeyAnnotation, usualTunnels } from './settings.ts'

interface Facts {
  readonly ranges?: readonly string[]
  readonly addresses?: readonly string[]
  readonly key?: string
  readonly simulated?: boolean
}

const node = (name: string, { ranges = [], addresses = [], key, simulated }: Facts): Node =>
  ({
    metadata: {
      name,
      ...(key === undefined ? {} : { annotations: { [publicKeyAnnotation]: key } }),
      ...(simulated === true ? { labels: { 'k8ts.dev/simulated': 'true' } } : {}),
    },
    spec: ranges.length === 0 ? {} : { podCIDR: ranges[0], podCIDRs: ranges },
    status: {
      addresses: [
        ...addresses.map((address) => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: name },
      ],
    },
  }) as unknown as Node

const own = node('a', { ranges: ['10.244.0.0/24'], addresses: ['10.89.7.11'] })
const near = node('b', { ranges: ['10.244.1.0/24'], addresses: ['10.89.7.12'] })
const far = node('c', { ranges: ['10.244.2.0/24'], addresses: ['192.0.2.13'] })
const uplink = { device: 'eth0', mtu: 1500, addresses: ['10.89.7.11/24'] }

const plan = (nodes: readonly Node[], more: Partial<NodeNetworkInput> = {}) =>
  planNodeNetwork({ node: 'a', nodes, uplink, between: 'auto', tunnels: usualTunnels, ...more })

describe('planNodeNetwork', () => {
  test('leads by plain routes to nodes on the same link', () => {
    assert.deepEqual(plan([own, near]), {
      podRanges: ['10.244.0.0/24'],
      podMtu: 1500,
      routes: [{ range: '10.244.1.0/24', via: '10.89.7.12', device: 'eth0' }],
      problems: [],
    })
  })

  test('leads in VXLAN to all others, with smaller packets for the pods', () => {
    const { routes, vxlan, podMtu, problems } = plan([own, near, far])
    assert.deepEqual(routes, [
      { range: '10.244.1.0/24', via: '10.89.7.12', device: 'eth0' },
      { range: '10.244.2.0/24', via: '10.244.2.0', device: 'k8ts-vxlan', onlink: true },
    ])
    assert.deepEqual(vxlan, {
      id: 89,
      port: 8472,
      device: 'eth0',
      local: '10.89.7.11',
      link: '0a:59:0a:59:07:0b',
      mtu: 1450,
      addresses: ['10.244.0.0/32'],
      peers: [{ link: '0a:59:c0:00:02:0d', endpoint: '192.0.2.13', gateways: ['10.244.2.0'] }],
    })
    assert.equal(podMtu, 1450)
    assert.deepEqual(problems, [])
  })

  test('leads in VXLAN to the ranges of a family that the nodes themselves do not have', () => {
    const here = node('a', { ranges: ['10.244.0.0/24', 'fd00:1::/64'], addresses: ['10.89.7.11'] })
    const there = node('b', { ranges: ['10.244.1.0/24', 'fd00:1:0:1::/64'], addresses: ['10.89.7.12'] })
    const { routes, vxlan } = plan([here, there])
    assert.deepEqual(routes, [
      { range: '10.244.1.0/24', via: '10.89.7.12', device: 'eth0' },
      { range: 'fd00:1:0:1::/64', via: 'fd00:1:0:1::', device: 'k8ts-vxlan', onlink: true },
    ])
    assert.deepEqual(vxlan!.peers[0]!.gateways, ['fd00:1:0:1::'])
  })

  test('says which nodes plain routes do not lead to', () => {
    const { routes, vxlan, problems } = plan([own, near, far], { between: 'routes' })
    assert.equal(routes.length, 1)
    assert.equal(vxlan, undefined)
    assert.deepEqual(problems, [
      'node "c" (192.0.2.13) shares no link with this one (10.89.7.11/24) by which 10.244.2.0/24 is reached, and plain routes lead no further: set between to "auto" or "vxlan"',
    ])
  })

  test('leads in VXLAN to all when asked to, over IPv6 too', () => {
    const dual = [
      node('a', { ranges: ['fd00:1::/64', '10.244.0.0/24'], addresses: ['fd00:89::b', '10.89.7.11'] }),
      node('b', { ranges: ['fd00:1:0:1::/64', '10.244.1.0/24'], addresses: ['fd00:89::c', '10.89.7.12'] }),
    ]
    const { routes, vxlan, podMtu } = plan(dual, { between: 'vxlan' })
    assert.deepEqual(routes, [
      { range: 'fd00:1:0:1::/64', via: 'fd00:1:0:1::', device: 'k8ts-vxlan', onlink: true },
      { range: '10.244.1.0/24', via: '10.244.1.0', device: 'k8ts-vxlan', onlink: true },
    ])
    assert.equal(podMtu, 1430)
    assert.equal(vxlan!.local, 'fd00:89::b')
    assert.deepEqual(vxlan!.addresses, ['fd00:1::/128', '10.244.0.0/32'])
    assert.deepEqual(vxlan!.peers[0]!.gateways, ['fd00:1:0:1::', '10.244.1.0'])
  })

  test('encrypts with the keys that nodes have told', () => {
    const nodes = [own, node('b', { ranges: ['10.244.1.0/24'], addresses: ['10.89.7.12'], key: 'K=' }), far]
    const { routes, wireguard, podMtu, problems } = plan(nodes, { between: 'wireguard' })
    assert.deepEqual(routes, [{ range: '10.244.1.0/24', device: 'k8ts-wireguard' }])
    assert.deepEqual(wireguard, {
      mtu: 1440,
      addresses: ['10.244.0.0/32'],
      port: 51_820,
      peers: [{ publicKey: 'K=', endpoint: '10.89.7.12', ranges: ['10.244.1.0/24'] }],
    })
    assert.equal(podMtu, 1440)
    assert.match(problems.join(), /^node "c" has not told its WireGuard key yet/)
  })

  const nothing: readonly (readonly [string, readonly Node[]])[] = [
    ['to a node without a range', [own, node('b', { addresses: ['10.89.7.12'] })]],
    ['to a node without an address', [own, node('b', { ranges: ['10.244.1.0/24'] })]],
    [
      'to a simulated node',
      [own, node('b', { ranges: ['10.244.1.0/24'], addresses: ['198.18.0.1'], simulated: true })],
    ],
    ['to a range that is none', [own, node('b', { ranges: ['10.244.1.0'], addresses: ['10.89.7.12'] })]],
  ]
  for (const [name, nodes] of nothing) test(`leads nowhere ${name}`, () => assert.deepEqual(plan(nodes).routes, []))

  test('makes no tunnel before the node has a range of its own', () => {
    const fresh = node('a', { addresses: ['10.89.7.11'] })
    assert.equal(plan([fresh, far]).vxlan, undefined)
  })

  test('says which node cannot be reached for want of a common family', () => {
    const other = node('b', { ranges: ['10.244.1.0/24'], addresses: ['fd00:89::c'] })
    assert.deepEqual(plan([own, other]).problems, ['node "b" (fd00:89::c) has no IPv4 address as this one has'])
  })
})

test('tunnelLink follows from the whole address', () => {
  assert.equal(tunnelLink('10.89.7.11'), '0a:59:0a:59:07:0b')
  assert.notEqual(tunnelLink('fd00:89::1:b'), tunnelLink('fd00:89::b'))
})

test('planHostRoutes leads to every node, by the address of the family', () => {
  const dual = node('b', { ranges: ['10.244.1.0/24', 'fd00:1::/64'], addresses: ['10.89.7.12', 'fd00:89::c'] })
  assert.deepEqual(planHostRoutes([own, dual], 'k8ts-1'), [
    { range: '10.244.0.0/24', via: '10.89.7.11', device: 'k8ts-1' },
    { range: '10.244.1.0/24', via: '10.89.7.12', device: 'k8ts-1' },
    { range: 'fd00:1::/64', via: 'fd00:89::c', device: 'k8ts-1' },
  ])
})

/** What comes to services from outside, in both families, and what must not get through. Needs root and nft. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import { FedProxy, httpPort as http, ProxyNetwork, service, slice, until } from './proxyFixture.ts'

const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

describe('the service proxy, from outside and in two families', { skip: reasonToSkip }, () => {
  let network: ProxyNetwork
  let proxy: FedProxy
  const balancer = (name: string, clusterIP: string, ip: string, spec: object = {}, ingress: object = {}) =>
    service(
      name,
      {
        clusterIP,
        type: 'LoadBalancer',
        ports: [{ port: 80, nodePort: 30_000 + Number(clusterIP.split('.')[3]) }],
        ...spec,
      },
      { loadBalancer: { ingress: [{ ip, ...ingress }] } },
    )
  const names = async (place: 'pod1' | 'pod2' | 'node' | 'other', to: string): Promise<string[]> => [
    ...new Set((await network.distinct(place, to)).map((line) => line.split(' ')[0]!)),
  ]

  before(async () => {
    network = await ProxyNetwork.create(`k8ts-po${process.pid}`)
    await Promise.all([
      network.serve('pod1', 'pod1', 'tcp/10.244.1.2/8080', 'tcp/fd00:244:0:1::2/8080', 'udp/fd00:244:0:1::2/5353'),
      network.serve('pod2', 'pod2', 'tcp/10.244.1.3/8080', 'tcp/fd00:244:0:1::3/8080', 'udp/10.244.1.3/5353'),
      network.serve('other', 'other', 'tcp/10.244.2.2/8080', 'tcp/fd00:244:0:2::2/8080'),
      network.serve('node', 'node', 'tcp/127.0.0.1/9999'),
    ])
    await network.ip('other', 'route add 203.0.113.0/24 via 10.89.250.11')
    // A node has a way to everywhere, or to the addresses of load balancers at least.
    await network.ip('node', 'route add 203.0.113.0/24 via 10.89.250.1')
    const three = slice('all', [http], '10.244.1.2', '10.244.1.3', '10.244.2.2')
    const to = (name: string, ...addresses: string[]) => slice(name, [http], ...addresses)
    proxy = await FedProxy.start(
      {
        services: [
          balancer('all', '10.96.0.1', '203.0.113.1'),
          balancer('near', '10.96.0.2', '203.0.113.2', { externalTrafficPolicy: 'Local' }),
          balancer('open', '10.96.0.3', '203.0.113.3', {
            loadBalancerSourceRanges: ['10.89.250.0/25', '192.0.2.0/24'],
          }),
          balancer('shut', '10.96.0.4', '203.0.113.4', { loadBalancerSourceRanges: ['192.0.2.0/24'] }),
          balancer('elsewhere', '10.96.0.5', '203.0.113.5', {}, { ipMode: 'Proxy' }),
          balancer('mixed', '10.96.0.6', '203.0.113.6', {
            ports: [
              { name: 'tcp', port: 53, protocol: 'TCP' },
              { name: 'udp', port: 53, protocol: 'UDP' },
            ],
          }),
          service('dual', {
            clusterIPs: ['10.96.0.7', 'fd00:96::7'],
            clusterIP: '10.96.0.7',
            ports: [{ port: 80, nodePort: 30_007 }],
          }),
          service('six', {
            clusterIPs: ['fd00:96::8'],
            clusterIP: 'fd00:96::8',
            ports: [
              { name: 'web', port: 80 },
              { name: 'names', port: 53, protocol: 'UDP' },
              { name: 'call', port: 9, protocol: 'SCTP' },
            ],
          }),
          service('sticky', {
            clusterIPs: ['fd00:96::9'],
            clusterIP: 'fd00:96::9',
            sessionAffinity: 'ClientIP',
            ports: [{ port: 80 }],
          }),
          service('empty', { clusterIPs: ['fd00:96::a'], clusterIP: 'fd00:96::a', ports: [{ port: 80 }] }),
          service('loop', { clusterIP: '10.96.0.12', ports: [{ port: 80 }] }),
        ],
        slices: [
          three,
          to('near', '10.244.1.2', '10.244.2.2'),
          to('open', '10.244.1.2'),
          to('shut', '10.244.1.2'),
          to('elsewhere', '10.244.1.2'),
          slice(
            'mixed',
            [
              { name: 'tcp', port: 8080, protocol: 'TCP' },
              { name: 'udp', port: 5353, protocol: 'UDP' },
            ],
            '10.244.1.3',
          ),
          to('dual', '10.244.1.2', '10.244.1.3'),
          to('dual', 'fd00:244:0:1::2', 'fd00:244:0:2::2'),
          slice(
            'six',
            [
              { name: 'web', port: 8080, protocol: 'TCP' },
              { name: 'names', port: 5353, protocol: 'UDP' },
              { name: 'call', port: 99, protocol: 'SCTP' },
            ],
            'fd00:244:0:1::2',
          ),
          to('sticky', 'fd00:244:0:1::2', 'fd00:244:0:1::3', 'fd00:244:0:2::2'),
          slice('loop', [{ name: '', port: 9999, protocol: 'TCP' }], '127.0.0.1'),
        ],
      },
      { namespaceFile: network.file('node'), serviceRanges: ['10.96.0.0/12', 'fd00:96::/108'] },
    )
  })
  after(async () => {
    await proxy?.[Symbol.asyncDispose]()
    await network?.[Symbol.asyncDispose]()
  })

  it('takes connections at the addresses of load balancers, from outside, from pods and from the node', async () => {
    for (const place of ['other', 'pod1', 'node'] as const)
      assert.deepEqual(await names(place, 'tcp/203.0.113.1/80'), ['other', 'pod1', 'pod2'], place)
  })
  it('keeps what comes to a local service on the node, with its source', async () => {
    assert.deepEqual(await network.distinct('other', 'tcp/203.0.113.2/80', 12), ['pod1 10.89.250.1'])
    assert.deepEqual(await names('pod2', 'tcp/203.0.113.2/80'), ['other', 'pod1'])
  })
  it('lets only those come to a load balancer who may, and everybody to the service and its node port', async () => {
    assert.deepEqual(await names('other', 'tcp/203.0.113.3/80'), ['pod1'])
    assert.deepEqual(await names('node', 'tcp/203.0.113.3/80'), ['pod1'])
    assert.deepEqual(await network.attempt('pod2', 'tcp/203.0.113.3/80'), ['TIMEOUT'])
    for (const place of ['other', 'pod2', 'node'] as const)
      assert.deepEqual(await network.attempt(place, 'tcp/203.0.113.4/80'), ['TIMEOUT'], place)
    assert.deepEqual(await names('other', 'tcp/10.89.250.11/30004'), ['pod1'])
    assert.deepEqual(await names('pod2', 'tcp/10.96.0.4/80'), ['pod1'])
  })
  it('follows a change of who may come', async () => {
    const generation = await network.generation()
    proxy.set(balancer('shut', '10.96.0.4', '203.0.113.4', { loadBalancerSourceRanges: ['10.89.250.1/32'] }))
    await until('the change is applied', async () => (await network.generation()) > generation)
    assert.deepEqual(await names('other', 'tcp/203.0.113.4/80'), ['pod1'])
    assert.deepEqual(await network.attempt('node', 'tcp/203.0.113.4/80'), ['TIMEOUT'])
  })
  it('leaves an address alone that the load balancer has for itself', async () => {
    const { elements } = await network.listing()
    assert.equal(elements.get('vips')!.has('203.0.113.5 . tcp . 80'), false)
    assert.deepEqual(await names('pod1', 'tcp/10.96.0.5/80'), ['pod1'])
  })
  it('serves TCP and UDP of one port', async () => {
    assert.deepEqual(await names('other', 'tcp/203.0.113.6/53'), ['pod2'])
    assert.deepEqual(await names('other', 'udp/203.0.113.6/53'), ['pod2'])
  })

  it('serves both families, each with its own endpoints', async () => {
    assert.deepEqual(await names('pod2', 'tcp/10.96.0.7/80'), ['pod1', 'pod2'])
    assert.deepEqual(await names('pod2', 'tcp/fd00:96::7/80'), ['other', 'pod1'])
    assert.deepEqual(await names('other', 'tcp/10.89.250.11/30007'), ['pod1', 'pod2'])
    assert.deepEqual(await names('other', 'tcp/fd00:89:250::11/30007'), ['other', 'pod1'])
    assert.deepEqual(await names('node', 'tcp/fd00:96::7/80'), ['other', 'pod1'])
  })
  it('serves a service of IPv6 alone, and its pod itself', async () => {
    assert.deepEqual(await network.distinct('pod2', 'tcp/fd00:96::8/80', 3), ['pod1 fd00:244:0:1::3'])
    assert.deepEqual(await names('pod2', 'udp/fd00:96::8/53'), ['pod1'])
    assert.match((await network.connect('pod1', 'tcp/fd00:96::8/80'))[0]!, /^pod1 fd00:244:0:1::1$/)
    assert.equal((await network.listing('ip6')).elements.get('vips')!.has('fd00:96::8 . sctp . 9'), true)
  })
  it('keeps a client with its endpoint in IPv6 while others come and go, and when the table is made anew', async () => {
    const addresses = { pod1: 'fd00:244:0:1::2', pod2: 'fd00:244:0:1::3', other: 'fd00:244:0:2::2' }
    const sticky = 'tcp/fd00:96::9/80'
    const [kept, ...more] = (await names('pod1', sticky)) as (keyof typeof addresses)[]
    assert.deepEqual(more, [])
    const own = addresses[kept!]
    const [one, another] = Object.values(addresses).filter((address) => address !== own)
    const change = async (...to: string[]): Promise<void> => {
      const generation = await network.generation('ip6')
      proxy.set(slice('sticky', [http], ...to))
      await until('the change is applied', async () => (await network.generation('ip6')) > generation)
    }
    for (const to of [[one!, own], [own], [another!, own, one!]]) {
      await change(...to)
      assert.deepEqual(await names('pod1', sticky), [kept], to.join())
    }
    const generation = await network.generation('ip6')
    await network.enter('node', 'nft', 'add rule ip6 k8ts-services services accept')
    await until('the table is made anew', async () => (await network.generation('ip6')) > generation)
    assert.deepEqual(await names('pod1', sticky), [kept])
    await change(one!, another!)
    const [next, ...others] = await names('pod1', sticky)
    assert.deepEqual(others, [])
    assert.notEqual(next, kept)
  })
  it('refuses what has no endpoint in IPv6', async () => {
    assert.deepEqual(await network.connect('pod1', 'tcp/fd00:96::a/80'), ['ECONNREFUSED'])
    assert.deepEqual(await network.connect('node', 'tcp/fd00:96::8/81'), ['ECONNREFUSED'])
  })

  it('leads pods and the node to services of a range that was added, until it is taken away', async () => {
    const range = '198.18.7.0/24'
    const routes = (): Promise<string> => network.enter('node', 'ip', 'route', 'show', range)
    const generation = await network.generation()
    proxy.setServiceRanges(range)
    proxy.set(
      service('added', { clusterIP: '198.18.7.1', ports: [{ port: 80 }] }),
      slice('added', [http], '10.244.1.2'),
    )
    await until('the change is applied', async () => (await network.generation()) > generation)
    await until('there is a route', async () => (await routes()) !== '')
    for (const place of ['pod2', 'node'] as const)
      assert.deepEqual(await names(place, 'tcp/198.18.7.1/80'), ['pod1'], place)
    assert.deepEqual(await network.connect('node', 'tcp/198.18.7.1/81'), ['ECONNREFUSED'])
    assert.deepEqual(await network.attempt('node', 'tcp/198.18.7.2/80'), ['TIMEOUT'])
    proxy.delete(service('added', {}), slice('added', []))
    proxy.setServiceRanges()
    await until('the route has gone', async () => (await routes()) === '')
    assert.deepEqual(await network.connect('node', 'tcp/198.18.7.1/80'), ['EHOSTUNREACH'])
  })
  it('leads to no endpoint on the loopback, and says so', async () => {
    assert.deepEqual(await network.connect('pod1', 'tcp/10.96.0.12/80'), ['ECONNREFUSED'])
    assert.deepEqual(await network.connect('node', 'tcp/10.96.0.12/80'), ['ECONNREFUSED'])
    assert.ok(proxy.problems.some((line) => /left out.*default\/loop.*127\.0\.0\.1/.test(line)))
  })
  it('drops what comes for the loopback from outside, even where such packets are routed', async () => {
    const isRouted = ['net.ipv4.conf.all.route_localnet=1', 'net.ipv4.conf.eth0.route_localnet=1']
    for (const place of ['node', 'other'] as const) await network.enter(place, 'sysctl', '-qw', ...isRouted)
    // To the machine beside it the loopback is no longer its own, but the node's.
    await network.ip(
      'other',
      'route del local 127.0.0.0/8 dev lo table local',
      'route del local 127.0.0.1 dev lo table local',
      'route add 127.0.0.0/8 via 10.89.250.11 dev eth0 src 10.89.250.1',
    )
    await network.enter(
      'node',
      'nft',
      'add table ip proof ; add chain ip proof in { type filter hook input priority 0 ; } ; add rule ip proof in iifname eth0 ip daddr 127.0.0.1 counter',
    )
    const countReached = async (): Promise<number> => {
      await network.attempt('other', 'tcp/127.0.0.1/9999')
      return Number(/counter packets (\d+)/.exec(await network.enter('node', 'nft', 'list table ip proof'))![1])
    }
    assert.equal(await countReached(), 0)
    // Without these rules, which a proxy that runs would put back, it gets in.
    await proxy[Symbol.asyncDispose]()
    await network.enter('node', 'nft', 'flush chain ip k8ts-services loopback_only')
    assert.notEqual(await countReached(), 0)
  })
})

describe('node ports of the service proxy in some ranges', { skip: reasonToSkip }, () => {
  let network: ProxyNetwork
  before(async () => {
    network = await ProxyNetwork.create(`k8ts-pr${process.pid}`)
    await network.serve('pod1', 'pod1', 'tcp/10.244.1.2/8080', 'tcp/fd00:244:0:1::2/8080')
    // A second address of the node, which its neighbour reaches.
    await network.ip('node', 'address add 10.89.250.12/24 dev eth0')
  })
  after(() => network?.[Symbol.asyncDispose]())

  const cases: [string, readonly string[] | undefined, readonly string[]][] = [
    ['everywhere unless told', undefined, ['10.89.250.11', '10.89.250.12', 'fd00:89:250::11']],
    ['at the addresses of its object', ['primary'], ['10.89.250.11']],
    ['in a range, and everywhere in the other family', ['10.89.250.12/32'], ['10.89.250.12', 'fd00:89:250::11']],
    [
      'in a range of the other family only, and everywhere in this one',
      ['fd00:1::/64'],
      ['10.89.250.11', '10.89.250.12'],
    ],
  ]
  for (const [name, nodePortAddresses, open] of cases)
    it(`are open ${name}, and host ports at every address`, async () => {
      await using _ = await FedProxy.start(
        {
          services: [
            service('web', {
              clusterIPs: ['10.96.0.7', 'fd00:96::7'],
              clusterIP: '10.96.0.7',
              ports: [{ port: 80, nodePort: 30_007 }],
            }),
          ],
          slices: [slice('web', [http], '10.244.1.2'), slice('web', [http], 'fd00:244:0:1::2')],
          node: {
            metadata: { name: 'node', uid: 'n' },
            spec: { podCIDRs: ['10.244.1.0/24', 'fd00:244:0:1::/64'] },
            status: { addresses: [{ type: 'InternalIP', address: '10.89.250.11' }] },
          },
          pods: [
            {
              metadata: { name: 'one', namespace: 'default', uid: 'one' },
              spec: { nodeName: 'node', containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 8081 }] }] },
              status: { phase: 'Running', podIPs: [{ ip: '10.244.1.2' }, { ip: 'fd00:244:0:1::2' }] },
            },
          ],
        },
        {
          namespaceFile: network.file('node'),
          serviceRanges: ['10.96.0.0/12', 'fd00:96::/108'],
          ...(nodePortAddresses === undefined ? {} : { nodePortAddresses }),
        },
      )
      for (const address of ['10.89.250.11', '10.89.250.12', 'fd00:89:250::11']) {
        const [answer] = await network.connect('other', `tcp/${address}/30007`)
        assert.equal(answer!.split(' ')[0], open.includes(address) ? 'pod1' : 'ECONNREFUSED', address)
        assert.match((await network.connect('other', `tcp/${address}/8081`))[0]!, /^pod1 /, address)
      }
    })
})

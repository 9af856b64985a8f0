/** The service proxy against the real kernel: a node, two of its pods and a machine beside it, each a network namespace. Needs root and nft. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'

import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Frontend } from '#proxy/frontend.ts'
import { NftablesTable } from '#proxy/nftables.ts'
import { readTable } from '#lib/host/nftTable.ts'
import { Ruleset } from '#proxy/ruleset.ts'
import { planFrontends } from '#proxy/serviceTable.ts'
import { FedProxy, host, httpPort as http, ProxyNetwork, service, slice, until } from './proxyFixture.ts'

const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

describe('the service proxy', { skip: reasonToSkip }, () => {
  let network: ProxyNetwork
  let proxy: FedProxy
  const change = async (...objects: (Service | EndpointSlice)[]): Promise<void> => {
    const generation = await network.generation()
    proxy.set(...objects)
    await until('the change is applied', async () => (await network.generation()) > generation)
  }

  before(async () => {
    network = await ProxyNetwork.create(`k8ts-px${process.pid}`)
    await Promise.all([
      network.serve('pod1', 'pod1', 'tcp/10.244.1.2/8080', 'udp/10.244.1.2/5353'),
      network.serve('pod2', 'pod2', 'tcp/10.244.1.3/8080', 'udp/10.244.1.3/5353'),
      network.serve('other', 'other', 'tcp/10.244.2.2/8080', 'tcp/10.89.250.1/6443'),
      network.serve('node', 'node', 'tcp/10.89.250.11/6443'),
    ])

    const three = ['10.244.1.2', '10.244.1.3', '10.244.2.2']
    const list: [Service, EndpointSlice | undefined][] = [
      [
        service('web', { clusterIP: '10.96.0.7', ports: [{ port: 80, nodePort: 30080 }] }),
        slice('web', [http], ...three),
      ],
      [
        service('kubernetes', { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] }),
        slice('kubernetes', [{ name: 'https', port: 6443, protocol: 'TCP' }], '10.89.250.11'),
      ],
      [service('empty', { clusterIP: '10.96.0.9', ports: [{ port: 80, nodePort: 30090 }] }), undefined],
      [
        service('sticky', {
          clusterIP: '10.96.0.8',
          ports: [{ port: 80, nodePort: 30088 }],
          sessionAffinity: 'ClientIP',
          sessionAffinityConfig: { clientIP: { timeoutSeconds: 100 } },
        }),
        slice('sticky', [http], ...three),
      ],
      [
        service('near', {
          clusterIP: '10.96.0.11',
          ports: [{ port: 80, nodePort: 30081 }],
          externalTrafficPolicy: 'Local',
        }),
        slice('near', [http], '10.244.1.2', '10.244.2.2'),
      ],
      [
        service('far', {
          clusterIP: '10.96.0.12',
          ports: [{ port: 80, nodePort: 30082 }],
          externalTrafficPolicy: 'Local',
          internalTrafficPolicy: 'Local',
          externalIPs: ['192.0.2.7'],
        }),
        slice('far', [http], '10.244.2.2'),
      ],
      [service('self', { clusterIP: '10.96.0.13', ports: [{ port: 80 }] }), slice('self', [http], '10.244.1.2')],
      [
        service('names', { clusterIP: '10.96.0.14', ports: [{ port: 53, protocol: 'UDP' }] }),
        slice('names', [{ name: '', port: 5353, protocol: 'UDP' }], '10.244.1.2'),
      ],
    ]
    const pod = {
      metadata: { name: 'p', namespace: 'default', uid: 'p' },
      spec: { nodeName: 'node', containers: [{ name: 'c', ports: [{ containerPort: 8080, hostPort: 8081 }] }] },
      status: { phase: 'Running', podIP: '10.244.1.3' },
    }
    proxy = await FedProxy.start(
      {
        services: list.map(([each]) => each),
        slices: list.map(([, each]) => each).filter((each) => each !== undefined),
        pods: [pod],
      },
      { namespaceFile: network.file('node') },
    )
  })
  after(async () => {
    await proxy?.[Symbol.asyncDispose]()
    await network?.[Symbol.asyncDispose]()
  })

  it('spreads the connections of pods and of the node over all endpoints', async () => {
    const fromPod = await network.distinct('pod1', 'tcp/10.96.0.7/80')
    assert.deepEqual(
      fromPod.map((line) => line.split(' ')[0]),
      ['other', 'pod1', 'pod2'],
    )
    // The other endpoints see the pod itself; only to itself it comes with another address.
    assert.deepEqual(fromPod.slice(0, 1), ['other 10.244.1.2'])
    assert.equal(fromPod[2], 'pod2 10.244.1.2')
    assert.notEqual(fromPod[1], 'pod1 10.244.1.2')
    const fromNode = await network.distinct('node', 'tcp/10.96.0.7/80')
    assert.deepEqual(
      fromNode.map((line) => line.split(' ')[0]),
      ['other', 'pod1', 'pod2'],
    )
  })

  it('lets a pod reach itself', async () => {
    assert.match((await network.connect('pod1', 'tcp/10.96.0.13/80'))[0]!, /^pod1 10\.244\.1\.1$/)
  })

  it('leads to an endpoint on the node itself, from pods and the node', async () => {
    assert.deepEqual(await network.connect('pod1', 'tcp/10.96.0.1/443'), ['node 10.244.1.2'])
    assert.equal((await network.connect('node', 'tcp/10.96.0.1/443'))[0]!.split(' ')[0], 'node')
  })

  it('serves node ports on every address of the node but the loopback', async () => {
    for (const [place, address] of [
      ['other', '10.89.250.11'],
      ['pod1', '10.89.250.11'],
      ['pod1', '10.244.1.1'],
      ['node', '10.89.250.11'],
      ['node', '10.244.1.1'],
    ] as const) {
      const answers = await network.distinct(place, `tcp/${address}/30080`)
      assert.deepEqual(
        answers.map((line) => line.split(' ')[0]),
        ['other', 'pod1', 'pod2'],
        `${place} to ${address}`,
      )
    }
    assert.deepEqual(await network.connect('node', 'tcp/127.0.0.1/30080'), ['ECONNREFUSED'])
  })

  it('serves host ports', async () => {
    assert.deepEqual(await network.connect('other', 'tcp/10.89.250.11/8081'), ['pod2 10.89.250.1'])
    assert.equal((await network.connect('node', 'tcp/10.89.250.11/8081'))[0]!.split(' ')[0], 'pod2')
    assert.deepEqual(await network.connect('pod1', 'tcp/10.89.250.11/8081'), ['pod2 10.244.1.2'])
    assert.match((await network.connect('node', 'tcp/127.0.0.1/8081'))[0]!, /^pod2 10\.244\.1\.1$/)
  })

  it('refuses at once what has no endpoints, and ports that a service does not have', async () => {
    for (const [place, to] of [
      ['pod1', 'tcp/10.96.0.9/80'],
      ['node', 'tcp/10.96.0.9/80'],
      ['pod1', 'tcp/10.96.0.7/81'],
      ['node', 'tcp/10.96.0.7/81'],
      ['other', 'tcp/10.89.250.11/30090'],
      ['node', 'tcp/10.89.250.11/30090'],
      ['pod1', 'tcp/10.89.250.11/30090'],
    ] as const)
      assert.deepEqual(await network.connect(place, to), ['ECONNREFUSED'], `${place} to ${to}`)
  })

  it('keeps a client with its endpoint while that is there', async () => {
    const homes = await network.distinct('pod1', 'tcp/10.96.0.8/80', 12)
    assert.equal(homes.length, 1)
    assert.equal((await network.distinct('other', 'tcp/10.89.250.11/30088', 12)).length, 1)
    const home = homes[0]!.split(' ')[0]!
    const rest = Object.entries({ pod1: '10.244.1.2', pod2: '10.244.1.3', other: '10.244.2.2' }).filter(
      ([name]) => name !== home,
    )
    const ports = [http]
    // Another endpoint goes: nothing changes. Its own goes: it gets another one and stays with that, also when the first is back.
    const own = { pod1: '10.244.1.2', pod2: '10.244.1.3', other: '10.244.2.2' }[home]!
    await change(slice('sticky', ports, own, rest[0]![1]))
    assert.deepEqual(await network.distinct('pod1', 'tcp/10.96.0.8/80', 12), homes)
    await change(slice('sticky', ports, ...rest.map((each) => each[1])))
    const moved = await network.distinct('pod1', 'tcp/10.96.0.8/80', 12)
    assert.equal(moved.length, 1)
    assert.notDeepEqual(moved, homes)
    await change(slice('sticky', ports, own, ...rest.map((each) => each[1])))
    assert.deepEqual(await network.distinct('pod1', 'tcp/10.96.0.8/80', 12), moved)
  })

  it('keeps traffic from outside on the node and its source, where that is asked for', async () => {
    assert.deepEqual(await network.distinct('other', 'tcp/10.89.250.11/30081', 12), ['pod1 10.89.250.1'])
    const fromPod = await network.distinct('pod2', 'tcp/10.89.250.11/30081')
    assert.deepEqual(fromPod, ['other 10.244.1.3', 'pod1 10.244.1.3'])
    assert.deepEqual(await network.attempt('other', 'tcp/10.89.250.11/30082'), ['TIMEOUT'])
    assert.deepEqual(await network.attempt('pod1', 'tcp/10.96.0.12/80'), ['TIMEOUT'])
    assert.deepEqual(await network.connect('pod1', 'tcp/192.0.2.7/80'), ['other 10.244.1.2'])
  })

  it('gives pods the address of the node beyond the pods', async () => {
    assert.deepEqual(await network.connect('pod1', 'tcp/10.89.250.1/6443'), ['other 10.89.250.11'])
    assert.deepEqual(await network.connect('pod1', 'tcp/10.244.2.2/8080'), ['other 10.244.1.2'])
  })

  it('leads a UDP flow anew when its endpoint goes', async () => {
    assert.deepEqual(await network.connect('pod2', 'udp/10.96.0.14/53', 1, 4444), ['pod1 10.244.1.3'])
    const names = [{ name: '', port: 5353, protocol: 'UDP' }]
    await change(slice('names', names, '10.244.1.3'))
    const isForgotten = async () => {
      const flows = await network.enter('node', 'conntrack', '-L', '-p', 'udp', '--orig-dst', '10.96.0.14')
      return !flows.includes('src=10.244.1.2')
    }
    await until('the flow is forgotten', isForgotten)
    assert.match((await network.connect('pod2', 'udp/10.96.0.14/53', 1, 4444))[0]!, /^pod2 /)
  })

  it('forgets the flows of an address that a service gives up, and keeps those to what ends', async () => {
    const flowsTo = (address: string): Promise<string> =>
      network.enter('node', 'conntrack', '-L', '-p', 'udp', '--orig-dst', address)
    const names = [{ name: '', port: 5353, protocol: 'UDP' }]
    await network.connect('pod1', 'udp/10.96.0.14/53', 1, 4445)
    const ending = slice('names', names, '10.244.1.2', '10.244.1.3')
    ending.endpoints![1]!.conditions = { ready: false, serving: true, terminating: true }
    await change(ending)
    // New flows go to the other one; what has begun goes on.
    assert.deepEqual(await network.connect('pod1', 'udp/10.96.0.14/53', 2, 4445), [
      'pod2 10.244.1.2',
      'pod2 10.244.1.2',
    ])
    assert.match((await network.connect('pod2', 'udp/10.96.0.14/53', 1, 4446))[0]!, /^pod1 /)
    await change(service('names', { clusterIP: '10.96.0.15', ports: [{ port: 53, protocol: 'UDP' }] }))
    await until('its flows are forgotten', async () => (await flowsTo('10.96.0.14')) === '')
    assert.match((await network.connect('pod1', 'udp/10.96.0.15/53', 1, 4445))[0]!, /^pod1 /)
  })

  it('replaces a table that was lost, at once or with the next change', async () => {
    await network.enter('node', 'nft', 'delete', 'table', 'ip', 'k8ts-services')
    proxy.set(slice('self', [http], '10.244.1.3'))
    // It may have come back before the change.
    await until('the table is back, with the change', async () => {
      const [answer] = await network.connect('pod1', 'tcp/10.96.0.13/80')
      return answer === 'pod2 10.244.1.2'
    })
    assert.ok(proxy.problems.some((line) => /Cannot apply service rules|changed by others/.test(line)))
  })

  it('knows its own table in what nft prints, and what was changed by hand', async () => {
    const ranges = {
      clusterPodRanges: ['10.244.0.0/16'],
      nodePodRanges: ['10.244.1.0/24'],
      serviceRanges: ['10.96.0.0/12'],
    }
    const kernel = new NftablesTable(host.nft(network.file('pod2')), 4)
    const ports = [{ name: '', port: 8080, protocol: 'TCP' }]
    const sticky = service('s', { clusterIP: '10.96.0.7', ports: [{ port: 80 }], sessionAffinity: 'ClientIP' })
    const frontendsTo = (...addresses: string[]) =>
      planFrontends(sticky, [slice('s', ports, ...addresses)], { name: 'node' })
    const rules = new Ruleset(4, ranges)
    let before: Frontend | undefined
    const apply = (...addresses: string[]) => {
      const [next] = frontendsTo(...addresses)
      const difference = rules.change([{ key: next!.key, before, next }])
      before = next
      return kernel.apply(rules, difference)
    }
    await apply('10.244.1.2')
    await apply('10.244.1.2', '10.244.2.2')
    assert.equal(await kernel.verify(), undefined)
    const client = '10.244.1.9 . 10.96.0.7 . tcp . 80'
    await network.enter('pod2', 'nft', `add element ip k8ts-services affinity { ${client} timeout 200s : 20000000 }`)
    assert.equal(await kernel.verify(), undefined)
    await network.enter('pod2', 'nft', 'add rule ip k8ts-services services accept')
    assert.equal(await kernel.verify(), 'chain "services" has other rules')
    assert.deepEqual(await apply('10.244.1.2'), { kind: 'whole' })
    assert.equal(await kernel.verify(), undefined)
    const text = await host.nft(network.file('pod2')).describe({ family: 'ip', name: 'k8ts-services' })
    const remembered = [...readTable(text!).elements.get('affinity')!]
    assert.match(remembered[0]![0], /^10\.244\.1\.9 \. 10\.96\.0\.7 \. tcp \. 80 expires [1-3]m\d/)
    await kernel.remove()
    assert.deepEqual(await host.nft(network.file('pod2')).tables(), [])
  })

  it('forgets a service that was deleted', async () => {
    proxy.delete(service('self', {}), slice('self', []))
    await until('nobody answers', async () => (await network.attempt('pod1', 'tcp/10.96.0.13/80'))[0] === 'TIMEOUT')
  })
})

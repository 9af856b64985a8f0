import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { serviceCIDRs } from '#api/networking/v1/serviceCIDR.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Selection } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeIp } from '#lib/host/netlink.ts'
import { CommandError, fakeProcesses } from '#lib/host/process.ts'
import type { RunOptions } from '#lib/host/process.ts'
import type { HttpHandler, HttpReply, HttpRequest } from '#lib/http/message.ts'
import { createLogger } from '#lib/log.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { seededRandom } from '#lib/random.ts'

import { planFixedChains } from './chains.ts'
import { memoryNft } from './memoryNft.ts'
import { proxyComponent, type ProxyOptions } from './proxy.ts'
import { ServiceRoutes } from './serviceRoute.ts'

/** A proxy whose informers are filled by hand, with time that stands still. */
function start(
  answer: Parameters<typeof fakeProcesses>[0] = () => undefined,
  options: Partial<Pick<ProxyOptions, 'nodePortAddresses' | 'serviceRanges'>> = {},
) {
  const clock = new SimulatedClock()
  const made = new Map<string, WatchedInformer<KubeObject>>()
  const of = (resource: Resource, selection: Selection = {}) => {
    const key = `${resource.plural} ${selection.fieldSelector ?? ''}`
    const options = { client: {} as Client, clock, random: seededRandom(1), resource, selection }
    const informer = made.get(key) ?? new WatchedInformer(options)
    made.set(key, informer)
    return informer
  }
  const nft = memoryNft()
  const links: { addr_info: { local: string }[] }[] = []
  const ip = fakeIp({ 'address show': links })
  /** Where it listens, as `host:port`. */
  const open = new Set<string>()
  const lines: string[] = []
  const stop = new AbortController()
  const metrics = new MetricRegistry()
  let isReady = false
  const ports = new Map<number, HttpHandler>()
  /** Says what the kernel tells those who watch it. */
  let tell: ((text: string) => void) | undefined
  const processes = fakeProcesses(answer)
  const run = async (argv: readonly string[], options: RunOptions = {}, signal?: AbortSignal) => {
    if (argv.at(-1) !== 'monitor') return processes.run(argv, options, signal)
    tell = options.onOutput
    await new Promise((_, fail) => signal?.addEventListener('abort', () => fail(signal.reason as Error)))
    throw new Error('unreachable')
  }
  const component = proxyComponent({
    nodeName: 'one',
    informers: { of } as unknown as Informers,
    host: { nft: () => nft, ip: () => ip, processes: { ...processes, run }, clock },
    listen: async (handler, { host, port, ipv6Only }) => {
      const place = `${host}${ipv6Only === true ? ' alone' : ''} ${port}`
      if (ports.has(port) && ![...open].some((each) => each.endsWith(` ${port}`)))
        throw new Error(`Cannot listen on *:${port}: the port is taken`)
      ports.set(port, handler)
      open.add(place)
      return {
        [Symbol.asyncDispose]: async () => {
          open.delete(place)
          ports.delete(port)
        },
      }
    },
    clusterPodRanges: ['10.244.0.0/16'],
    serviceRanges: ['10.96.0.0/12'],
    ...options,
    log: createLogger({ clock, sinks: [{ write: (line) => void lines.push(line) }], level: 'warn' }),
    metrics,
  })
  const ended = component.run(() => void (isReady = true), stop.signal)
  let revision = 1
  const metadata = (name: string) => ({
    name,
    namespace: 'default',
    uid: name,
    resourceVersion: String(revision++),
    labels: { 'kubernetes.io/service-name': name },
  })
  const feed = (resource: Resource, objects: object[], selection: Selection = {}) =>
    of(resource, selection).replace(objects as KubeObject[], '1')
  const any = <T extends KubeObject>(resource: Resource<T>) => resource as unknown as Resource
  return {
    clock,
    nft,
    lines,
    metrics,
    ports,
    open,
    setLinkAddresses: (...addresses: string[]) =>
      void links.splice(0, Infinity, ...addresses.map((local) => ({ addr_info: [{ local }] }))),
    /** The status and body of an answer, and its headers. */
    get: async (port: number, path: string) => {
      let answered: { status: number; body: string; headers: object } | undefined
      const send: HttpReply['send'] = (status, headers, body = '') =>
        void (answered = { status, body: String(body), headers })
      await ports.get(port)!({ method: 'GET', path } as HttpRequest, { send } as HttpReply)
      return answered!
    },
    tell: (text: string) => tell!(text),
    isReady: () => isReady,
    kernel: () => nft.state.get('ip k8ts-services'),
    addService: (name: string, clusterIP: string, protocol = 'TCP', rest: object = {}) =>
      of(any(services)).change('ADDED', {
        metadata: metadata(name),
        spec: { clusterIP, ports: [{ port: 80, protocol }], ...rest },
      } as never),
    setEndpoints: (name: string, ...addresses: string[]) =>
      of(any(endpointSlices)).change('MODIFIED', {
        metadata: {
          ...metadata(name),
          annotations: { 'endpoints.kubernetes.io/last-change-trigger-time': new Date(clock.now()).toISOString() },
        },
        addressType: 'IPv4',
        ports: ['TCP', 'UDP'].map((protocol) => ({ name: '', port: 80, protocol })),
        endpoints: addresses.map((address) => ({ addresses: [address], nodeName: 'one' })),
      } as never),
    setRemoteEndpoint: (name: string, address: string) =>
      of(any(endpointSlices)).change('MODIFIED', {
        metadata: metadata(name),
        addressType: 'IPv4',
        ports: [{ name: '', port: 80, protocol: 'TCP' }],
        endpoints: [{ addresses: [address], nodeName: 'two' }],
      } as never),
    setNode: (spec: object) =>
      of(any(nodes), { fieldSelector: 'metadata.name=one' }).change('MODIFIED', {
        metadata: { ...metadata('one'), namespace: undefined, name: 'one' },
        spec,
      } as never),
    sync: () => {
      feed(any(services), [])
      feed(any(endpointSlices), [])
      feed(any(pods), [], { fieldSelector: 'spec.nodeName=one' })
      feed(any(nodes), [], { fieldSelector: 'metadata.name=one' })
      feed(any(serviceCIDRs), [])
    },
    setServiceRanges: (...cidrs: string[]) =>
      feed(any(serviceCIDRs), [{ metadata: { ...metadata('more'), namespace: undefined }, spec: { cidrs } }]),
    async [Symbol.asyncDispose]() {
      stop.abort()
      await ended
      assert.equal(clock.pending, 0)
    },
  }
}

describe('the proxy', () => {
  it('waits for its first state and is ready once the kernel has it', async () => {
    await using proxy = start()
    await proxy.clock.advance('10s')
    assert.equal(proxy.isReady(), false)
    proxy.sync()
    await proxy.clock.advance('1s')
    assert.equal(proxy.isReady(), true)
    assert.ok(proxy.kernel())
  })
  it('makes one transaction of a burst of changes', async () => {
    await using proxy = start()
    proxy.sync()
    await proxy.clock.advance('1s')
    for (let i = 1; i <= 50; i++) {
      proxy.addService(`s${i}`, `10.96.0.${i}`)
      proxy.setEndpoints(`s${i}`, `10.244.1.${i}`)
    }
    await proxy.clock.advance('1s')
    assert.equal(proxy.nft.applied.length, 2)
    assert.equal(proxy.kernel()!.sets.get('vips')!.size, 50)
    assert.match(proxy.metrics.render(), /kubeproxy_sync_proxy_rules_endpoint_changes_total 50/)
  })
  it('tries again when nft fails', async () => {
    await using proxy = start()
    proxy.nft.refuseWith = 'no memory'
    proxy.sync()
    await proxy.clock.advance(50)
    assert.equal(proxy.isReady(), false)
    assert.match(proxy.lines[0]!, /Cannot apply service rules.*no memory/)
    await proxy.clock.advance('1s')
    assert.equal(proxy.isReady(), true)
    assert.match(
      proxy.metrics.render(),
      /kubeproxy_sync_proxy_rules_nftables_sync_failures_total\{ip_family="IPv4"\} 1/,
    )
  })
  it('applies changes while the table is compared with the kernel, until that was in vain a few times', async () => {
    await using proxy = start()
    proxy.sync()
    await proxy.clock.advance('1s')
    const { describe } = proxy.nft
    let listed = Promise.withResolvers<void>()
    let listings = 0
    proxy.nft.describe = async (what) => {
      listings++
      const text = await describe(what)
      await listed.promise
      return text
    }
    const size = (): number => proxy.kernel()!.sets.get('vips')!.size
    for (let turn = 1; turn <= 4; turn++) {
      for (let second = 0; second < 1_000 && listings < turn; second++) await proxy.clock.advance('1s')
      assert.equal(listings, turn)
      proxy.addService(`s${turn}`, `10.96.0.${turn}`)
      proxy.setEndpoints(`s${turn}`, `10.244.1.${turn}`)
      await proxy.clock.advance('1s')
      assert.equal(size(), Math.min(turn, 3))
      listed.resolve()
      listed = Promise.withResolvers()
      await proxy.clock.advance('1s')
      assert.equal(size(), turn)
    }
    assert.deepEqual(proxy.lines, [])
    listed.resolve()
  })
  it('replaces within a minute what others have changed', async () => {
    await using proxy = start()
    proxy.sync()
    await proxy.clock.advance('1s')
    proxy.addService('web', '10.96.0.7')
    proxy.setEndpoints('web', '10.244.1.2')
    await proxy.clock.advance('1s')
    proxy.kernel()!.sets.get('vips')!.clear()
    await proxy.clock.advance('1m')
    assert.equal(proxy.kernel()!.sets.get('vips')!.size, 1)
    assert.match(proxy.lines[0]!, /changed by others.*lacks/)
  })
  it('replaces at once what the kernel says that others have changed', async () => {
    await using proxy = start()
    proxy.sync()
    proxy.addService('web', '10.96.0.7')
    proxy.setEndpoints('web', '10.244.1.2')
    await proxy.clock.advance('1s')
    proxy.kernel()!.sets.get('vips')!.clear()
    proxy.tell('delete element ip k8ts-services vips { 10.96.0.7 . tcp . 80 }\n# new gene')
    proxy.tell('ration 8 by process 4711 (nft)\n')
    await proxy.clock.advance(50)
    assert.equal(proxy.kernel()!.sets.get('vips')!.size, 1)
    assert.equal(proxy.nft.applied.length, 2)
    assert.match(proxy.lines[0]!, /changed by others/)
    // Somebody who does not stop gets an answer twice a second.
    for (let i = 0; i < 20; i++) {
      proxy.tell('delete table ip k8ts-services\n# new generation 9\n')
      await proxy.clock.advance(50)
    }
    assert.ok(proxy.nft.applied.length <= 5, `${proxy.nft.applied.length}`)
  })
  it('does not take its own changes for those of others', async () => {
    await using proxy = start()
    proxy.sync()
    await proxy.clock.advance('1s')
    proxy.tell('add element ip k8ts-services generation { 0x00000001 }\n# new generation 8 by process 4711 (nft)\n')
    await proxy.clock.advance('1s')
    assert.equal(proxy.nft.applied.length, 1)
  })
  it('tells load balancers how many endpoints of a local service are here, on the port that it asks for', async () => {
    await using proxy = start()
    proxy.sync()
    proxy.addService('web', '10.96.0.7', 'TCP', {
      type: 'LoadBalancer',
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 32_000,
    })
    await proxy.clock.advance('1s')
    const none = await proxy.get(32_000, '/')
    assert.equal(none.status, 503)
    proxy.setEndpoints('web', '10.244.1.2', '10.244.1.3')
    await proxy.clock.advance('1s')
    assert.deepEqual(await proxy.get(32_000, '/any'), {
      status: 200,
      body: '{\n\t"service": {\n\t\t"namespace": "default",\n\t\t"name": "web"\n\t},\n\t"localEndpoints": 2,\n\t"serviceProxyHealthy": true\n}',
      headers: {
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'x-load-balancing-endpoint-weight': '2',
      },
    })
    proxy.addService('web', '10.96.0.7')
    await proxy.clock.advance('1s')
    assert.equal(proxy.ports.has(32_000), false)
  })
  it('says when a health check port is taken, and opens it when it is free', async () => {
    await using proxy = start()
    proxy.sync()
    const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 }
    proxy.ports.set(32_000, () => undefined)
    proxy.addService('web', '10.96.0.7', 'TCP', local)
    await proxy.clock.advance('1s')
    assert.match(proxy.lines[0]!, /Cannot open the health check port.*default\/web.*32000.*taken/)
    proxy.ports.delete(32_000)
    await proxy.clock.advance('1m')
    assert.equal((await proxy.get(32_000, '/')).status, 503)
  })
  it('answers health checks of services where node ports are open', async () => {
    const local = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', healthCheckNodePort: 32_000 }
    await using everywhere = start()
    everywhere.sync()
    everywhere.addService('web', '10.96.0.7', 'TCP', local)
    await everywhere.clock.advance('1s')
    assert.deepEqual([...everywhere.open].toSorted(), ['0.0.0.0 10256', '0.0.0.0 32000', '127.0.0.1 10249'])
    await using proxy = start(() => undefined, { nodePortAddresses: ['10.89.0.0/16'] })
    const checked = () => [...proxy.open].filter((place) => place.endsWith(' 32000'))
    proxy.setLinkAddresses('127.0.0.1', '10.89.0.11', '192.0.2.1')
    proxy.sync()
    proxy.addService('web', '10.96.0.7', 'TCP', local)
    await proxy.clock.advance('1s')
    assert.deepEqual(checked(), ['10.89.0.11 32000'])
    assert.equal((await proxy.get(32_000, '/')).status, 503)
    // Addresses of links change later.
    proxy.setLinkAddresses('10.89.0.12', '10.89.0.11', '192.0.2.1')
    await proxy.clock.advance('2m')
    assert.deepEqual(checked().toSorted(), ['10.89.0.11 32000', '10.89.0.12 32000'])
    proxy.addService('web', '10.96.0.7')
    await proxy.clock.advance('1s')
    assert.deepEqual(checked(), [])
  })
  it('answers on the ports of kube-proxy', async () => {
    await using proxy = start()
    proxy.sync()
    proxy.setNode({})
    await proxy.clock.advance('1s')
    assert.deepEqual((await proxy.get(10_249, '/proxyMode')).body, 'nftables')
    assert.equal((await proxy.get(10_249, '/healthz')).body, 'ok')
    assert.equal((await proxy.get(10_256, '/nothing')).status, 404)
    assert.deepEqual(await proxy.get(10_256, '/healthz'), {
      status: 200,
      body: '{"lastUpdated":"2026-01-01T00:00:01Z","currentTime":"2026-01-01T00:00:01Z","nodeEligible":true,"healthy":true,"status":{"IPv4":{"lastUpdated":"2026-01-01T00:00:00.005Z","healthy":true}}}',
      headers: { 'content-type': 'application/json', 'x-content-type-options': 'nosniff' },
    })
    proxy.setNode({ taints: [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }] })
    assert.equal((await proxy.get(10_256, '/healthz')).status, 503)
    assert.equal((await proxy.get(10_256, '/livez')).status, 200)
    const { body } = await proxy.get(10_249, '/metrics')
    assert.match(body, /kubeproxy_proxy_healthz_total\{code="200"\} 1/)
    assert.match(body, /kubeproxy_proxy_healthz_total\{code="503"\} 1/)
  })
  it('is not healthy while a change cannot be made for a minute', async () => {
    await using proxy = start()
    proxy.sync()
    proxy.setNode({})
    await proxy.clock.advance('1s')
    const apply = proxy.nft.apply
    proxy.nft.apply = () => Promise.reject(new Error('no memory'))
    proxy.addService('web', '10.96.0.7')
    await proxy.clock.advance('59s')
    assert.equal((await proxy.get(10_256, '/livez')).status, 200)
    await proxy.clock.advance('2s')
    const late = await proxy.get(10_256, '/livez')
    assert.equal(late.status, 503)
    assert.match(late.body, /"lastUpdated":"2026-01-01T00:00:00.005Z".*"healthy":false/)
    proxy.nft.apply = apply
    await proxy.clock.advance('1m')
    assert.equal((await proxy.get(10_256, '/livez')).status, 200)
  })
  it('measures how long endpoints take from what caused them to the kernel', async () => {
    await using proxy = start()
    proxy.sync()
    proxy.addService('web', '10.96.0.7')
    await proxy.clock.advance('1s')
    proxy.setEndpoints('web', '10.244.1.2')
    // No change of consequence is measured.
    await proxy.clock.advance('1s')
    proxy.setEndpoints('web', '10.244.1.2')
    await proxy.clock.advance('1s')
    assert.match(proxy.metrics.render(), /kubeproxy_network_programming_duration_seconds_count\{ip_family="IPv4"\} 1\n/)
  })
  it('counts services with a local policy that have endpoints elsewhere only', async () => {
    await using proxy = start()
    proxy.sync()
    proxy.addService('web', '10.96.0.7', 'TCP', { internalTrafficPolicy: 'Local' })
    proxy.setEndpoints('web')
    await proxy.clock.advance('1s')
    const figure = () =>
      /no_local_endpoints_total\{ip_family="IPv4",traffic_policy="internal"\} (\d+)/.exec(proxy.metrics.render())![1]
    assert.equal(figure(), '0')
    proxy.setRemoteEndpoint('web', '10.244.2.2')
    await proxy.clock.advance('1s')
    assert.equal(figure(), '1')
    proxy.setEndpoints('web', '10.244.1.2')
    await proxy.clock.advance('1s')
    assert.equal(figure(), '0')
  })
  it('tells of endpoints that no service may lead to, once', async () => {
    await using proxy = start()
    proxy.sync()
    proxy.addService('web', '10.96.0.7')
    proxy.setEndpoints('web', '127.0.0.1', '10.244.1.2')
    await proxy.clock.advance('1s')
    proxy.setEndpoints('web', '127.0.0.1', '10.244.1.3')
    await proxy.clock.advance('1s')
    assert.equal(proxy.lines.length, 1)
    assert.match(proxy.lines[0]!, /left out.*default\/web.*127\.0\.0\.1/)
  })
  it('serves also where the kernel cannot be made to forget flows', async () => {
    await using proxy = start(() => ({ code: 127, stderr: 'conntrack: not found' }))
    proxy.sync()
    proxy.addService('names', '10.96.0.10', 'UDP')
    proxy.setEndpoints('names', '10.244.1.2')
    await proxy.clock.advance('1s')
    assert.equal(proxy.isReady(), true)
    assert.equal(proxy.kernel()!.sets.get('vips')!.size, 1)
    assert.match(proxy.lines[0]!, /Cannot forget UDP flows.*not found/)
  })
  it('hides pods behind the node once it knows their addresses', async () => {
    await using proxy = start()
    proxy.sync()
    await proxy.clock.advance('1s')
    proxy.setNode({ podCIDR: '10.244.3.0/24', podCIDRs: ['10.244.3.0/24'] })
    await proxy.clock.advance('1s')
    assert.match(
      proxy.kernel()!.chains.get('postrouting')!.join(),
      /ip saddr 10\.244\.3\.0\/24 ip daddr != 10\.244\.0\.0\/16 masq/,
    )
  })
})

describe('ranges of services that are added', () => {
  it('are treated as the others are, while they are there', async () => {
    await using proxy = start()
    proxy.sync()
    await proxy.clock.advance('1s')
    const unserved = (): string => proxy.kernel()!.chains.get('unserved')!.join()
    proxy.setServiceRanges('10.112.0.0/24', '10.96.0.0/12', 'fd00:112::/112')
    await proxy.clock.advance('1s')
    assert.match(unserved(), /ip daddr 10\.96\.0\.0\/12 drop,ip daddr 10\.112\.0\.0\/24 drop$/)
    proxy.setServiceRanges('10.96.0.0/12')
    await proxy.clock.advance('1s')
    assert.match(unserved(), /ip daddr 10\.96\.0\.0\/12 drop$/)
  })
})

describe('node ports in some ranges', () => {
  const chainsWith = (...nodePortRanges: string[]) => {
    const chains = planFixedChains(4, { clusterPodRanges: [], nodePodRanges: [], serviceRanges: [], nodePortRanges })
    return ['services', 'outside', 'unserved_node'].map((name) =>
      chains.get(name)!.filter((rule) => /nodeports|hostports/.test(rule)),
    )
  }
  const local = 'fib daddr type local ip daddr != 127.0.0.0/8'
  const port = 'meta l4proto . th dport vmap'
  it('are open at addresses in them, and host ports at all', () =>
    assert.deepEqual(chainsWith('10.89.0.0/16', '192.0.2.1/32', 'fd00::/8'), [
      [`${local} ip daddr { 10.89.0.0/16, 192.0.2.1/32 } ${port} @nodeports`, `${local} ${port} @hostports`],
      [`${local} ip daddr { 10.89.0.0/16, 192.0.2.1/32 } ${port} @nodeports_outside`],
      [`${local} ip daddr { 10.89.0.0/16, 192.0.2.1/32 } ${port} @refused_nodeports`],
    ]))
  it('are open nowhere without a range of the family, everywhere with the widest', () => {
    assert.deepEqual(chainsWith('fd00::/8'), [[`${local} ${port} @hostports`], [], []])
    assert.deepEqual(chainsWith('0.0.0.0/0')[1], [`${local} ${port} @nodeports_outside`])
  })
})

describe('ServiceRoutes', () => {
  const links = [
    { ifname: 'lo', link_type: 'loopback', addr_info: [{ local: '127.0.0.1' }, { local: '10.96.0.10' }] },
    { ifname: 'cni0', linkinfo: { info_kind: 'bridge' }, addr_info: [{ local: '10.244.1.1' }] },
    { ifname: 'eth0', addr_info: [{ local: 'fe80::1' }, { local: '10.89.0.11' }] },
  ]
  const ipWith = (hasRoute: boolean, left: readonly Record<string, unknown>[] = []) => {
    const ip = fakeIp({ 'address show up': links, '-4 route show protocol 90': left })
    const show: typeof ip.show = async (words) => {
      const isLookup = words[0] === 'route'
      if (isLookup && !hasRoute)
        throw new CommandError(['ip'], 'Network is unreachable', { code: 2, stdout: '', stderr: '' })
      return isLookup ? [{ dst: words.at(-1) }] : ip.show.call(ip, words)
    }
    return { ...ip, show, commands: ip.commands }
  }
  it('adds a route where there is none', async () => {
    const ip = ipWith(false)
    await new ServiceRoutes(ip, [4]).sync(['10.96.0.0/12'])
    assert.deepEqual(ip.commands, ['route add 10.96.0.0/12 dev eth0 src 10.89.0.11 protocol 90'])
  })
  it('takes away what it has added when the range goes', async () => {
    const ip = ipWith(false)
    const routes = new ServiceRoutes(ip, [4])
    await routes.sync(['10.96.0.0/12', '10.112.0.0/24'])
    ip.commands.length = 0
    await routes.sync(['10.96.0.0/12'])
    assert.equal(ip.commands[0], 'route delete 10.112.0.0/24 dev eth0 src 10.89.0.11 protocol 90')
  })
  it('adds none where there is one', async () => {
    const ip = ipWith(true)
    const routes = new ServiceRoutes(ip, [4])
    await routes.sync(['10.96.0.0/12'])
    await routes.sync([])
    assert.deepEqual(ip.commands, [])
  })
  it('takes away what one before it has left and no range needs any more, and the rest once none does', async () => {
    const left = (dst: string) => ({ dst, dev: 'eth0', prefsrc: '10.89.0.11', scope: 'link' })
    const ip = ipWith(true, [left('10.96.0.0/12'), left('10.112.0.0/24'), left('10.113.0.7')])
    const routes = new ServiceRoutes(ip, [4])
    await routes.sync(['10.96.0.0/12'])
    assert.deepEqual(ip.commands, [
      'route delete 10.112.0.0/24 dev eth0 src 10.89.0.11 protocol 90',
      'route delete 10.113.0.7/32 dev eth0 src 10.89.0.11 protocol 90',
    ])
    await routes.sync(['10.96.0.0/12'])
    assert.equal(ip.commands.length, 2)
    await routes.sync([])
    assert.equal(ip.commands[2], 'route delete 10.96.0.0/12 dev eth0 src 10.89.0.11 protocol 90')
  })
  it('refuses what is no range', () =>
    assert.rejects(new ServiceRoutes(ipWith(true), [4]).sync(['10.96.0.0']), /"10\.96\.0\.0" is not an address range/))
})

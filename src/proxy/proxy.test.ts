import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Selection } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { fakeIp } from '#lib/host/netlink.ts'
import { CommandError, fakeProcesses } from '#lib/host/process.ts'
import { createLogger } from '#lib/log.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import { seededRandom } from '#lib/random.ts'

import { memoryNft } from './memoryNft.ts'
import { proxyComponent } from './proxy.ts'
import { ensureServiceRoutes } from './serviceRoute.ts'

/** A proxy whose informers are filled by hand, with time that stands still. */
function start(answer: Parameters<typeof fakeProcesses>[0] = () => undefined) {
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
  const lines: string[] = []
  const stop = new AbortController()
  const metrics = new MetricRegistry()
  let isReady = false
  const component = proxyComponent({
    nodeName: 'one',
    informers: { of } as unknown as Informers,
    host: { nft: () => nft, ip: () => fakeIp(), processes: fakeProcesses(answer), clock },
    clusterPodRanges: ['10.244.0.0/16'],
    serviceRanges: ['10.96.0.0/12'],
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
    isReady: () => isReady,
    kernel: () => nft.state.get('ip k8ts-services'),
    addService: (name: string, clusterIP: string, protocol = 'TCP') =>
      of(any(services)).change('ADDED', {
        metadata: metadata(name),
        spec: { clusterIP, ports: [{ port: 80, protocol }] },
      } as never),
    setEndpoints: (name: string, ...addresses: string[]) =>
      of(any(endpointSlices)).change('MODIFIED', {
        metadata: metadata(name),
        addressType: 'IPv4',
        ports: ['TCP', 'UDP'].map((protocol) => ({ name: '', port: 80, protocol })),
        endpoints: addresses.map((address) => ({ addresses: [address] })),
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
    },
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
    assert.match(proxy.metrics.render(), /kubeproxy_sync_proxy_rules_nftables_sync_failures_total 1/)
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

describe('ensureServiceRoutes', () => {
  const links = [
    { ifname: 'lo', addr_info: [{ local: '127.0.0.1' }] },
    { ifname: 'cni0', linkinfo: { info_kind: 'bridge' }, addr_info: [{ local: '10.244.1.1' }] },
    { ifname: 'eth0', addr_info: [{ local: 'fe80::1' }, { local: '10.89.0.11' }] },
  ]
  const ipWith = (hasRoute: boolean) => {
    const ip = fakeIp({ 'address show up': links })
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
    await ensureServiceRoutes(ip, ['10.96.0.0/12'])
    assert.deepEqual(ip.commands, ['route add 10.96.0.0/12 dev eth0 src 10.89.0.11'])
  })
  it('adds none where there is one', async () => {
    const ip = ipWith(true)
    await ensureServiceRoutes(ip, ['10.96.0.0/12'])
    assert.deepEqual(ip.commands, [])
  })
  it('refuses what is no range', () =>
    assert.rejects(ensureServiceRoutes(ipWith(true), ['10.96.0.0']), /"10\.96\.0\.0" is not an address range/))
})

/** Addresses of load balancers on a real link: two nodes, a client and a backend, each a network namespace. Needs root. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { after, before, describe, it } from 'node:test'

import { nodes, type Node } from '#api/core/v1/node.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import { endpointSlices, type EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Client, Selection } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { systemClock } from '#lib/clock.ts'
import { runComponents } from '#lib/component.ts'
import { systemHost } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'
import { createLogger } from '#lib/log.ts'
import { seededRandom } from '#lib/random.ts'
import { announcerComponent } from '#loadBalancer/announcer.ts'
import { rankNodes } from '#loadBalancer/elect.ts'
import { Neighbours } from '#loadBalancer/neighbours.ts'
import { parsePool, type Pool } from '#loadBalancer/pool.ts'
import { proxyComponent } from '#proxy/proxy.ts'
import { pods } from '#api/core/v1/pod.ts'
import { ensureProgram } from '../../tools/programs.ts'

const host = systemHost(systemClock)
const prefix = `k8ts-lb${process.pid}`
const file = (name: string): string => `/run/netns/${prefix}-${name}`
const reasonToSkip = process.getuid?.() === 0 ? false : 'needs root'

const vip = '10.89.251.200'
const vip6 = 'fd00:89:251::200'
const nodeNames = ['a', 'b']
const addressOf = (name: string): string =>
  ({ client: '10.89.251.1', a: '10.89.251.11', b: '10.89.251.12', backend: '10.89.251.50' })[name]!
const address6Of = (name: string): string => `fd00:89:251::${addressOf(name).split('.')[3]}`

/** Answers each connection with the address from which it came: that of the node that took it. */
const serverScript = `
  const server = require('net').createServer((s) => { s.on('error', () => {}); s.end(s.remoteAddress) })
  server.listen(8080, '::', () => console.log('listening'))
`
const clientScript = `
  let text = ''
  const socket = require('net').connect({ host: process.argv[1], port: 80, timeout: 2000 })
  socket.on('data', (part) => (text += part))
  socket.on('timeout', () => { socket.destroy(); text = 'TIMEOUT' })
  socket.on('error', (error) => (text = error.code))
  socket.on('close', () => console.log(text))
`

/** Informers of one node, with these objects. */
function informersWith(objects: ReadonlyMap<Resource, readonly KubeObject[]>): Informers {
  const made = new Map<string, WatchedInformer<KubeObject>>()
  const of = (resource: Resource, selection: Selection = {}) => {
    const key = `${resource.plural} ${selection.fieldSelector ?? ''}`
    let informer = made.get(key)
    if (informer === undefined) {
      const options = { client: {} as Client, clock: systemClock, random: seededRandom(1) }
      informer = new WatchedInformer({ ...options, resource, selection })
      const name = /^metadata.name=(.*)$/.exec(selection.fieldSelector ?? '')?.[1]
      const all = objects.get(resource) ?? []
      informer.replace(name === undefined ? all : all.filter(({ metadata }) => metadata.name === name), '1')
      made.set(key, informer)
    }
    return informer
  }
  return { of } as unknown as Informers
}

const metadata = (name: string) => ({ name, namespace: 'default', uid: name, resourceVersion: '1' })
const node = (name: string): Node =>
  ({
    metadata: { name, uid: name, resourceVersion: '1' },
    spec: { podCIDRs: [] },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: addressOf(name) }],
    },
  }) as unknown as Node
const web = {
  metadata: metadata('web'),
  spec: {
    type: 'LoadBalancer',
    clusterIPs: ['10.96.0.7', 'fd00:96::7'],
    ipFamilies: ['IPv4', 'IPv6'],
    ports: [{ port: 80, protocol: 'TCP' }],
  },
  status: { loadBalancer: { ingress: [vip, vip6].map((ip) => ({ ip, ipMode: 'VIP' })) } },
} as unknown as Service
const slice = (addressType: string, address: string): EndpointSlice =>
  ({
    metadata: { ...metadata(`web-${addressType}`), labels: { 'kubernetes.io/service-name': 'web' } },
    addressType,
    ports: [{ name: '', port: 8080, protocol: 'TCP' }],
    endpoints: [{ addresses: [address], conditions: {} }],
  }) as unknown as EndpointSlice

describe('addresses of load balancers', { skip: reasonToSkip }, () => {
  const children: ChildProcess[] = []
  const lost = new Set<string>()
  const problems: string[] = []
  const stops = new Map<string, AbortController>()
  const running: Promise<void>[] = []
  const [first, second] = rankNodes(vip, nodeNames) as [string, string]

  const enter = (place: string, ...command: string[]) =>
    runChecked(host.processes, ['nsenter', `--net=${file(place)}`, ...command], { timeoutMs: 20_000 })
  const connect = async (to: string): Promise<string> =>
    (await enter('client', process.execPath, '--eval', clientScript, to)).trim().replace('::ffff:', '')
  /** Waits for longer than a slow and busy machine needs. */
  const until = async (what: string, isDone: () => Promise<boolean>) => {
    const deadline = systemClock.now() + 90_000
    for (;;) {
      if (await isDone()) return
      if (systemClock.now() > deadline)
        throw new Error(`Waited in vain until ${what}; reported: ${problems.join('; ')}`)
      await systemClock.sleep(50)
    }
  }

  before(async () => {
    await ensureProgram('arping', 'iputils-arping', console.error)
    const places = ['switch', 'client', 'backend', ...nodeNames]
    for (const place of places) await runChecked(host.processes, ['ip', 'netns', 'add', `${prefix}-${place}`])
    await host
      .ip(file('switch'))
      .batch(['link add br0 type bridge forward_delay 0', 'link set br0 addrgenmode none up'])
    for (const place of places.slice(1)) {
      await host
        .ip(file(place))
        .batch([
          'link set lo up',
          `link add eth0 type veth peer name to-${place} netns ${prefix}-switch`,
          'link set eth0 addrgenmode eui64',
          `address add ${addressOf(place)}/24 dev eth0`,
          `address add ${address6Of(place)}/64 dev eth0 nodad`,
          'link set eth0 up',
          'route add unreachable default metric 4294967295',
          'route add fd00:96::/112 dev eth0',
        ])
      await host.ip(file('switch')).batch([`link set to-${place} addrgenmode none master br0 up`])
    }
    for (const place of nodeNames)
      await enter(place, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1')
    const remembering = ['ipv4', 'ipv6'].map((family) => `net.${family}.neigh.eth0.base_reachable_time_ms=3600000`)
    await enter('client', 'sysctl', '-qw', ...remembering)
    const argv = [`--net=${file('backend')}`, process.execPath, '--eval', serverScript]
    const server = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(server)
    await once(server.stdout, 'data')
    const objects = new Map<Resource, readonly KubeObject[]>([
      [services as unknown as Resource, [web as unknown as KubeObject]],
      [
        endpointSlices as unknown as Resource,
        [slice('IPv4', addressOf('backend')), slice('IPv6', address6Of('backend'))] as unknown as KubeObject[],
      ],
      [nodes as unknown as Resource, nodeNames.map(node) as unknown as KubeObject[]],
      [pods as unknown as Resource, []],
    ])
    const ready: Promise<void>[] = []
    for (const name of nodeNames) {
      const log = createLogger({
        clock: systemClock,
        sinks: [{ write: (line, entry) => entry.level !== 'info' && entry.level !== 'debug' && problems.push(line) }],
      })
      const informers = informersWith(objects)
      const stop = new AbortController()
      stops.set(name, stop)
      const isReady = Promise.withResolvers<void>()
      ready.push(isReady.promise)
      let waiting = 2
      const components = [
        proxyComponent({
          host,
          nodeName: name,
          informers,
          namespaceFile: file(name),
          clusterPodRanges: ['10.244.0.0/16', 'fd00:244::/56'],
          serviceRanges: ['10.96.0.0/16', 'fd00:96::/112'],
          log,
        }),
        announcerComponent({
          node: name,
          informers,
          clock: systemClock,
          pool: parsePool(`${vip},${vip6}`) as Pool,
          neighbours: new Neighbours({
            host,
            namespaceFile: file(name),
            nodeAddress: addressOf(name),
            blocksBeside: [],
            report: (problem, error) => problems.push(`${problem}: ${String(error)}`),
          }),
          probe: async ({ metadata: { name: other } }) => !lost.has(other),
          isElsewhere: () => false,
          log,
        }),
      ].map((component) => ({ ...component, needs: [] }))
      const note = (_: string, event: string): void => {
        if (event === 'ready' && --waiting === 0) isReady.resolve()
      }
      running.push(runComponents(components, stop.signal, note))
    }
    await Promise.race([Promise.all(ready), ...running])
  })

  after(async () => {
    for (const stop of stops.values()) stop.abort()
    await Promise.allSettled(running)
    for (const child of children) {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    for (const place of ['switch', 'client', 'backend', ...nodeNames])
      await host.processes.run(['ip', 'netns', 'delete', `${prefix}-${place}`])
  })

  it('are answered for by one node, and lead to the service', async () => {
    await until('the first node takes connections', async () => (await connect(vip)) === addressOf(first))
    const proxies = async (name: string) =>
      (await host.ip(file(name)).show(['-4', 'neigh', 'show', 'proxy'])).map(({ dst }) => dst)
    assert.deepEqual([await proxies(first), await proxies(second)], [[vip], []])
    const [first6] = rankNodes(vip6, nodeNames)
    await until('IPv6 as well', async () => (await connect(vip6)) === address6Of(first6!))
    assert.deepEqual(problems, [])
  })

  it('are no addresses of the node: nothing else is reached through them', async () => {
    const server = spawn(
      'nsenter',
      [`--net=${file(first)}`, process.execPath, '--eval', serverScript.replace('8080', '9090')],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    )
    children.push(server)
    await once(server.stdout, 'data')
    const script = clientScript.replace('port: 80', 'port: 9090')
    const answer = async (to: string) => (await enter('client', process.execPath, '--eval', script, to)).trim()
    await until('the node itself answers', async () => (await answer(addressOf(first))).endsWith('10.89.251.1'))
    assert.match(await answer(vip), /^(TIMEOUT|EHOSTUNREACH|ECONNREFUSED)$/)
  })

  it('come back when somebody takes the answer away', async () => {
    await host.ip(file(first)).batch([`neigh delete proxy ${vip} dev eth0`])
    await host.ip(file('client')).attempt([`neigh flush to ${vip} dev eth0`])
    await until('it is put right', async () => (await connect(vip)) === addressOf(first))
  })

  it('move when their node is lost', async () => {
    await until('the first node takes connections', async () => (await connect(vip)) === addressOf(first))
    await host.ip(file('switch')).batch([`link set to-${first} down`])
    lost.add(first)
    // The client still remembers the lost node, and for an hour: only the announcement tells it otherwise.
    await until('the other node takes connections', async () => (await connect(vip)) === addressOf(second))
    await until('IPv6 as well', async () => (await connect(vip6)) === address6Of(second))
  })

  it('leave nothing behind', async () => {
    stops.get(second)!.abort()
    await until('the link is gone', async () =>
      (await host.ip(file(second)).show(['link', 'show'])).every(({ ifname }) => ifname !== 'k8ts-lb'),
    )
    assert.deepEqual(await host.ip(file(second)).show(['-4', 'neigh', 'show', 'proxy']), [])
  })
})

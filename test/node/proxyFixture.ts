/**
 * What tests and measurements of the service proxy share: a node, two of its pods and a machine beside it, each a network
 * namespace with addresses of both families, and a proxy whose informers are filled by hand. Needs root and nft.
 */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { Node } from '#api/core/v1/node.ts'
import { nodes } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import { services } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { serviceCIDRs } from '#api/networking/v1/serviceCIDR.ts'
import type { ServiceCIDR } from '#api/networking/v1/serviceCIDR.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'
import { createLogger } from '#lib/log.ts'
import { readTable } from '#lib/host/nftTable.ts'
import { proxyComponent } from '#proxy/proxy.ts'
import type { ProxyOptions } from '#proxy/proxy.ts'
import { handFedInformers } from './handFedInformers.ts'

export const host = systemHost(systemClock)

/** Answers each connection or datagram with its own name and the address that it saw. */
const serverScript = `
  const [name, ...places] = process.argv.slice(1)
  let open = places.length
  const listening = () => { if (--open === 0) console.log('listening') }
  for (const place of places) {
    const [protocol, address, port] = place.split('/')
    if (protocol === 'tcp') require('net').createServer((s) => { s.on('error', () => {}); s.end(name + ' ' + s.remoteAddress) }).listen(+port, address, listening)
    else {
      const socket = require('dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4')
      socket.on('message', (_, from) => socket.send(name + ' ' + from.address, from.port, from.address))
      socket.bind(+port, address, listening)
    }
  }
`
/** Connects a number of times and prints each answer, or the error's code; what takes longer than its patience is a timeout. */
const clientScript = `
  const [protocol, address, port, count, localPort, patience] = process.argv.slice(1)
  const tcp = () => new Promise((done) => {
    let text = ''
    const socket = require('net').connect({ host: address, port: +port, timeout: +patience })
    socket.on('data', (part) => (text += part))
    socket.on('timeout', () => { done('TIMEOUT'); socket.destroy() })
    socket.on('error', (error) => done(error.code))
    socket.on('close', () => done(text))
  })
  const udp = (socket) => new Promise((done) => {
    const timer = setTimeout(() => done('TIMEOUT'), +patience)
    socket.once('message', (text) => { clearTimeout(timer); done(String(text)) })
    socket.send('x', +port, address)
  })
  const main = async () => {
    const socket = protocol === 'tcp' ? undefined : require('dgram').createSocket(address.includes(':') ? 'udp6' : 'udp4').bind(+localPort || 0)
    for (let i = 0; i < +count; i++) console.log(await (socket ? udp(socket) : tcp()))
    socket?.close()
  }
  main()
`

/**
 * Opens connections to an address one after the other until its input ends, and fifty more, so that each of a few endpoints is
 * met. Then it prints how many there were and what went wrong with others.
 */
const loadScript = `
  const [address, port] = process.argv.slice(1)
  const result = { connections: 0, failures: {}, answers: {} }
  let isOver = false
  process.stdin.on('end', () => (isOver = true)).resume()
  const connect = () => new Promise((done) => {
    let text = ''
    const socket = require('net').connect({ host: address, port: +port, timeout: 10_000 })
    const fail = (code) => { result.failures[code] = (result.failures[code] ?? 0) + 1; done() }
    socket.on('data', (part) => (text += part))
    socket.on('timeout', () => { fail('TIMEOUT'); socket.destroy() })
    socket.on('error', (error) => fail(error.code))
    socket.on('end', () => {
      const name = text.split(' ')[0]
      if (name === '') return fail('EMPTY')
      result.connections++
      result.answers[name] = (result.answers[name] ?? 0) + 1
      socket.destroy()
      done()
    })
  })
  const main = async () => {
    console.log('started')
    for (let more = 50; !isOver || more-- > 0; ) { await connect(); await new Promise((r) => setTimeout(r, 2)) }
    console.log(JSON.stringify(result))
  }
  main()
`

export interface LoadResult {
  readonly connections: number
  readonly failures: Readonly<Record<string, number>>
  /** How often each server answered. */
  readonly answers: Readonly<Record<string, number>>
}

let revision = 1
const metadata = (name: string) => ({
  name,
  namespace: 'default',
  uid: name,
  resourceVersion: String(revision++),
  labels: { 'kubernetes.io/service-name': name },
})
export const service = (name: string, spec: object, status: object = {}): Service =>
  ({ metadata: metadata(name), spec, status }) as unknown as Service
export const httpPort = { name: '', port: 8080, protocol: 'TCP' }
export const slice = (name: string, ports: object[], ...endpoints: string[]): EndpointSlice => {
  const addressType = endpoints[0]?.includes(':') ? 'IPv6' : 'IPv4'
  const made = metadata(name)
  return {
    metadata: { ...made, name: `${name}-${addressType.toLowerCase()}` },
    addressType,
    ports,
    endpoints: endpoints.map((address) => ({
      addresses: [address],
      nodeName: /^(?:10\.244\.1\.|fd00:244:0:1:)/.test(address) ? 'node' : 'other',
    })),
  } as unknown as EndpointSlice
}

/** Waits until something is so, for longer than a slow and busy machine needs unless told. */
export async function until(what: string, isSo: () => Promise<boolean>, milliseconds = 90_000): Promise<void> {
  const end = performance.now() + milliseconds
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`Waited in vain until ${what}`)
    await systemClock.sleep(10)
  }
}

export type Place = 'node' | 'pod1' | 'pod2' | 'other'
const places = ['node', 'pod1', 'pod2', 'other'] as const

export class ProxyNetwork implements AsyncDisposable {
  readonly #prefix: string
  readonly #children: ChildProcess[] = []

  private constructor(prefix: string) {
    this.#prefix = prefix
  }

  /** The pods are 10.244.1.2 and .3, the node 10.89.250.11, the machine beside it 10.89.250.1, which also has 10.244.2.2. */
  static async create(prefix: string): Promise<ProxyNetwork> {
    const network = new ProxyNetwork(prefix)
    try {
      await network.#build()
    } catch (error) {
      await network[Symbol.asyncDispose]()
      throw error
    }
    return network
  }

  file(place: Place): string {
    return `/run/netns/${this.#prefix}-${place}`
  }

  async ip(place: Place, ...commands: string[]): Promise<void> {
    await host.ip(this.file(place)).batch(commands)
  }

  enter(place: Place, ...command: string[]): Promise<string> {
    return runChecked(host.processes, ['nsenter', `--net=${this.file(place)}`, ...command], { timeoutMs: 60_000 })
  }

  /** Starts a program inside that ends with the network at the latest. */
  spawn(place: Place, ...command: string[]): ChildProcess {
    const argv = [`--net=${this.file(place)}`, ...command]
    const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#children.push(child)
    return child
  }

  /** Answers of so many connections, or datagrams from one port, to `tcp/10.96.0.1/80`; each is waited for so many milliseconds. */
  async connect(place: Place, to: string, count = 1, localPort = 0, patience = 20_000): Promise<string[]> {
    const [protocol, address, port] = to.split('/') as [string, string, string]
    const numbers = [count, localPort, patience].map(String)
    const script = ['--eval', clientScript, protocol, address, port, ...numbers]
    return (await this.enter(place, process.execPath, ...script)).trim().split('\n')
  }

  /** The answer to one connection, where none is to be: not waited for as long as others. */
  attempt(place: Place, to: string): Promise<string[]> {
    return this.connect(place, to, 1, 0, 1_000)
  }

  /** The different ones of so many answers. Endpoints are drawn by lot: by as many as usual each of three is met. */
  async distinct(place: Place, to: string, count = 72): Promise<string[]> {
    return [...new Set(await this.connect(place, to, count))].toSorted()
  }

  /** A server that tells its name and what address it saw, at places like `tcp/10.244.1.2/8080`. */
  async serve(place: Place, name: string, ...where: string[]): Promise<void> {
    await once(this.spawn(place, process.execPath, '--eval', serverScript, name, ...where).stdout!, 'data')
  }

  /** Connects all the time; the result is there once it is asked to end. */
  async load(place: Place, address: string, port: number): Promise<() => Promise<LoadResult>> {
    const child = this.spawn(place, process.execPath, '--eval', loadScript, address, String(port))
    let text = ''
    child.stdout!.setEncoding('utf8').on('data', (part: string) => (text += part))
    await once(child.stdout!, 'data')
    return async () => {
      child.stdin!.end()
      await once(child, 'close')
      return JSON.parse(text.trim().split('\n').at(-1)!) as LoadResult
    }
  }

  async listing(family: 'ip' | 'ip6' = 'ip') {
    return readTable((await host.nft(this.file('node')).describe({ family, name: 'k8ts-services' })) ?? '')
  }

  async generation(family: 'ip' | 'ip6' = 'ip'): Promise<number> {
    const only = { kind: 'set', name: 'generation' } as const
    const text = await host.nft(this.file('node')).describe({ family, name: 'k8ts-services', only })
    return Number(
      [
        ...(readTable(text ?? '')
          .elements.get('generation')
          ?.keys() ?? []),
      ][0] ?? 0,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill('SIGKILL')
    for (const place of places) await host.processes.run(['ip', 'netns', 'delete', `${this.#prefix}-${place}`])
  }

  async #build(): Promise<void> {
    for (const place of places) await runChecked(host.processes, ['ip', 'netns', 'add', `${this.#prefix}-${place}`])
    await this.ip(
      'node',
      'link set lo up',
      `link add eth0 type veth peer name eth0 netns ${this.#prefix}-other`,
      `link add pod1 type veth peer name eth0 netns ${this.#prefix}-pod1`,
      `link add pod2 type veth peer name eth0 netns ${this.#prefix}-pod2`,
      'link add cni0 type bridge forward_delay 0',
      'link set pod1 master cni0 up',
      'link set pod2 master cni0 up',
      'link set cni0 up',
      'link set eth0 up',
      'address add 10.244.1.1/24 dev cni0',
      'address add 10.89.250.11/24 dev eth0',
      'address add fd00:244:0:1::1/64 dev cni0 nodad',
      'address add fd00:89:250::11/64 dev eth0 nodad',
      'route add 10.244.2.0/24 via 10.89.250.1',
      'route add fd00:244:0:2::/64 via fd00:89:250::1',
      'route add unreachable default metric 4294967295',
      'route add unreachable ::/0 metric 4294967295',
    )
    for (const pod of ['pod1', 'pod2']) await this.enter('node', 'bridge', 'link', 'set', 'dev', pod, 'hairpin', 'on')
    await this.enter(
      'node',
      'sysctl',
      '-qw',
      'net.ipv4.ip_forward=1',
      'net.ipv6.conf.all.forwarding=1',
      'net.bridge.bridge-nf-call-iptables=1',
      'net.bridge.bridge-nf-call-ip6tables=1',
    )
    for (const [index, pod] of (['pod1', 'pod2'] as const).entries())
      await this.ip(
        pod,
        'link set lo up',
        'link set eth0 up',
        `address add 10.244.1.${index + 2}/24 dev eth0`,
        `address add fd00:244:0:1::${index + 2}/64 dev eth0 nodad`,
        'route add default via 10.244.1.1',
        'route add ::/0 via fd00:244:0:1::1',
      )
    await this.ip(
      'other',
      'link set lo up',
      'link set eth0 up',
      'address add 10.89.250.1/24 dev eth0',
      'address add fd00:89:250::1/64 dev eth0 nodad',
      'address add 10.244.2.2/32 dev lo',
      'address add fd00:244:0:2::2/128 dev lo',
      'route add 10.244.1.0/24 via 10.89.250.11',
      'route add fd00:244:0:1::/64 via fd00:89:250::11',
    )
  }
}

/** What a proxy starts with. */
export interface Initially {
  readonly services?: readonly Service[]
  readonly slices?: readonly EndpointSlice[]
  readonly node?: object
  readonly pods?: readonly object[]
}

/** A proxy of the network's node, ready, with what it has complained about. */
export class FedProxy implements AsyncDisposable {
  readonly problems: string[] = []
  readonly #informers = handFedInformers()
  readonly #stop = new AbortController()
  #running: Promise<void> = Promise.resolve()

  static async start(initially: Initially, options: Partial<ProxyOptions> = {}): Promise<FedProxy> {
    const proxy = new FedProxy()
    const { of } = proxy.#informers
    of(services).replace(initially.services ?? [], '1')
    of(endpointSlices).replace(initially.slices ?? [], '1')
    of(serviceCIDRs).replace([], '1')
    const node = { metadata: { name: 'node', uid: 'n' }, spec: { podCIDRs: ['10.244.1.0/24', 'fd00:244:0:1::/64'] } }
    of(nodes, { fieldSelector: 'metadata.name=node' }).replace([(initially.node ?? node) as Node], '1')
    of(pods, { fieldSelector: 'spec.nodeName=node' }).replace((initially.pods ?? []) as Pod[], '1')
    const component = proxyComponent({
      nodeName: 'node',
      informers: proxy.#informers.shared,
      host,
      clusterPodRanges: ['10.244.0.0/16', 'fd00:244::/48'],
      serviceRanges: ['10.96.0.0/12'],
      log: createLogger({
        clock: systemClock,
        sinks: [{ write: (line) => void proxy.problems.push(line) }],
        level: 'warn',
      }),
      ...options,
    })
    await new Promise<void>((ready, failed) => {
      proxy.#running = component.run(ready, proxy.#stop.signal)
      proxy.#running.catch(failed)
    })
    return proxy
  }

  set(...objects: (Service | EndpointSlice)[]): void {
    const { of } = this.#informers
    for (const object of objects)
      if ('addressType' in object) of(endpointSlices).change('MODIFIED', object)
      else of(services).change('MODIFIED', object)
  }

  delete(...objects: (Service | EndpointSlice)[]): void {
    const { of } = this.#informers
    for (const object of objects)
      if ('addressType' in object) of(endpointSlices).change('DELETED', object)
      else of(services).change('DELETED', object)
  }

  /** Whole blocks of addresses beside those that it has started with. */
  setServiceRanges(...ranges: string[]): void {
    const blocks = ranges.map((range) => ({ metadata: metadata(range), spec: { cidrs: [range] } }))
    this.#informers.of(serviceCIDRs).replace(blocks as unknown as ServiceCIDR[], String(revision++))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await this.#running
  }
}

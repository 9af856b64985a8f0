/** Three nodes as network namespaces: `a` and `c` share a link, `b` is behind a router; each has a pod. Needs root. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { nodes, type Node } from '#api/core/v1/node.ts'
import type { Client } from '#client/client.ts'
import { WatchedInformer } from '#client/informer.ts'
import type { Informers } from '#client/informers.ts'
import { untilAborted } from '#lib/async/abort.ts'
import { SimulatedClock, systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { runChecked } from '#lib/host/process.ts'
import { seededRandom } from '#lib/random.ts'
import { nodeNetworkComponent } from '#nodeNetwork/nodeNetwork.ts'
import { publicKeyAnnotation, usualTunnels, type Between } from '#nodeNetwork/settings.ts'
import type { WireguardPlace } from '#nodeNetwork/wireguardProcess.ts'

export const names = ['a', 'b', 'c'] as const
export type Name = (typeof names)[number]
const places = { a: { link: 1, index: 11 }, b: { link: 2, index: 12 }, c: { link: 1, index: 13 } } as const
export const addressOf = (name: Name): string => `10.89.${250 + places[name].link}.${places[name].index}`
const numberOf = (name: Name): number => names.indexOf(name)
export const rangesOf = (name: Name): string[] => [`10.244.${numberOf(name)}.0/24`, `fd00:244:0:${numberOf(name)}::/64`]
export const podOf = (name: Name): string => `10.244.${numberOf(name)}.2`
export const podOf6 = (name: Name): string => `fd00:244:0:${numberOf(name)}::2`

/** Takes all that comes and answers with how much it was. */
const serverScript = `
  require('net').createServer({ allowHalfOpen: true }, (socket) => {
    let bytes = 0
    socket.on('data', (part) => (bytes += part.length))
    socket.on('end', () => socket.end(String(bytes)))
    socket.on('error', () => {})
  }).listen(8080, '::', () => console.log('listening'))
`
/** Sends so many times the letter Z and prints the answer, or the error's code, or that nothing came for so long. */
const clientScript = `
  const [address, bytes, patience] = process.argv.slice(1)
  const socket = require('net').connect({ host: address, port: 8080, timeout: +patience })
  let text = ''
  socket.on('data', (part) => (text += part))
  socket.on('timeout', () => { text = 'TIMEOUT'; socket.destroy() })
  socket.on('error', (error) => { text = error.code })
  socket.on('close', () => console.log(text))
  socket.on('connect', () => socket.end(Buffer.alloc(+bytes, 'Z')))
`
/** Sends a byte for each that comes in, and says so; ends with the input and prints the answer, or the error's code. */
const holderScript = `
  const socket = require('net').connect({ host: process.argv[1], port: 8080, timeout: 240_000 })
  socket.on('timeout', () => { console.log('TIMEOUT'); socket.destroy() })
  socket.on('data', (part) => console.log('answer ' + part))
  socket.on('error', (error) => console.log(error.code))
  socket.on('connect', () => {
    console.log('connected')
    process.stdin.on('data', (bytes) => socket.write(bytes)).on('end', () => socket.end())
  })
`

export interface AgentOptions {
  /** Whether the pods of a node are ours to connect; all are unless told. */
  readonly uses?: (name: Name) => boolean
  /** The nodes on which an agent runs; all unless told. */
  readonly on?: readonly Name[]
}

/** What the tests of one file share; `prefix` begins the names of its network namespaces. */
export function nodeNetworkFixture(prefix: string) {
  const clock = new SimulatedClock()
  const host = { ...systemHost(systemClock), clock }
  const file = (name: string): string => `/run/netns/${prefix}-${name}`
  const folder = mkdtempSync(join(tmpdir(), prefix))
  const children: ChildProcess[] = []
  const enter = (place: string, ...command: string[]) =>
    runChecked(host.processes, ['nsenter', `--net=${file(place)}`, ...command], { timeoutMs: 60_000 })
  const ip = (place: string) => host.ip(file(place))
  const run = async (place: string, script: string, ...words: string[]) => {
    const argv = [`--net=${file(place)}`, process.execPath, '--eval', script, ...words]
    const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(child)
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    return { child, said: String(said).trim() }
  }

  /** What nodes have told the others, as the API server would keep it. */
  const keys = new Map<string, string>()
  let revision = 1
  const node = (name: Name, ranges = rangesOf(name), address = addressOf(name)): Node =>
    ({
      metadata: { name, uid: name, resourceVersion: String(revision++) },
      spec: { podCIDR: ranges[0], podCIDRs: ranges },
      status: { addresses: [{ type: 'InternalIP', address }] },
    }) as unknown as Node

  return {
    clock,
    host,
    keys,
    enter,
    ip,
    node,
    file,
    async send(from: string, to: string, bytes = 10, patience = 30_000): Promise<string> {
      return (await enter(from, process.execPath, '--eval', clientScript, to, String(bytes), String(patience))).trim()
    },
    /** The same of a little, where it is not to arrive: not waited for as long. */
    attempt(from: string, to: string): Promise<string> {
      return this.send(from, to, 10, 3_000)
    },
    /** A connection that stays: `end` sends one more byte and gives what the other side says that came. */
    async hold(from: string, to: string) {
      const { child, said } = await run(from, holderScript, to)
      if (said !== 'connected') throw new Error(`no connection from ${from} to ${to}: ${said}`)
      child.stdin.write('Z')
      return {
        async end(): Promise<string> {
          const answer = once(child.stdout, 'data', { signal: AbortSignal.timeout(90_000) })
          child.stdin.end('Z')
          return String(((await answer) as [Buffer])[0]).trim()
        },
      }
    },
    async routes(place: string, family: 4 | 6 = 4): Promise<string[]> {
      return (await ip(place).show([`-${family}`, 'route', 'show']))
        .filter(({ protocol }) => protocol === '89')
        .map(({ dst, gateway, dev }) => `${String(dst)} via ${String(gateway)} dev ${String(dev)}`)
        .toSorted()
    },
    async until(what: string, isDone: () => Promise<boolean> | boolean): Promise<void> {
      const deadline = systemClock.now() + 90_000
      for (let tries = 0; systemClock.now() < deadline; tries++) {
        // However long it takes, it is not yet time for another look at everything.
        if (tries < 200 || tries % 20 === 0) await clock.advance(25)
        if (await isDone()) return
        await systemClock.sleep(10)
      }
      throw new Error(`Waited in vain until ${what}`)
    },
    keyFile: (name: Name): string => join(folder, `${name}.key`),
    /** Where the process runs that does WireGuard for a node. */
    wireguardPlace: (name: Name): WireguardPlace => ({ host, namespaceFile: file(name), folder: join(folder, name) }),

    /** What runs on the nodes: all with one copy of the Node objects. */
    agents(between: Between, { uses = () => true, on = names }: AgentOptions = {}) {
      const stop = new AbortController()
      const mtus = new Map<Name, number>()
      const problems: string[] = []
      let told: readonly Node[] = []
      const informer = new WatchedInformer<Node>({
        client: {} as Client,
        clock,
        random: seededRandom(1),
        resource: nodes,
        selection: {},
      })
      const withKey = (each: Node): Node => {
        const key = keys.get(each.metadata.name)
        if (key === undefined) return each
        const annotations = { [publicKeyAnnotation]: key }
        return { ...each, metadata: { ...each.metadata, resourceVersion: String(revision++), annotations } }
      }
      const tell = (...all: Node[]): void => {
        told = all
        informer.replace(all.map(withKey), String(revision++))
      }
      const client = {
        async patch(_: unknown, { name }: { name: string }, { body }: { body: Pick<Node, 'metadata'> }) {
          keys.set(name, body.metadata.annotations![publicKeyAnnotation]!)
          tell(...told)
        },
      } as unknown as Client
      const running = on.map((name) =>
        nodeNetworkComponent({
          host,
          namespaceFile: file(name),
          node: name,
          client,
          informers: { of: () => informer } as unknown as Informers,
          between,
          tunnels: usualTunnels,
          keyFile: join(folder, `${name}.key`),
          wireguardFolder: join(folder, name),
          podNetwork: {
            async apply({ podMtu }) {
              mtus.set(name, podMtu)
              return uses(name)
            },
            changed: (signal) => untilAborted(signal),
          },
          report: (problem, error) =>
            void problems.push(`${name}: ${problem} ${error === undefined ? '' : String(error)}`),
        }).run(() => {}, stop.signal),
      )
      return {
        mtus,
        problems,
        tell,
        async [Symbol.asyncDispose]() {
          stop.abort()
          await Promise.all(running)
        },
      }
    },

    async make(): Promise<void> {
      const all = ['router', ...names, ...names.map((name) => `pod-${name}`)]
      for (const name of all) await runChecked(host.processes, ['ip', 'netns', 'add', `${prefix}-${name}`])
      for (const name of all) {
        await ip(name).batch(['link set lo up'])
        const forwards = name.startsWith('pod') ? [] : ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']
        if (forwards.length > 0) await enter(name, 'sysctl', '-qw', ...forwards)
      }
      await ip('router').batch(
        [1, 2].flatMap((link) => [
          `link add link${link} type bridge forward_delay 0`,
          `link set link${link} up`,
          `address add 10.89.${250 + link}.1/24 dev link${link}`,
        ]),
      )
      for (const name of names) {
        const { link } = places[name]
        await ip(name).batch([
          `link add eth0 type veth peer name n-${name} netns ${file('router')}`,
          `address add ${addressOf(name)}/24 dev eth0`,
          'link set eth0 up',
          `route add 10.89.${250 + (3 - link)}.0/24 via 10.89.${250 + link}.1`,
          `link add pods type veth peer name eth0 netns ${file(`pod-${name}`)}`,
          'link set pods up',
          ...rangesOf(name).map(
            (range) =>
              `address add ${range.replace(/0?\/(24|64)$/, '1/$1')} dev pods${range.includes(':') ? ' nodad' : ''}`,
          ),
        ])
        await ip('router').batch([`link set n-${name} master link${link} up`])
        await ip(`pod-${name}`).batch([
          'link set eth0 up',
          `address add ${podOf(name)}/24 dev eth0`,
          `address add ${podOf6(name)}/64 dev eth0 nodad`,
          `route add default via ${podOf(name).replace(/2$/, '1')}`,
          `route add ::/0 via ${podOf6(name).replace(/2$/, '1')}`,
        ])
        await run(`pod-${name}`, serverScript)
      }
    },
    async remove(): Promise<void> {
      for (const child of children) child.kill('SIGKILL')
      for (const name of ['router', ...names, ...names.map((each) => `pod-${each}`)])
        await host.processes.run(['ip', 'netns', 'delete', `${prefix}-${name}`])
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

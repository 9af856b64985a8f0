/**
 * Two nodes with pods, and a machine beside them, each a network namespace of its own, and the policies' real planner and real
 * kernel tables on both nodes, fed by hand. In each pod runs one process that serves and, when asked, connects.
 */
import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'

import { pods as podResource, type Pod } from '#api/core/v1/pod.ts'
import { systemClock } from '#lib/clock.ts'
import { systemHost } from '#lib/host/host.ts'
import { readTable } from '#lib/host/nftTable.ts'
import { runChecked } from '#lib/host/process.ts'
import { createLogger } from '#lib/log.ts'
import { networkPolicyComponent } from '#networkPolicy/networkPolicy.ts'
import { handFedInformers } from './handFedInformers.ts'

export const host = systemHost(systemClock)

/** Serves `tcp/80` and the like on all addresses; answers with the address that it saw. Reads what to try, line by line. */
const agentScript = `
  const net = require('net'), dgram = require('dgram')
  const places = process.argv.slice(1)
  let open = places.length
  const listening = () => { if (--open === 0) console.log('listening') }
  for (const place of places) {
    const [transport, port] = place.split('/')
    if (transport === 'tcp') net.createServer((s) => {
      s.on('error', () => {})
      s.write(s.remoteAddress.replace('::ffff:', '') + '\\n')
      s.on('data', (text) => s.write(text))
    }).listen(+port, '::', listening)
    else {
      const socket = dgram.createSocket('udp6')
      socket.on('message', (_, from) => socket.send(from.address.replace('::ffff:', ''), from.port, from.address))
      socket.bind(+port, '::', listening)
    }
  }
  const held = new Map()
  const tcp = ({ id, address, port, patience, hold }) => new Promise((done) => {
    const socket = net.connect({ host: address, port })
    const timer = setTimeout(() => { done('TIMEOUT'); socket.destroy() }, patience)
    socket.once('data', (text) => {
      clearTimeout(timer)
      done(String(text).trim())
      if (hold) held.set(hold, socket)
      else socket.destroy()
    })
    socket.on('error', (error) => { clearTimeout(timer); done(error.code) })
  })
  const again = ({ held: name, patience }) => new Promise((done) => {
    const socket = held.get(name)
    const timer = setTimeout(() => done('TIMEOUT'), patience)
    socket.once('data', (text) => { clearTimeout(timer); done(String(text)) })
    socket.write('still there')
  })
  const udp = ({ address, port, patience }) => new Promise((done) => {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4')
    const send = () => socket.send('x', port, address)
    const finish = (result) => { clearTimeout(timer); clearInterval(repeat); socket.close(); done(result) }
    const timer = setTimeout(() => finish('TIMEOUT'), patience)
    const repeat = setInterval(send, 200)
    socket.on('error', (error) => finish(error.code))
    socket.once('message', (text) => finish(String(text)))
    send()
  })
  const ask = (address, port) => new Promise((done) => {
    const socket = net.connect({ host: address, port })
    const finish = (answered) => { clearTimeout(timer); socket.destroy(); done(answered) }
    const timer = setTimeout(() => finish(false), 100)
    socket.on('connect', () => finish(true))
    socket.on('error', () => finish(true))
  })
  const watch = async ({ address, port, watchMs, everyMs }) => {
    const asked = []
    const end = process.hrtime.bigint() + BigInt(watchMs) * 1000000n
    while (process.hrtime.bigint() < end) {
      const at = String(process.hrtime.bigint())
      asked.push(ask(address, port).then((answered) => [at, answered]))
      await new Promise((next) => setTimeout(next, everyMs))
    }
    return Promise.all(asked)
  }
  require('readline').createInterface({ input: process.stdin }).on('line', async (line) => {
    const task = JSON.parse(line)
    const result = await (task.watchMs ? watch(task) : task.held ? again(task) : task.transport === 'tcp' ? tcp(task) : udp(task))
    console.log(JSON.stringify({ id: task.id, result }))
  }).on('close', () => process.exit())
`

export interface Attempt {
  readonly from: string
  readonly to: string
  /** `tcp` or `udp`. */
  readonly transport: string
  readonly port: number
  /** How long a connection is waited for; short where none is expected. */
  readonly patience: number
  /** Keeps the connection under this name. */
  readonly hold?: string
}

class Agent {
  readonly #child: ChildProcessByStdio<Writable, Readable, null>
  readonly #waiting = new Map<number, (result: string) => void>()
  #last = 0

  private constructor(child: ChildProcessByStdio<Writable, Readable, null>) {
    this.#child = child
  }

  static async start(namespaceFile: string, serves: readonly string[]): Promise<Agent> {
    const argv = [`--net=${namespaceFile}`, process.execPath, '--eval', agentScript, ...serves]
    const child = spawn('nsenter', argv, { stdio: ['pipe', 'pipe', 'inherit'] })
    const agent = new Agent(child)
    const lines = createInterface({ input: child.stdout })
    await once(lines, 'line')
    lines.on('line', (line) => {
      const { id, result } = JSON.parse(line) as { id: number; result: string }
      agent.#waiting.get(id)?.(result)
      agent.#waiting.delete(id)
    })
    return agent
  }

  ask(task: object): Promise<string> {
    const id = ++this.#last
    return new Promise((done) => {
      this.#waiting.set(id, done)
      this.#child.stdin.write(`${JSON.stringify({ ...task, id })}\n`)
    })
  }

  async stop(): Promise<void> {
    this.#child.stdin.end()
    if (this.#child.exitCode === null) await once(this.#child, 'exit')
  }
}

/** A pod of the fixture: `10.244.NODE.NUMBER` and `fd00:10:244:NODE::NUMBER`. */
export interface PlacedPod {
  readonly node: 1 | 2
  readonly number: number
}

export const addressOf = ({ node, number }: PlacedPod): string => `10.244.${node}.${number}`
export const address6Of = ({ node, number }: PlacedPod): string => `fd00:10:244:${node}::${number}`
export const outsideAddress = '10.89.252.9'
export const outsideAddress6 = 'fd00:10:89::9'
export const nodeAddress = (node: 1 | 2): string => `10.89.252.${node}`
const nodeAddress6 = (node: 1 | 2): string => `fd00:10:89::${node}`

export type PolicyFixture = Awaited<ReturnType<typeof policyFixture>>

/** Makes the namespaces and starts what runs in them. `outside` is the machine that is no node, `node1` and `node2` the nodes. */
export async function policyFixture(pods: Readonly<Record<string, PlacedPod>>, serves: readonly string[]) {
  const prefix = `k8ts-np${process.pid}`
  const file = (place: string): string => `/run/netns/${prefix}-${place}`
  const short = (pod: string): string => pod.replaceAll(/[^a-z0-9]/g, '')
  const places = ['wire', 'node1', 'node2', 'outside', ...Object.keys(pods).map(short)]
  const ip = (place: string, ...commands: string[]) => host.ip(file(place)).batch(commands)
  const enter = (place: string, ...command: string[]) =>
    runChecked(host.processes, ['nsenter', `--net=${file(place)}`, ...command], { timeoutMs: 20_000 })
  const informers = handFedInformers()
  const problems: string[] = []
  const agents = new Map<string, Agent>()
  const running = new Map<1 | 2, { stop: AbortController; ended: Promise<void> }>()

  for (const place of places) await runChecked(host.processes, ['ip', 'netns', 'add', `${prefix}-${place}`])
  await ip('wire', 'link add br0 type bridge forward_delay 0', 'link set br0 up')
  for (const place of ['node1', 'node2', 'outside'])
    await ip(
      'wire',
      `link add ${place} type veth peer name eth0 netns ${prefix}-${place}`,
      `link set ${place} master br0 up`,
    )
  for (const node of [1, 2] as const) {
    const other = node === 1 ? 2 : 1
    const place = `node${node}`
    const sysctls = ['net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1', 'net.ipv6.conf.default.accept_dad=0']
    await enter(place, 'sysctl', '-qw', ...sysctls)
    await ip(
      place,
      'link set lo up',
      'link set eth0 up',
      'link add cni0 type bridge forward_delay 0',
      'link set cni0 up',
      `address add ${nodeAddress(node)}/24 dev eth0`,
      `address add ${nodeAddress6(node)}/64 dev eth0 nodad`,
      `address add 10.244.${node}.1/24 dev cni0`,
      `address add fd00:10:244:${node}::1/64 dev cni0 nodad`,
      `route add 10.244.${other}.0/24 via ${nodeAddress(other)}`,
      `route add fd00:10:244:${other}::/64 via ${nodeAddress6(other)}`,
    )
    await enter(place, 'sysctl', '-qw', 'net.bridge.bridge-nf-call-iptables=1', 'net.bridge.bridge-nf-call-ip6tables=1')
  }
  await ip(
    'outside',
    'link set lo up',
    'link set eth0 up',
    `address add ${outsideAddress}/24 dev eth0`,
    `address add ${outsideAddress6}/64 dev eth0 nodad`,
    ...([1, 2] as const).flatMap((node) => [
      `route add 10.244.${node}.0/24 via ${nodeAddress(node)}`,
      `route add fd00:10:244:${node}::/64 via ${nodeAddress6(node)}`,
    ]),
  )
  for (const [name, pod] of Object.entries(pods)) {
    const link = short(name)
    await ip(
      `node${pod.node}`,
      `link add ${link} type veth peer name eth0 netns ${prefix}-${link}`,
      `link set ${link} master cni0 up`,
      `link set dev ${link} type bridge_slave hairpin on`,
    )
    await ip(
      link,
      'link set lo up',
      'link set eth0 up',
      `address add ${addressOf(pod)}/24 dev eth0`,
      `address add ${address6Of(pod)}/64 dev eth0 nodad`,
      `route add default via 10.244.${pod.node}.1`,
      `route add default via fd00:10:244:${pod.node}::1`,
    )
  }
  const everybody = [...Object.keys(pods), 'outside', 'node1', 'node2']
  await Promise.all(everybody.map(async (name) => agents.set(name, await Agent.start(file(short(name)), serves))))

  /** The pods of one node are those out of all, as an API server selects them. */
  const selected = new Set<1 | 2>()
  const selectPods = (node: 1 | 2): void => {
    if (selected.has(node)) return
    selected.add(node)
    const [all, own] = [
      informers.of(podResource),
      informers.of(podResource, { fieldSelector: `spec.nodeName=node${node}` }),
    ]
    const isOwn = ({ spec }: Pod): boolean => spec.nodeName === `node${node}`
    own.replace(all.list({ matches: isOwn }), '1')
    all.onChange(({ old, new: next }) => {
      if (next !== undefined && isOwn(next)) own.change('MODIFIED', next)
      else if (old !== undefined && isOwn(old)) own.change('DELETED', old)
    })
  }
  const write = (line: string): void => void problems.push(line)
  const generation = async (node: 1 | 2): Promise<number> => {
    const text = await host.nft(file(`node${node}`)).describe({ family: 'ip', name: 'k8ts-policies' })
    const found = text === undefined ? undefined : readTable(text).elements.get('generation')
    return Number([...(found?.keys() ?? [])][0] ?? 0)
  }
  /** Waits for what a test wants to see, for as long as a slow machine may take. */
  const until = async (what: string, isSo: () => Promise<boolean>): Promise<void> => {
    for (const end = systemClock.now() + 90_000; systemClock.now() < end;) {
      if (await isSo()) return
      await systemClock.sleep(10)
    }
    throw new Error(`Waited in vain until ${what}: ${problems.slice(-3).join(' ')}`)
  }

  return {
    informers,
    problems,
    file,
    enter,
    until,
    generation,
    /** Starts the policies of a node; resolves once it has its first tables. */
    async start(node: 1 | 2): Promise<void> {
      const stop = new AbortController()
      selectPods(node)
      const component = networkPolicyComponent({
        nodeName: `node${node}`,
        informers: informers.shared,
        host,
        namespaceFile: file(`node${node}`),
        log: createLogger({ clock: systemClock, sinks: [{ write }], level: 'warn' }),
      })
      await new Promise<void>((ready, failed) => {
        const ended = component.run(ready, stop.signal)
        ended.catch(failed)
        running.set(node, { stop, ended })
      })
    },
    async stop(node: 1 | 2): Promise<void> {
      running.get(node)?.stop.abort()
      await running.get(node)?.ended
      running.delete(node)
    },
    /** Does something that changes the tables of some nodes, and waits until they have it. */
    async change(on: readonly (1 | 2)[], act: () => void): Promise<void> {
      const before = await Promise.all(on.map(generation))
      act()
      for (const [at, node] of on.entries())
        await until(`node${node} has the change`, async () => (await generation(node)) > before[at]!)
    },
    /** The address that the other end saw, or what became of the attempt. */
    connect({ from, to, ...attempt }: Attempt): Promise<string> {
      return agents.get(from)!.ask({ ...attempt, address: to })
    },
    /** Says something on a connection that was held. */
    sayOn(from: string, held: string, patience: number): Promise<string> {
      return agents.get(from)!.ask({ held, patience })
    },
    /** Begins a connection every so often for a time, and says when (`process.hrtime`) and whether there was an answer. */
    async watch(
      from: string,
      to: string,
      port: number,
      { watchMs, everyMs }: { readonly watchMs: number; readonly everyMs: number },
    ): Promise<readonly (readonly [bigint, boolean])[]> {
      const asked = (await agents.get(from)!.ask({ address: to, port, watchMs, everyMs })) as unknown as [
        string,
        boolean,
      ][]
      return asked.map(([at, answered]) => [BigInt(at), answered] as const)
    },
    async remove(): Promise<void> {
      for (const node of [1, 2] as const) await this.stop(node)
      await Promise.all([...agents.values()].map((agent) => agent.stop()))
      for (const place of places) await host.processes.run(['ip', 'netns', 'delete', `${prefix}-${place}`])
    },
  }
}

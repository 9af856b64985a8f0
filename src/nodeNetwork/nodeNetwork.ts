/** Keeps the network between this node's pods and those of all other nodes as the plan says, whatever changes. */
import { nodes, type Node } from '#api/core/v1/node.ts'
import type { Client } from '#client/client.ts'
import type { Informers } from '#client/informers.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { Component } from '#lib/component.ts'
import type { Host } from '#lib/host/host.ts'
import type { ProcessIdentity } from '#lib/host/process.ts'
import { isLinkLocal, parseIp } from '#lib/net/ip.ts'

import { addressesOf, planHostRoutes, planNodeNetwork, podRangesOf } from './plan.ts'
import type { NodeNetworkPlan, Uplink } from './plan.ts'
import { applyRoutes } from './routes.ts'
import { publicKeyAnnotation } from './settings.ts'
import type { Between, TunnelSettings } from './settings.ts'
import { applyVxlan } from './vxlan.ts'
import { applyWireguard, ensureWireguardKey } from './wireguard.ts'
import { untilWireguardEnds, wireguardProgram } from './wireguardProcess.ts'

/** The links of the node's own pods. */
export interface OwnPodNetwork {
  /** Gives pods links in these ranges from now on; says whether any are, or will be, of ours: else nothing leads to others. */
  apply(plan: Pick<NodeNetworkPlan, 'podRanges' | 'podMtu'>, signal: AbortSignal): Promise<boolean>
  /** Resolves when `apply` has something to do again. */
  changed(signal: AbortSignal): Promise<void>
}

export interface NodeNetworkOptions {
  readonly host: Pick<Host, 'ip' | 'processes' | 'files' | 'clock'>
  /** The network namespace of the node; our own when absent. */
  readonly namespaceFile?: string
  readonly node: string
  /** Speaks as the node; needed to tell the others its WireGuard key. */
  readonly client: Client
  readonly informers: Informers
  readonly between: Between
  readonly tunnels: TunnelSettings
  /** Where the node's WireGuard key is kept. */
  readonly keyFile: string
  /** For the process that does WireGuard where the kernel does not; nothing else is in this folder. */
  readonly wireguardFolder: string
  /** The machine on which the nodes are places also learns how pods are reached; one node of a cluster tells it. */
  readonly machine?: { readonly namespaceFile?: string; readonly device: string; readonly metric: number }
  readonly podNetwork: OwnPodNetwork
  readonly report: (problem: string, error?: unknown) => void
}

/** Changes come in bursts when a cluster starts. */
const gatherFor = 20
const retryAfter = 2_000
/** A process that ends again within this time is not started again at once. */
const endsOftenWithin = 10_000
/** What others did to routes and links is looked for and put right this often. */
const verifyEvery = 30_000
/** Below the routes that the node was made with and above those of links. */
const metricBetweenNodes = 512

export function nodeNetworkComponent(options: NodeNetworkOptions): Component {
  return {
    name: 'node-network',
    needs: ['informers'],
    async run(ready, signal) {
      const {
        informers,
        report,
        host: { clock },
      } = options
      const informer = informers.of(nodes)
      await informer.synced(signal)
      let changed = Promise.withResolvers<void>()
      using _watch = informer.onChange(({ old, new: node }) => {
        if (old === undefined || node === undefined || waysOf(old) !== waysOf(node)) changed.resolve()
      })
      const stop = (): void => changed.resolve()
      signal.addEventListener('abort', stop, { once: true })
      ready()
      let told = ''
      const tell = (problems: readonly string[]): void => {
        const text = problems.join('; ')
        if (text !== told && text !== '') report(`Pods of some nodes cannot be reached: ${text}`)
        told = text
      }
      let endedAt: number | undefined
      while (!signal.aborted) {
        changed = Promise.withResolvers<void>()
        let running: ProcessIdentity | undefined
        try {
          const applied = await applyAll(options, informer.list(), signal)
          tell(applied.problems)
          running = applied.running
        } catch (error) {
          if (signal.aborted) return
          report('Cannot set up the network between nodes', error)
          await clock.sleep(retryAfter, signal).catch(() => {})
          continue
        }
        using _timer = clock.after(verifyEvery, () => changed.resolve())
        const watching = new AbortController()
        const watched = options.podNetwork.changed(watching.signal).catch((error) => {
          if (!watching.signal.aborted) report('Cannot look at the configuration of the network of pods', error)
        })
        const ended = running === undefined ? [] : [untilWireguardEnds(options.host, running, watching.signal)]
        await Promise.race([changed.promise, watched, ...ended])
        watching.abort()
        await Promise.allSettled(ended)
        let pause = gatherFor
        if (running !== undefined && !signal.aborted && !options.host.processes.isAlive(running)) {
          report(`${wireguardProgram} (process ${running.pid}) has ended and is started again`)
          if (endedAt !== undefined && clock.now() - endedAt < endsOftenWithin) pause = retryAfter
          endedAt = clock.now()
        }
        await clock.sleep(pause, signal).catch(() => {})
      }
    },
  }
}

/** What of a node the plan depends on. */
function waysOf(node: Node): string {
  return JSON.stringify([podRangesOf(node), addressesOf(node), node.metadata.annotations?.[publicKeyAnnotation]])
}

interface Applied {
  /** What is wrong with some nodes. */
  readonly problems: readonly string[]
  /** The process that does WireGuard; absent where there is none. */
  readonly running?: ProcessIdentity | undefined
}

/** Applies what follows from these nodes. */
async function applyAll(options: NodeNetworkOptions, all: readonly Node[], signal: AbortSignal): Promise<Applied> {
  const { host, namespaceFile, node, between, tunnels, keyFile, wireguardFolder: folder, machine } = options
  const ip = host.ip(namespaceFile)
  const own = all.find(({ metadata }) => metadata.name === node)
  const families = familiesIn(all)
  if (machine !== undefined) {
    const there = host.ip(machine.namespaceFile)
    await applyRoutes(there, planHostRoutes(all, machine.device), machine.metric, families, signal)
  }
  if (own === undefined) return { problems: [] }
  if (between === 'wireguard') await tellKey(options, own, signal)
  const uplink = await findUplink(host, namespaceFile, addressesOf(own), signal)
  if (uplink === undefined) {
    throw new Error(`no link of this node has one of its addresses (${addressesOf(own).join(', ') || 'it has none'})`)
  }
  const full = planNodeNetwork({ node, nodes: all, uplink, between, tunnels })
  const isOurs = full.podRanges.length > 0 && (await options.podNetwork.apply(full, signal))
  // Whoever else connects the pods also leads to those of the other nodes.
  const plan = isOurs ? full : withoutWays(full)
  await applyVxlan(ip, plan.vxlan, signal)
  const running =
    between === 'wireguard'
      ? await applyWireguard({ host, namespaceFile, keyFile, folder }, plan.wireguard, signal)
      : undefined
  await applyRoutes(ip, plan.routes, metricBetweenNodes, families, signal)
  return { problems: plan.problems, running }
}

const withoutWays = ({ podRanges, podMtu }: NodeNetworkPlan): NodeNetworkPlan => ({
  podRanges,
  podMtu,
  routes: [],
  problems: [],
})

/** IPv4 always, so that what is left of it is found; a kernel may have no IPv6. */
function familiesIn(all: readonly Node[]): readonly (4 | 6)[] {
  return all.some((node) => podRangesOf(node).some((range) => range.includes(':'))) ? [4, 6] : [4]
}

/** The link that has the node's addresses. */
async function findUplink(
  host: Pick<Host, 'ip'>,
  namespaceFile: string | undefined,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<Uplink | undefined> {
  for (const link of await host.ip(namespaceFile).show(['address', 'show', 'up'], signal)) {
    const own = (link.addr_info ?? []) as { local: string; prefixlen: number }[]
    if (!own.some(({ local }) => addresses.includes(local))) continue
    return {
      device: String(link.ifname),
      mtu: Number(link.mtu),
      addresses: own
        .filter(({ local }) => !isLinkLocal(parseIp(local)!))
        .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
    }
  }
  return undefined
}

async function tellKey({ host, client, keyFile }: NodeNetworkOptions, own: Node, signal: AbortSignal): Promise<void> {
  const key = await ensureWireguardKey(host.files, keyFile)
  if (own.metadata.annotations?.[publicKeyAnnotation] === key.public) return
  const body = { metadata: { annotations: { [publicKeyAnnotation]: key.public } } }
  await unlessGone(client.patch(nodes, { name: own.metadata.name }, { type: 'merge', body }, { signal }))
}

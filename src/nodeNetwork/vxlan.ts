/**
 * VXLAN without learning: every peer is told to the kernel, as forwarding entry (which node a link address is at) and as
 * permanent neighbour (which link address the peer's end has), so that nothing is ever flooded.
 */
import type { Ip } from '#lib/host/netlink.ts'

import type { VxlanPlan } from './plan.ts'
import { vxlanDevice } from './settings.ts'

type Answer = Readonly<Record<string, unknown>>

/** What the kernel has of it. */
export interface VxlanState {
  /** Absent when there is no such link. */
  readonly link?: Answer
  readonly addresses: readonly string[]
  readonly forwarding: readonly Answer[]
  readonly neighbours: readonly Answer[]
}

export interface VxlanCommands {
  readonly ip: readonly string[]
  readonly bridge: readonly string[]
}

const isSame = ({ link, addresses }: VxlanState, plan: VxlanPlan): boolean => {
  const data = (link?.linkinfo as { info_data?: Answer } | undefined)?.info_data
  return (
    link !== undefined &&
    data !== undefined &&
    data['id'] === plan.id &&
    data['port'] === plan.port &&
    (data['local'] ?? data['local6']) === plan.local &&
    data['link'] === plan.device &&
    link.address === plan.link &&
    plan.addresses.every((address) => addresses.includes(address)) &&
    addresses.every((address) => plan.addresses.includes(address))
  )
}

/** Which commands lead from what there is to the plan; without a plan the link goes, and all that hangs on it. */
export function planVxlan(state: VxlanState, plan: VxlanPlan | undefined): VxlanCommands {
  if (plan === undefined) return { ip: state.link === undefined ? [] : [`link delete ${vxlanDevice}`], bridge: [] }
  const keeps = isSame(state, plan)
  const ip: string[] = []
  if (!keeps) {
    if (state.link !== undefined) ip.push(`link delete ${vxlanDevice}`)
    ip.push(
      `link add ${vxlanDevice} address ${plan.link} mtu ${plan.mtu} type vxlan id ${plan.id} dstport ${plan.port} local ${plan.local} dev ${plan.device} nolearning`,
      // First, or the kernel makes an address of its own as soon as the link is up.
      `link set ${vxlanDevice} addrgenmode none`,
      `link set ${vxlanDevice} up`,
      ...plan.addresses.map(
        (address) => `address add ${address} dev ${vxlanDevice}${address.includes(':') ? ' nodad' : ''}`,
      ),
    )
  } else {
    if (state.link!.mtu !== plan.mtu) ip.push(`link set ${vxlanDevice} mtu ${plan.mtu}`)
    if (!(state.link!.flags as readonly string[]).includes('UP')) ip.push(`link set ${vxlanDevice} up`)
  }

  const neighbours = new Map(
    keeps ? state.neighbours.map(({ dst, lladdr }) => [String(dst), String(lladdr)] as const) : [],
  )
  const wanted = new Map(
    plan.peers.flatMap(({ gateways, link }) => gateways.map((gateway) => [gateway, link] as const)),
  )
  for (const gateway of neighbours.keys())
    if (!wanted.has(gateway)) ip.push(`neigh delete ${gateway} dev ${vxlanDevice}`)
  for (const [gateway, link] of wanted)
    if (neighbours.get(gateway) !== link)
      ip.push(`neigh replace ${gateway} lladdr ${link} dev ${vxlanDevice} nud permanent`)

  const forwarding = keeps ? state.forwarding.filter(({ dst }) => dst !== undefined) : []
  const key = (link: unknown, endpoint: unknown): string => `${String(link)} dev ${vxlanDevice} dst ${String(endpoint)}`
  const ends = new Set(plan.peers.map(({ link, endpoint }) => key(link, endpoint)))
  const present = new Set(forwarding.map(({ mac, dst }) => key(mac, dst)))
  const bridge = [
    ...[...present].filter((end) => !ends.has(end)).map((end) => `fdb delete ${end}`),
    ...[...ends].filter((end) => !present.has(end)).map((end) => `fdb replace ${end}`),
  ]
  return { ip, bridge }
}

export async function readVxlan(ip: Ip, signal?: AbortSignal): Promise<VxlanState> {
  const link = (await ip.show(['link', 'show', 'type', 'vxlan'], signal)).find(({ ifname }) => ifname === vxlanDevice)
  if (link === undefined) return { addresses: [], forwarding: [], neighbours: [] }
  const [shown] = await ip.show(['address', 'show', 'dev', vxlanDevice], signal)
  const addresses = ((shown?.addr_info ?? []) as { local: string; prefixlen: number; scope: string }[])
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  return {
    link,
    addresses,
    neighbours: await ip.show(['neigh', 'show', 'dev', vxlanDevice, 'nud', 'permanent'], signal),
    forwarding: await ip.bridge.show(['fdb', 'show', 'dev', vxlanDevice], signal),
  }
}

export async function applyVxlan(ip: Ip, plan: VxlanPlan | undefined, signal?: AbortSignal): Promise<void> {
  const commands = planVxlan(await readVxlan(ip, signal), plan)
  await ip.batch(commands.ip, signal)
  await ip.bridge.batch(commands.bridge, signal)
}

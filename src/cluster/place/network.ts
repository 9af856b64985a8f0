/**
 * How a cluster's nodes and the host reach each other: a bridge in a namespace of its own (so that no firewall of the host
 * sits between nodes), one link from it to each node and one to the host.
 *
 *   host 10.89.C.1 ── switch (bridge) ──┬── node 10.89.C.11
 *                                       └── node 10.89.C.12
 */
import type { Host } from '#lib/host/host.ts'
import type { Ip } from '#lib/host/netlink.ts'

import { routeProtocol } from './layout.ts'
import type { ClusterLayout } from './layout.ts'
import {
  checkNetwork,
  familiesOf,
  gatewayAddresses,
  hostAddresses,
  linkAddress,
  linkLocalAddress,
  rangesOf,
} from './ranges.ts'
import type { ClusterNetwork } from './ranges.ts'

/** The `ip` commands that keep packets for the cluster's ranges on this machine when nothing better is known. */
export function planBarrier(layout: ClusterLayout, network: ClusterNetwork): string[] {
  return [network.podRange, network.serviceRange, network.nodeRange]
    .flatMap(rangesOf)
    .map((range) => `route replace unreachable ${range} metric ${layout.barrierMetric} protocol ${routeProtocol}`)
}

/** The lines that give a link its addresses. Nobody else can have one of IPv6, so that it need not be looked for. */
export function planAddresses(addresses: readonly string[], device: string): string[] {
  return addresses.flatMap((address) =>
    address.includes(':')
      ? [
          `address add ${linkLocalAddress(address)}/64 dev ${device} scope link nodad`,
          `address add ${address}/64 dev ${device} nodad`,
        ]
      : [`address add ${address}/24 dev ${device}`],
  )
}

/** Makes the switch and the host's link to it; what is there already stays. The barrier comes first, before any packet. */
export async function ensureClusterNetwork(
  host: Host,
  layout: ClusterLayout,
  network: ClusterNetwork,
  signal?: AbortSignal,
): Promise<void> {
  checkNetwork(network)
  const ip = host.ip()
  await ip.batch(planBarrier(layout, network), signal)
  const addresses = hostAddresses(network)
  if (await isJoined(ip, layout, addresses.at(-1)!, signal)) return
  await ip.attempt([`link delete ${layout.hostLink}`], signal)
  await host.mounts.unmount(layout.switchNamespace)
  await host.files.write(layout.switchNamespace, '')
  const inside = [
    'link set lo up',
    'link add bridge0 type bridge forward_delay 0',
    'link set bridge0 addrgenmode none up',
  ]
  const made = await host.processes.run(
    ['unshare', `--net=${layout.switchNamespace}`, 'ip', '-batch', '-'],
    { input: inside.join('\n') },
    signal,
  )
  if (made.code !== 0) throw new Error(`Cannot make the switch of cluster "${layout.cluster}": ${made.stderr.trim()}`)
  await ip.batch([`link add ${layout.hostLink} type veth peer name host netns ${layout.switchNamespace}`], signal)
  await host.ip(layout.switchNamespace).batch(['link set host addrgenmode none master bridge0 up'], signal)
  // Last, because a link with the last address is what says that all of it is there.
  await ip.batch(
    [
      `link set ${layout.hostLink} addrgenmode none address ${linkAddress(addresses[0]!)} up`,
      ...planAddresses(addresses, layout.hostLink),
    ],
    signal,
  )
}

async function isJoined(ip: Ip, layout: ClusterLayout, address: string, signal?: AbortSignal): Promise<boolean> {
  const links = await ip.show([address.includes(':') ? '-6' : '-4', 'address', 'show'], signal)
  const link = links.find((candidate) => candidate.ifname === layout.hostLink)
  return ((link?.addr_info as { local?: string }[] | undefined) ?? []).some((info) => info.local === address)
}

/** The routes of ours on this machine, of both families; a kernel without IPv6 has none of it. */
export async function readOwnRoutes(ip: Ip): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const of = (family: 4 | 6) =>
    ip.show([`-${family}`, 'route', 'show', 'table', 'all', 'protocol', String(routeProtocol)])
  return [...(await of(4)), ...(await of(6).catch(() => []))]
}

/** Takes the host's link, its routes and the switch away, whatever of it is there. */
export async function removeClusterNetwork(host: Host, layout: ClusterLayout): Promise<void> {
  const ip = host.ip()
  // Routes through the link go with it.
  await ip.attempt([`link delete ${layout.hostLink}`])
  const ours = (await readOwnRoutes(ip)).filter(
    (route) => route.metric === layout.barrierMetric && route.type === 'unreachable',
  )
  await ip.attempt(ours.map((route) => `route delete unreachable ${String(route.dst)} metric ${layout.barrierMetric}`))
  await host.mounts.unmount(layout.switchNamespace)
  await host.files.remove(layout.switchNamespace)
}

const everything = { 4: 'default', 6: '::/0' } as const

/** Lines of `ip` commands that give a node its link; run inside the node's namespace while it sees the switch's file. */
export function planNodeLink(
  switchNamespace: string,
  switchLink: string,
  addresses: readonly string[],
  network: ClusterNetwork,
): string[] {
  const gateways = gatewayAddresses(network)
  return [
    'link set lo up',
    `link add eth0 address ${linkAddress(addresses[0]!)} type veth peer name ${switchLink} netns ${switchNamespace}`,
    ...planAddresses(addresses, 'eth0'),
    'link set eth0 addrgenmode none up',
    // Nothing leaves by accident: what has no route of ours has none at all.
    ...familiesOf(network.nodeRange).map((family) => `route add unreachable ${everything[family]} metric 4294967295`),
    ...rangesOf(network.serviceRange).map((range, at) => `route add ${range} via ${gateways[at]} dev eth0 onlink`),
  ]
}

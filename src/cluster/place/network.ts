/**
 * How a cluster's nodes and the host reach each other: a bridge in a namespace of its own (so that no firewall of the host
 * sits between nodes), one link from it to each node and one to the host.
 *
 *   host 10.89.C.1 ── switch (bridge) ──┬── node 10.89.C.11
 *                                       └── node 10.89.C.12
 */
import type { Host } from '#lib/host/host.ts'
import type { Ip } from '#lib/host/netlink.ts'
import { addressAt, cidrsOverlap, parseCidr } from '#lib/net/cidr.ts'
import type { Cidr } from '#lib/net/cidr.ts'
import { formatIp, ipFamily, parseIp } from '#lib/net/ip.ts'

import { routeProtocol } from './layout.ts'
import type { ClusterLayout } from './layout.ts'

export interface ClusterNetwork {
  /** A /24; the host has its first address, nodes have those from the eleventh on. */
  readonly nodeRange: string
  readonly podRange: string
  readonly serviceRange: string
}

export const defaultPodRange = '10.244.0.0/16'
export const defaultServiceRange = '10.96.0.0/12'

/** A way to a node's pods. */
export interface PodRoute {
  readonly podRange: string
  readonly nodeAddress: string
}

/** `ip` prints a route to one address without its prefix. */
const parseBlock = (text: string): Cidr | undefined => parseCidr(text.includes('/') ? text : `${text}/32`)

const isFourBytes = (text: string): boolean => parseIp(text)?.length === 4

/** Throws when a range is not IPv4 in CIDR form, the node range is no /24, or two of them overlap. */
export function checkNetwork(network: ClusterNetwork): void {
  const ranges = Object.entries(network).map(([name, text]: [string, string]) => {
    const range = parseCidr(text)
    if (range === undefined || ipFamily(range.base) !== 4)
      throw new TypeError(
        `Cannot use ${JSON.stringify(text)} as ${name}: it must be an IPv4 range such as 10.244.0.0/16`,
      )
    return { name, text, range }
  })
  for (const a of ranges) {
    if (a.name === 'nodeRange' && a.range.prefix !== 24)
      throw new TypeError(`Cannot use "${a.text}" as nodeRange: it must be a /24`)
    for (const b of ranges) {
      if (a.name < b.name && cidrsOverlap(a.range, b.range))
        throw new TypeError(`Cannot use ${a.name} ${a.text}: it overlaps ${b.name} ${b.text}`)
    }
  }
}

const addressIn = (network: ClusterNetwork, index: number): string =>
  formatIp(addressAt(parseCidr(network.nodeRange)!, index))

/** The host's own address in the node range. */
export const hostAddress = (network: ClusterNetwork): string => addressIn(network, 1)

/** The address of the node with this index (0 for the first); 240 nodes fit. */
export function nodeAddress(network: ClusterNetwork, index: number): string {
  if (!Number.isInteger(index) || index < 0 || index >= 240)
    throw new RangeError(`Cannot give node ${index} an address: a cluster has room for 240 on one machine`)
  return addressIn(network, 11 + index)
}

/** Nothing has this address; it only makes the kernel send service addresses through the rules. */
const gatewayAddress = (network: ClusterNetwork): string => addressIn(network, 254)

/** A link address that follows from the node's, so that neighbours need not forget an older one. */
export const linkAddress = (address: string): string =>
  `0a:58:${address
    .split('.')
    .map((part) => Number(part).toString(16).padStart(2, '0'))
    .join(':')}`

/**
 * A free /24 below 10.89.0.0/16 for the nodes of a cluster, looked for from a place that follows from the cluster's name.
 * `busy` are the machine's addresses and routes; one wider than a /16 (a route to all of a private network) is avoided only
 * when that is possible. Undefined when all are taken.
 */
export function chooseNodeRange(layout: ClusterLayout, busy: readonly string[]): string | undefined {
  const ranges = busy.map(parseBlock).filter((range) => range !== undefined && range.prefix > 0) as Cidr[]
  const start = layout.podRouteMetric % 254
  for (const tolerated of [0, 16]) {
    for (let step = 0; step < 254; step++) {
      const text = `10.89.${1 + ((start + step) % 254)}.0/24`
      const candidate = parseCidr(text)!
      if (!ranges.some((range) => range.prefix >= tolerated && cidrsOverlap(range, candidate))) return text
    }
  }
  return undefined
}

/** What of the machine's addresses and routes a range would collide with; our own routes are left out. */
export function findCollisions(range: string, busy: readonly string[]): string[] {
  const wanted = parseCidr(range)
  if (wanted === undefined) return []
  return busy.filter((text) => {
    const other = parseBlock(text)
    return other !== undefined && other.prefix > 8 && cidrsOverlap(wanted, other)
  })
}

/** Addresses and routes of the machine in CIDR form, without those that clusters of ours have put there. */
export async function readBusyRanges(ip: Ip, signal?: AbortSignal): Promise<string[]> {
  const busy: string[] = []
  for (const link of await ip.show(['-4', 'address', 'show'], signal)) {
    for (const info of (link.addr_info as { local?: string; prefixlen?: number }[] | undefined) ?? []) {
      if (info.local !== undefined && info.prefixlen !== undefined) busy.push(`${info.local}/${info.prefixlen}`)
    }
  }
  for (const route of await ip.show(['-4', 'route', 'show', 'table', 'all'], signal)) {
    const { dst, protocol } = route
    if (typeof dst === 'string' && dst !== 'default' && protocol !== String(routeProtocol)) busy.push(dst)
  }
  return [...new Set(busy)]
}

/** The `ip` commands that keep packets for the cluster's ranges on this machine when nothing better is known. */
export function planBarrier(layout: ClusterLayout, network: ClusterNetwork): string[] {
  return [network.podRange, network.serviceRange, network.nodeRange].map(
    (range) => `route replace unreachable ${range} metric ${layout.barrierMetric} protocol ${routeProtocol}`,
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
  if (await isJoined(ip, layout, hostAddress(network), signal)) return
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
  // Last, because a link with this address is what says that all of it is there.
  await ip.batch(
    [
      `link set ${layout.hostLink} addrgenmode none address ${linkAddress(hostAddress(network))} up`,
      `address add ${hostAddress(network)}/24 dev ${layout.hostLink}`,
    ],
    signal,
  )
}

async function isJoined(ip: Ip, layout: ClusterLayout, address: string, signal?: AbortSignal): Promise<boolean> {
  const links = await ip.show(['-4', 'address', 'show'], signal)
  const link = links.find((candidate) => candidate.ifname === layout.hostLink)
  return ((link?.addr_info as { local?: string }[] | undefined) ?? []).some((info) => info.local === address)
}

/** Takes the host's link, its routes and the switch away, whatever of it is there. */
export async function removeClusterNetwork(host: Host, layout: ClusterLayout): Promise<void> {
  const ip = host.ip()
  // Routes through the link go with it.
  await ip.attempt([`link delete ${layout.hostLink}`])
  const routes = await ip.show(['-4', 'route', 'show', 'table', 'all', 'protocol', String(routeProtocol)])
  const ours = routes.filter((route) => route.metric === layout.barrierMetric && route.type === 'unreachable')
  await ip.attempt(ours.map((route) => `route delete unreachable ${String(route.dst)} metric ${layout.barrierMetric}`))
  await host.mounts.unmount(layout.switchNamespace)
  await host.files.remove(layout.switchNamespace)
}

/** Lines of `ip` commands that give a node its link; run inside the node's namespace while it sees the switch's file. */
export function planNodeLink(
  switchNamespace: string,
  switchLink: string,
  address: string,
  network: ClusterNetwork,
): string[] {
  return [
    'link set lo up',
    `link add eth0 address ${linkAddress(address)} type veth peer name ${switchLink} netns ${switchNamespace}`,
    `address add ${address}/24 dev eth0`,
    'link set eth0 addrgenmode none up',
    // Nothing leaves by accident: what has no route of ours has none at all.
    'route add unreachable default metric 4294967295',
    `route add ${network.serviceRange} via ${gatewayAddress(network)} dev eth0 onlink`,
  ]
}

/** Which routes to add and delete so that exactly `wanted` lead to pods through `device` with `metric`. */
export function planPodRoutes(
  existing: readonly Readonly<Record<string, unknown>>[],
  wanted: readonly PodRoute[],
  device: string,
  metric: number,
): string[] {
  const key = (dst: unknown, gateway: unknown): string => `${String(dst)} via ${String(gateway)}`
  const ours = existing.filter(
    (route) => route.dev === device && route.metric === metric && route.protocol === String(routeProtocol),
  )
  const present = new Set(ours.map((route) => key(route.dst, route.gateway)))
  const goal = new Set(wanted.map((route) => key(route.podRange, route.nodeAddress)))
  const targets = new Set(wanted.map((route) => route.podRange))
  const words = `dev ${device} metric ${metric} protocol ${routeProtocol}`
  return [
    ...ours
      .filter((route) => !targets.has(String(route.dst)))
      .map((route) => `route delete ${String(route.dst)} ${words}`),
    ...[...goal].filter((route) => !present.has(route)).map((route) => `route replace ${route} ${words}`),
  ]
}

/**
 * Makes exactly `wanted` the ways to pods: on the host through the cluster's link (`layout.hostLink`,
 * `layout.podRouteMetric`), inside a place through `eth0`.
 */
export async function applyPodRoutes(
  ip: Ip,
  wanted: readonly PodRoute[],
  device: string,
  metric: number,
  signal?: AbortSignal,
): Promise<void> {
  for (const { podRange, nodeAddress: via } of wanted) {
    if (parseCidr(podRange) === undefined || !isFourBytes(via))
      throw new TypeError(`Cannot route pods: ${JSON.stringify({ podRange, via })} is not an IPv4 range and address`)
  }
  // Not asked for by protocol: `ip` leaves out of its answer what was asked for.
  await ip.batch(planPodRoutes(await ip.show(['-4', 'route', 'show'], signal), wanted, device, metric), signal)
}

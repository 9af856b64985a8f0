/** What one node's network must look like so that its pods and those of the other nodes reach each other. Does nothing. */
import type { Node } from '#api/core/v1/node.ts'
import { cidrContains, formatCidr, parseCidr } from '#lib/net/cidr.ts'
import { formatIp, parseIp } from '#lib/net/ip.ts'

import type { PodRoute } from './routes.ts'
import { overhead, publicKeyAnnotation, vxlanDevice, wireguardDevice } from './settings.ts'
import type { Between, TunnelSettings } from './settings.ts'

type Family = 4 | 6

/** The link by which a node reaches the others. */
export interface Uplink {
  readonly device: string
  readonly mtu: number
  /** The link's addresses with their prefixes, such as `10.89.7.11/24`: what is within them is on the same link. */
  readonly addresses: readonly string[]
}

/** The other end of a tunnel. */
export interface VxlanPeer {
  readonly link: string
  readonly endpoint: string
  /** The first addresses of its ranges, which stand for its end of the tunnel. */
  readonly gateways: readonly string[]
}

export interface VxlanPlan {
  readonly id: number
  readonly port: number
  readonly device: string
  readonly local: string
  readonly link: string
  readonly mtu: number
  readonly addresses: readonly string[]
  readonly peers: readonly VxlanPeer[]
}

export interface WireguardPeer {
  readonly publicKey: string
  readonly endpoint: string
  readonly ranges: readonly string[]
}

export interface WireguardPlan {
  readonly port: number
  readonly mtu: number
  readonly addresses: readonly string[]
  readonly peers: readonly WireguardPeer[]
}

export interface NodeNetworkPlan {
  /** The node's own pods. */
  readonly podRanges: readonly string[]
  /** Of the links of the node's pods. */
  readonly podMtu: number
  readonly routes: readonly PodRoute[]
  readonly vxlan?: VxlanPlan
  readonly wireguard?: WireguardPlan
  /** Nodes whose pods are not reached, and why. */
  readonly problems: readonly string[]
}

export interface NodeNetworkInput {
  readonly node: string
  readonly nodes: readonly Node[]
  readonly uplink: Uplink
  readonly between: Between
  readonly tunnels: TunnelSettings
}

const familyOf = (text: string): Family => (text.includes(':') ? 6 : 4)

/** Nodes that only pretend have no network. */
const isReal = ({ metadata }: Node): boolean => metadata.labels?.['k8ts.dev/simulated'] === undefined

export const podRangesOf = ({ spec }: Node): readonly string[] =>
  (spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]))
    .map(parseCidr)
    .filter((range) => range !== undefined)
    .map(formatCidr)

export const addressesOf = ({ status }: Node): readonly string[] =>
  (status?.addresses ?? [])
    .filter(({ type, address }) => type === 'InternalIP' && parseIp(address) !== undefined)
    .map(({ address }) => address)

/** The first address of a range. A node has it in tunnels, so that what it sends itself comes from there. */
const firstOf = (range: string): string => formatIp(parseCidr(range)!.base)

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')

/** The link address of a node's end of VXLAN follows from its address, so that nobody has to tell it to the others. */
export function tunnelLink(address: string): string {
  const bytes = parseIp(address)!
  // The last bytes of IPv6 addresses tell the nodes of one link apart, the others their links.
  const four = bytes.length === 4 ? bytes : bytes.subarray(-4).map((byte, at) => byte ^ bytes[at + 4]!)
  return `0a:59:${[...four].map(hex).join(':')}`
}

/** Where a peer is reached, and which of its pods' ranges. */
interface Peer {
  readonly name: string
  readonly addresses: readonly string[]
  readonly ranges: readonly string[]
  readonly publicKey: string | undefined
}

const peerOf = (node: Node): Peer => ({
  name: node.metadata.name,
  addresses: addressesOf(node),
  ranges: podRangesOf(node),
  publicKey: node.metadata.annotations?.[publicKeyAnnotation],
})

export function planNodeNetwork({ node, nodes, uplink, between, tunnels }: NodeNetworkInput): NodeNetworkPlan {
  const own = nodes.find(({ metadata }) => metadata.name === node)
  const podRanges = own === undefined ? [] : podRangesOf(own)
  const peers = nodes
    .filter((other) => other.metadata.name !== node && isReal(other))
    .map(peerOf)
    .filter(({ ranges, addresses }) => ranges.length > 0 && addresses.length > 0)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
  const problems: string[] = []
  const onLink = (address: string): boolean =>
    uplink.addresses.some((own) => cidrContains(parseCidr(own)!, parseIp(address)!))

  const routes: PodRoute[] = []
  const tunnelled: Peer[] = []
  for (const peer of peers) {
    /** Ranges to which no plain route leads. */
    const further: string[] = []
    for (const range of peer.ranges) {
      const via =
        between === 'auto' || between === 'routes'
          ? peer.addresses.find((address) => familyOf(address) === familyOf(range) && onLink(address))
          : undefined
      if (via === undefined) further.push(range)
      else routes.push({ range, via, device: uplink.device })
    }
    if (further.length === 0) continue
    if (between !== 'routes') tunnelled.push({ ...peer, ranges: further })
    else
      problems.push(
        `node "${peer.name}" (${peer.addresses.join(', ')}) shares no link with this one (${uplink.addresses.join(', ')}) by which ${further.join(' and ')} is reached, and plain routes lead no further: set between to "auto" or "vxlan"`,
      )
  }

  const local = own === undefined ? undefined : addressesOf(own)[0]
  const kind = between === 'wireguard' ? 'wireguard' : 'vxlan'
  const wantsTunnel = between === 'vxlan' || between === 'wireguard' || tunnelled.length > 0
  if (!wantsTunnel || local === undefined || podRanges.length === 0) {
    // Without a range there is nobody yet who could answer.
    return { podRanges, podMtu: uplink.mtu, routes, problems }
  }
  const family = familyOf(local)
  const mtu = uplink.mtu - overhead[kind][family]
  const shared = {
    mtu,
    addresses: podRanges.map((range) => `${firstOf(range)}/${familyOf(range) === 4 ? 32 : 128}`),
  }
  const reached: { peer: Peer; endpoint: string }[] = []
  for (const peer of tunnelled) {
    const endpoint = peer.addresses.find((address) => familyOf(address) === family)
    if (endpoint !== undefined) reached.push({ peer, endpoint })
    else problems.push(`node "${peer.name}" (${peer.addresses.join(', ')}) has no IPv${family} address as this one has`)
  }
  if (kind === 'vxlan') {
    for (const { peer } of reached) {
      for (const range of peer.ranges) routes.push({ range, via: firstOf(range), device: vxlanDevice, onlink: true })
    }
    const vxlan: VxlanPlan = {
      ...shared,
      id: tunnels.vxlanId,
      port: tunnels.vxlanPort,
      device: uplink.device,
      local,
      link: tunnelLink(local),
      peers: reached.map(({ peer, endpoint }) => ({
        link: tunnelLink(endpoint),
        endpoint,
        gateways: peer.ranges.map(firstOf),
      })),
    }
    return { podRanges, podMtu: mtu, routes, vxlan, problems }
  }
  const keyed: WireguardPeer[] = []
  for (const { peer, endpoint } of reached) {
    if (peer.publicKey === undefined) {
      problems.push(`node "${peer.name}" has not told its WireGuard key yet (annotation ${publicKeyAnnotation})`)
      continue
    }
    keyed.push({ publicKey: peer.publicKey, endpoint, ranges: peer.ranges })
    for (const range of peer.ranges) routes.push({ range, device: wireguardDevice })
  }
  return {
    podRanges,
    podMtu: mtu,
    routes,
    wireguard: { ...shared, port: tunnels.wireguardPort, peers: keyed },
    problems,
  }
}

/** The ways to the pods of all nodes, for the machine that holds them all and shares their link. */
export function planHostRoutes(nodes: readonly Node[], device: string): readonly PodRoute[] {
  return nodes.filter(isReal).flatMap((node) =>
    podRangesOf(node).flatMap((range) => {
      const via = addressesOf(node).find((address) => familyOf(address) === familyOf(range))
      return via === undefined ? [] : [{ range, via, device }]
    }),
  )
}

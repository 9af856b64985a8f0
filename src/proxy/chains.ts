/** The chains of a node's table: the fixed ones, and those that spread connections over a number of slots. */
import { parseCidr } from '#lib/net/cidr.ts'

import type { Family, Frontend } from './frontend.ts'

/** What of a node its fixed rules depend on; of other families than the table's own nothing is used. */
export interface NodeRanges {
  /** The addresses of all pods of the cluster. */
  readonly clusterPodRanges: readonly string[]
  /** Those of this node's pods; none until it has been given some. */
  readonly nodePodRanges: readonly string[]
  /** Where services' addresses come from. */
  readonly serviceRanges: readonly string[]
  /** Where node ports of services are open, of the node's own addresses; at all of them when absent. */
  readonly nodePortRanges?: readonly string[]
}

/** Chains by name, each with its rules. */
export type Chains = ReadonlyMap<string, readonly string[]>

/** Slots for connections from elsewhere begin here, so that both kinds of slots share one map. */
export const firstOutsideSlot = 1_048_576
/** This bit of a connection's mark asks for the node's address as source. */
const masqueradeBit = '0x4000'

export interface Words {
  readonly ip: string
  readonly address: string
  readonly loopback: string
}
export const wordsOf = (family: Family): Words =>
  family === 4
    ? { ip: 'ip', address: 'ipv4_addr', loopback: '127.0.0.0/8' }
    : { ip: 'ip6', address: 'ipv6_addr', loopback: '::1' }

export const ofFamily = (ranges: readonly string[], family: Family): string[] =>
  ranges.filter((range) => parseCidr(range)?.family === family)
const oneOf = (ranges: readonly string[]): string => (ranges.length === 1 ? ranges[0]! : `{ ${ranges.join(', ')} }`)

/** The rules that every node has, with its ranges filled in. */
export function planFixedChains(family: Family, ranges: NodeRanges): Chains {
  const { ip, loopback } = wordsOf(family)
  const pods = ofFamily(ranges.clusterPodRanges, family)
  const ownPods = ofFamily(ranges.nodePodRanges, family)
  const services = ofFamily(ranges.serviceRanges, family)
  const port = 'meta l4proto . th dport'
  const toNode = `fib daddr type local ${ip} daddr != ${loopback}`
  const open = ranges.nodePortRanges === undefined ? undefined : ofFamily(ranges.nodePortRanges, family)
  /** A rule for node ports, where they are open. */
  const toNodePort = (rest: string): string[] => {
    if (open === undefined || open.some((range) => range.endsWith('/0'))) return [`${toNode} ${rest}`]
    return open.length === 0 ? [] : [`${toNode} ${ip} daddr ${oneOf(open)} ${rest}`]
  }
  // A service address that the node itself has (the cluster's DNS) is answered by whoever listens there.
  const ownService = services.map((range) => `${ip} daddr ${range} fib daddr type local return`)
  return new Map([
    [
      'services',
      [
        ...ownService,
        `${pods.length > 0 ? `${ip} saddr != ${oneOf(pods)} ` : ''}fib saddr type != local jump outside`,
        `${ip} daddr . ${port} vmap @vips`,
        ...toNodePort(`${port} vmap @nodeports`),
        `${toNode} ${port} vmap @hostports`,
      ],
    ],
    ['outside', [`${ip} daddr . ${port} vmap @vips_outside`, ...toNodePort(`${port} vmap @nodeports_outside`)]],
    ['go_vip', [`dnat ${ip} to ${ip} daddr . ${port} . meta mark map @vip_backends`]],
    ['go_node', [`dnat ${ip} to ${port} . meta mark map @node_backends`]],
    ['refuse', ['meta l4proto tcp reject with tcp reset', 'reject']],
    [
      'unserved',
      [
        ...ownService,
        `${ip} daddr . ${port} vmap @refused_vips`,
        `${ip} daddr @cluster_addresses goto refuse`,
        ...services.map((range) => `${ip} daddr ${range} drop`),
      ],
    ],
    ['unserved_node', [`${ip} daddr . ${port} vmap @refused_vips`, ...toNodePort(`${port} vmap @refused_nodeports`)]],
    [
      // What claims to come from the loopback, or wants to get there, without having been sent on it. Some hosts route such
      // packets (net.ipv4.conf.*.route_localnet), and then neighbours would reach what listens on 127.0.0.1 (CVE-2020-8558).
      'loopback_only',
      [
        'type filter hook prerouting priority -300; policy accept;',
        `iifname != "lo" ${ip} daddr ${loopback} drop`,
        `iifname != "lo" ${ip} saddr ${loopback} drop`,
      ],
    ],
    // Before the address is changed: afterwards nobody knows at which one a client knocked.
    ['limited', [`${ip} daddr . ${port} @limited_vips ${ip} daddr . ${port} . ${ip} saddr != @allowed_sources drop`]],
    ['filter_prerouting', ['type filter hook prerouting priority -110; policy accept;', 'ct state new jump limited']],
    ['filter_before_nat', ['type filter hook output priority -110; policy accept;', 'ct state new jump limited']],
    ['prerouting', ['type nat hook prerouting priority -100; policy accept;', 'jump services']],
    ['nat_output', ['type nat hook output priority -100; policy accept;', 'jump services']],
    [
      'postrouting',
      [
        'type nat hook postrouting priority 100; policy accept;',
        `ct mark and ${masqueradeBit} == ${masqueradeBit} ct status dnat masquerade fully-random`,
        `ct status dnat ${ip} saddr . ${ip} daddr @hairpin masquerade fully-random`,
        // Host ports asked for at the loopback of the node: no pod could answer that.
        ...(family === 4 ? [`ct status dnat ip saddr ${loopback} masquerade fully-random`] : []),
        ...ownPods.map((range) => `${ip} saddr ${range} ${ip} daddr != ${oneOf(pods)} masquerade fully-random`),
      ],
    ],
    ['filter_input', ['type filter hook input priority -110; policy accept;', 'ct state new jump unserved_node']],
    ['filter_forward', ['type filter hook forward priority -110; policy accept;', 'ct state new jump unserved']],
    [
      'filter_output',
      [
        // After the address was changed: what still has a service's own is not served.
        'type filter hook output priority -90; policy accept;',
        'ct state new jump unserved',
        'ct state new jump unserved_node',
      ],
    ],
  ])
}

export interface Dispatch {
  readonly place: 'vip' | 'node'
  readonly side: Frontend['masquerade'] | 'outside'
  readonly count: number
  readonly affinitySeconds?: number
}

/** How connections to one target are spread; nothing when there is nothing to spread over. */
export function dispatchOf(frontend: Frontend, side: 'inside' | 'outside'): Dispatch | undefined {
  const target = frontend[side]
  if (target === undefined || target.backends.length === 0) return undefined
  return {
    place: frontend.address === undefined ? 'node' : 'vip',
    side: side === 'outside' ? 'outside' : frontend.masquerade,
    count: target.backends.length,
    ...(frontend.affinitySeconds === undefined ? {} : { affinitySeconds: frontend.affinitySeconds }),
  }
}

// Names have a prefix because some words (fwd, dup) are none that nft takes for a chain.
export const dispatchName = ({ place, side, count, affinitySeconds }: Dispatch): string =>
  `c_${place}_${side}_${count}${affinitySeconds === undefined ? '' : `_${affinitySeconds}s`}`

/**
 * What clients are remembered by: client, address, transport and port, in IPv6 two hashes of these. nft below 1.0.8 ends with an
 * assertion where a map is updated by a key of more than 16 bytes. Two clients of the same 64 bits would share a backend.
 */
export function affinityOf(family: Family): { readonly type: string; readonly key: string } {
  const { ip, address } = wordsOf(family)
  const client = `${ip} saddr . ${ip} daddr . meta l4proto . th dport`
  if (family === 4) return { type: `type ${address} . ${address} . inet_proto . inet_service : mark`, key: client }
  const hash = (seed: number): string => `jhash ${client} mod ${2 ** 32 - 1} seed 0x${seed}`
  // Numbers of 32 bits have a name as types only as what makes them; nft prints no map that is named after a hash.
  const number = 'numgen random mod 2'
  return { type: `typeof ${number} . ${number} : meta mark`, key: `${hash(1)} . ${hash(2)}` }
}

const againName = (place: Dispatch['place'], seconds: number): string => `again_${place}_${seconds}s`

/** The chain that spreads connections, and the one that it needs with affinity. */
export function planDispatchChains(dispatch: Dispatch, family: Family, pods: readonly string[]): Chains {
  const { ip } = wordsOf(family)
  const { place, side, count, affinitySeconds } = dispatch
  const name = dispatchName(dispatch)
  const mark = `ct mark set ct mark or ${masqueradeBit}`
  const lines: string[] = []
  if (side === 'all') lines.push(mark)
  if (side === 'others') lines.push(pods.length === 0 ? mark : `${ip} saddr != ${oneOf(pods)} ${mark}`)
  const offset = side === 'outside' ? ` offset ${firstOutsideSlot}` : ''
  const draw = `meta mark set numgen random mod ${count}${offset}`
  if (affinitySeconds === undefined) return new Map([[name, [...lines, draw, `goto go_${place}`]]])
  const client = affinityOf(family).key
  const key = `${place === 'vip' ? `${ip} daddr . ` : ''}meta l4proto . th dport . meta mark`
  const remember = `update @affinity { ${client} timeout ${affinitySeconds}s : meta mark }`
  const again = againName(place, affinitySeconds)
  return new Map([
    [
      again,
      [
        remember,
        `dnat ${ip} to ${key} map @${place}_backends`,
        // Still here: that backend is gone.
        `delete @affinity { ${client} : meta mark }`,
      ],
    ],
    [
      name,
      [
        ...lines,
        `meta mark set ${client} map @affinity jump ${again}`,
        draw,
        `meta mark set ${key} map @${place}_numbers`,
        // A rule of its own: when the map is full the connection goes on without being remembered.
        remember,
        `goto go_${place}`,
      ],
    ],
  ])
}

/**
 * The ranges of a cluster and who has which address in them. A text names one range, or one of each address family with a
 * comma between them (`10.244.0.0/16,fd00:10:244::/56`); the family of the first is the cluster's primary one.
 */
import type { Ip } from '#lib/host/netlink.ts'
import { addressAt, cidrsOverlap, formatCidr, parseCidr } from '#lib/net/cidr.ts'
import type { Cidr } from '#lib/net/cidr.ts'
import { formatIp, parseIp } from '#lib/net/ip.ts'

import { routeProtocol } from './layout.ts'
import type { ClusterLayout } from './layout.ts'

export interface ClusterNetwork {
  /** A /24, a /64 of IPv6, or both; the host has its first address, nodes have those from the eleventh on. */
  readonly nodeRange: string
  readonly podRange: string
  readonly serviceRange: string
}

export type Family = 4 | 6

/** What is used where nobody says otherwise, by family. */
export const defaultPodRanges: Readonly<Record<Family, string>> = { 4: '10.244.0.0/16', 6: 'fd00:10:244::/56' }
export const defaultServiceRanges: Readonly<Record<Family, string>> = { 4: '10.96.0.0/12', 6: 'fd00:10:96::/112' }

/** The ranges that a text names. */
export const rangesOf = (text: string): string[] => text.split(',').map((range) => range.trim())

const familyOf = (range: string): Family | undefined => parseCidr(range)?.family

/** The families of the ranges in a text, the primary one first. */
export const familiesOf = (text: string): Family[] =>
  rangesOf(text)
    .map(familyOf)
    .filter((family) => family !== undefined)

const shape = 'it must be a range such as 10.244.0.0/16, or one of each family such as 10.244.0.0/16,fd00:10:244::/56'

/** Says what is wrong with a text that should name one range or one of each family; undefined when nothing is. */
export function rangesProblem(text: string): string | undefined {
  const families = rangesOf(text).map(familyOf)
  if (families.includes(undefined) || families.length > 2) return shape
  if (families[0] === families[1]) return `both are IPv${families[0]}; ${shape}`
  return undefined
}

/** Throws when a text names no ranges, the node range is no /24 or /64, two ranges overlap, or families differ. */
export function checkNetwork(network: ClusterNetwork): void {
  const ranges = Object.entries(network).flatMap(([name, text]: [string, string]) => {
    const problem = rangesProblem(text)
    if (problem !== undefined) throw new TypeError(`Cannot use ${JSON.stringify(text)} as ${name}: ${problem}`)
    return rangesOf(text).map((range) => ({ name, text: range, range: parseCidr(range)! }))
  })
  const families = (name: keyof ClusterNetwork): string => familiesOf(network[name]).join()
  for (const name of ['podRange', 'serviceRange'] as const) {
    if (families(name) !== families('nodeRange'))
      throw new TypeError(
        `Cannot use ${name} ${network[name]} with nodeRange ${network.nodeRange}: the families differ`,
      )
  }
  for (const a of ranges) {
    if (a.name === 'nodeRange' && a.range.prefix !== (a.range.family === 4 ? 24 : 64))
      throw new TypeError(`Cannot use "${a.text}" as nodeRange: it must be a /24, or a /64 of IPv6`)
    for (const b of ranges) {
      if (a.name < b.name && cidrsOverlap(a.range, b.range))
        throw new TypeError(`Cannot use ${a.name} ${a.text}: it overlaps ${b.name} ${b.text}`)
    }
  }
}

const addressesIn = (network: Pick<ClusterNetwork, 'nodeRange'>, index: number): string[] =>
  rangesOf(network.nodeRange).map((range) => formatIp(addressAt(parseCidr(range)!, index)))

/** The host's own addresses in the node range, the primary one first. */
export const hostAddresses = (network: Pick<ClusterNetwork, 'nodeRange'>): string[] => addressesIn(network, 1)

/** The addresses of the node with this index (0 for the first), the primary one first; 240 nodes fit. */
export function nodeAddresses(network: Pick<ClusterNetwork, 'nodeRange'>, index: number): string[] {
  if (!Number.isInteger(index) || index < 0 || index >= 240)
    throw new RangeError(`Cannot give node ${index} an address: a cluster has room for 240 on one machine`)
  return addressesIn(network, 11 + index)
}

/** Nobody has these addresses; they only make the kernel send service addresses through the rules. */
export const gatewayAddresses = (network: Pick<ClusterNetwork, 'nodeRange'>): string[] => addressesIn(network, 254)

const hex = (byte: number): string => byte.toString(16).padStart(2, '0')

/** A link address that follows from the node's, so that neighbours need not forget an older one. */
export const linkAddress = (address: string): string =>
  `0a:58:${[...parseIp(address)!.subarray(-4)].map(hex).join(':')}`

/**
 * The address of a node's link that only its neighbours know. IPv6 asks for neighbours of packets that it forwards under
 * it; links get no other, because a generated one would not be usable at once.
 */
export const linkLocalAddress = (address: string): string =>
  formatIp(Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...parseIp(address)!.subarray(-8)]))

/** `ip` prints a route to one address without its prefix. */
const parseBlock = (text: string): Cidr | undefined =>
  parseCidr(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`)

const candidatesOf: Readonly<Record<Family, (third: number) => string>> = {
  4: (third) => `10.89.${third}.0/24`,
  6: (third) => formatCidr(parseCidr(`fd00:10:89:${third}::/64`)!),
}

/**
 * A free range for the nodes of a cluster, with one of each family that is asked for: a /24 below 10.89.0.0/16, a /64 below
 * fd00:10:89::/48, looked for from a place that follows from the cluster's name. `busy` are the machine's addresses and
 * routes; one wider than a /16 (a route to all of a private network) is avoided only when that is possible. Undefined when
 * all are taken.
 */
export function chooseNodeRange(
  layout: ClusterLayout,
  busy: readonly string[],
  families: readonly Family[] = [4],
): string | undefined {
  const ranges = busy.map(parseBlock).filter((range) => range !== undefined && range.prefix > 0) as Cidr[]
  const start = layout.podRouteMetric % 254
  for (const tolerated of [0, 16]) {
    for (let step = 0; step < 254; step++) {
      const texts = families.map((family) => candidatesOf[family](1 + ((start + step) % 254)))
      const isTaken = (text: string): boolean =>
        ranges.some((range) => range.prefix >= tolerated && cidrsOverlap(range, parseCidr(text)!))
      if (!texts.some(isTaken)) return texts.join(',')
    }
  }
  return undefined
}

/** What of the machine's addresses and routes ranges would collide with; our own routes are left out. */
export function findCollisions(text: string, busy: readonly string[]): string[] {
  const wanted = rangesOf(text)
    .map(parseCidr)
    .filter((range) => range !== undefined)
  return busy.filter((taken) => {
    const other = parseBlock(taken)
    return other !== undefined && other.prefix > 8 && wanted.some((range) => cidrsOverlap(range, other))
  })
}

/** Addresses and routes of the machine in CIDR form, without those that clusters of ours have put there. */
export async function readBusyRanges(
  ip: Ip,
  signal?: AbortSignal,
  families: readonly Family[] = [4],
): Promise<string[]> {
  const busy: string[] = []
  for (const family of families) {
    for (const link of await ip.show([`-${family}`, 'address', 'show'], signal)) {
      for (const info of (link.addr_info as { local?: string; prefixlen?: number }[] | undefined) ?? []) {
        if (info.local !== undefined && info.prefixlen !== undefined) busy.push(`${info.local}/${info.prefixlen}`)
      }
    }
    for (const route of await ip.show([`-${family}`, 'route', 'show', 'table', 'all'], signal)) {
      const { dst, protocol } = route
      if (typeof dst === 'string' && dst !== 'default' && protocol !== String(routeProtocol)) busy.push(dst)
    }
  }
  return [...new Set(busy)]
}

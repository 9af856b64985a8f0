/** Where node ports of services are open: what kube-proxy calls `nodePortAddresses`. */
import type { Node } from '#api/core/v1/node.ts'
import { cidrContains, formatCidr, parseCidr } from '#lib/net/cidr.ts'
import type { Cidr } from '#lib/net/cidr.ts'
import { canonicalIp, parseIp } from '#lib/net/ip.ts'

import { familyOf } from './frontend.ts'

/** The word for the addresses by which a node is known. */
const primary = 'primary'
const everywhere = ['0.0.0.0/0', '::/0'] as const

/** Says what is wrong with such addresses; undefined when nothing is. */
export function nodePortAddressesProblem(values: readonly string[]): string | undefined {
  const isRight = values.every((value) => (value === primary ? values.length === 1 : parseCidr(value) !== undefined))
  return isRight ? undefined : `it must be ranges such as 10.89.0.0/16, or ${primary} alone`
}

/**
 * The ranges in which an address of the node has to be; undefined for any. A family of which no range was named is open everywhere,
 * as in kube-proxy. The primary addresses are those of a node's object, the first of each family, internal ones first; none
 * while there is no object.
 */
export function nodePortRangesOf(
  values: readonly string[] = [],
  node: Node | undefined,
): readonly string[] | undefined {
  if (values.length === 0) return undefined
  if (values.includes(primary)) {
    const { addresses = [] } = node?.status ?? {}
    const ofType = (wanted: string): string[] =>
      addresses.filter(({ type }) => type === wanted).flatMap(({ address }) => canonicalIp(address) ?? [])
    const known = [...ofType('InternalIP'), ...ofType('ExternalIP')]
    return ([4, 6] as const)
      .flatMap((family) => known.find((address) => familyOf(address) === family) ?? [])
      .map(hostRange)
  }
  const ranges = outermost(values.flatMap((value) => parseCidr(value) ?? []))
  return everywhere.flatMap((all) => {
    const { family } = parseCidr(all)!
    const named = ranges.filter((range) => range.family === family).map(formatCidr)
    return named.length === 0 ? [all] : [...new Set(named)]
  })
}

/** Without those that lie in another one, which nft would take for a mistake. */
const outermost = (ranges: readonly Cidr[]): readonly Cidr[] =>
  ranges.filter((range) => !ranges.some((other) => other.prefix < range.prefix && cidrContains(other, range.base)))

const hostRange = (address: string): string => `${address}/${familyOf(address) === 4 ? 32 : 128}`

/** Where to listen; IPv6 alone where IPv4 is open elsewhere. */
export interface ListenAddress {
  readonly host: string
  readonly ipv6Only?: boolean
}

/**
 * Where the health checks of services are answered: wherever node ports are open, as by kube-proxy's service health server.
 * `addresses` are those that the node's links have.
 */
export function healthCheckAddresses(
  ranges: readonly string[] | undefined,
  families: readonly (4 | 6)[],
  addresses: readonly string[],
): readonly ListenAddress[] {
  const [all4, all6] = everywhere
  const isOpen = (family: 4 | 6): boolean =>
    families.includes(family) && (ranges === undefined || ranges.includes(family === 4 ? all4 : all6))
  // The kernel takes it for both families.
  if (isOpen(6) && (isOpen(4) || ranges === undefined)) return [{ host: '::' }]
  return families.flatMap((family): readonly ListenAddress[] => {
    if (isOpen(family)) return [family === 4 ? { host: '0.0.0.0' } : { host: '::', ipv6Only: true }]
    const named = (ranges ?? []).flatMap((range) => parseCidr(range) ?? []).filter((range) => range.family === family)
    const ofNode = addresses.filter((address) => familyOf(address) === family)
    const inRanges = ofNode.filter((address) => named.some((range) => cidrContains(range, parseIp(address)!)))
    return [...new Set(inRanges)].map((host) => ({ host }))
  })
}

/** Blocks of addresses, such as `10.96.0.0/16`. */
import { formatIp, ipFamily, ipFromNumber, ipToNumber, parseIp } from './ip.ts'
import type { Ip } from './ip.ts'

export interface Cidr {
  readonly family: 4 | 6
  /** The first address of the block. */
  readonly base: Ip
  /** How many leading bits all its addresses share. */
  readonly prefix: number
}

/** Reads `address/prefix`; bits below the prefix are dropped (`10.0.0.7/8` is `10.0.0.0/8`). Nothing when it is not a block. */
export function parseCidr(text: string): Cidr | undefined {
  const slash = text.lastIndexOf('/')
  const digits = text.slice(slash + 1)
  if (slash < 0 || !/^(0|[1-9]\d{0,2})$/.test(digits)) return undefined
  const written = text.slice(0, slash)
  const ip = parseIp(written)
  if (ip === undefined) return undefined
  let prefix = Number(digits)
  if (ip.length === 4 && written.includes(':')) prefix -= 96
  if (prefix < 0 || prefix > ip.length * 8) return undefined
  return cidrOf(ip, prefix)
}

/** The block of `prefix` bits that an address lies in. */
export function cidrOf(ip: Ip, prefix: number): Cidr {
  const base = ip.map((byte, index) => byte & maskByte(prefix, index))
  return { family: ipFamily(ip), base, prefix }
}

/** `base/prefix` in canonical text. */
export function formatCidr(cidr: Cidr): string {
  return `${formatIp(cidr.base)}/${cidr.prefix}`
}

export function cidrContains(cidr: Cidr, ip: Ip): boolean {
  if (ip.length !== cidr.base.length) return false
  for (let i = 0; i * 8 < cidr.prefix; i++) {
    if (((ip[i]! ^ cidr.base[i]!) & maskByte(cidr.prefix, i)) !== 0) return false
  }
  return true
}

/** Whether the two blocks share an address. One then contains the other. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return a.prefix <= b.prefix ? cidrContains(a, b.base) : cidrContains(b, a.base)
}

/** How many addresses the block has. */
export function cidrSize(cidr: Cidr): bigint {
  return 1n << BigInt(cidr.base.length * 8 - cidr.prefix)
}

/** The address `index` places after the base; throws when the block has no such address. */
export function addressAt(cidr: Cidr, index: number | bigint): Ip {
  const offset = BigInt(index)
  if (offset < 0n || offset >= cidrSize(cidr))
    throw new RangeError(`Block ${formatCidr(cidr)} has no address ${offset}`)
  return ipFromNumber(cidr.family, ipToNumber(cidr.base) + offset)
}

/** The place of an address in the block, counted from the base. Only for addresses that it contains. */
export function addressIndex(cidr: Cidr, ip: Ip): bigint {
  if (!cidrContains(cidr, ip)) throw new RangeError(`Block ${formatCidr(cidr)} does not contain ${formatIp(ip)}`)
  return ipToNumber(ip) - ipToNumber(cidr.base)
}

/** The last address: the broadcast address of an IPv4 block. */
export function lastAddress(cidr: Cidr): Ip {
  return cidr.base.map((byte, index) => byte | (~maskByte(cidr.prefix, index) & 0xff))
}

/** The addresses a host may have: all but the base and, in IPv4, the last one; all of them where there are no more than two. */
export function* hosts(cidr: Cidr): Generator<Ip, void, undefined> {
  const size = cidrSize(cidr)
  const first = ipToNumber(cidr.base)
  const skip = size > 2n ? 1n : 0n
  const end = size - (cidr.family === 4 ? skip : 0n)
  for (let offset = skip; offset < end; offset++) yield ipFromNumber(cidr.family, first + offset)
}

/** The `index`th block of `prefix` bits inside a block, as node pod ranges are cut from the cluster's; throws when there is none. */
export function subnetAt(cidr: Cidr, prefix: number, index: number): Cidr {
  const bits = cidr.base.length * 8
  if (prefix < cidr.prefix || prefix > bits || index < 0 || BigInt(index) >> BigInt(prefix - cidr.prefix) !== 0n) {
    throw new RangeError(`Block ${formatCidr(cidr)} has no /${prefix} number ${index}`)
  }
  const base = ipToNumber(cidr.base) + (BigInt(index) << BigInt(bits - prefix))
  return { family: cidr.family, base: ipFromNumber(cidr.family, base), prefix }
}

/** The dotted mask of an IPv4 block, or the colon form of an IPv6 one. */
export function formatMask(cidr: Cidr): string {
  return formatIp(cidr.base.map((_, index) => maskByte(cidr.prefix, index)))
}

function maskByte(prefix: number, index: number): number {
  const bits = Math.min(8, Math.max(0, prefix - index * 8))
  return (0xff << (8 - bits)) & 0xff
}

/**
 * Reads one block, or one of each family with a comma between them (`10.96.0.0/12,fd00:10:96::/112`), in the order in which
 * they stand there; nothing when that is not what the text holds.
 */
export function parseCidrs(text: string): readonly [Cidr] | readonly [Cidr, Cidr] | undefined {
  const [first, second, ...more] = text.split(',').map((part) => parseCidr(part.trim()))
  if (first === undefined || more.length > 0) return undefined
  if (!text.includes(',')) return [first]
  return second === undefined || second.family === first.family ? undefined : [first, second]
}

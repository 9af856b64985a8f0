/**
 * loadBalancer: services of type LoadBalancer get an address from a pool, and one node answers for each address on the network
 * that it shares with clients. What the address leads to is the business of src/proxy. This file: the pool.
 */
import { cidrOf, formatCidr, lastAddress, parseCidr, type Cidr } from '#lib/net/cidr.ts'
import { compareIp, formatIp, ipFamily, ipFromNumber, ipToNumber, parseIp, type Ip } from '#lib/net/ip.ts'

/** Consecutive addresses of one family; both ends belong to it. */
export interface PoolRange {
  readonly family: 4 | 6
  readonly first: Ip
  readonly last: Ip
}

/** Addresses for load balancers, in the order in which they are handed out. */
export type Pool = readonly PoolRange[]

const mostRanges = 16
const longestText = 1_024
const shape = 'it must be ranges such as 192.0.2.200-192.0.2.250 or 192.0.2.0/28, separated by commas'

/** Reads `192.0.2.200-192.0.2.250,2001:db8::100/120`; a text says what is wrong. */
export function parsePool(text: string): Pool | string {
  if (text.length > longestText) return `it must be no longer than ${longestText} characters`
  const parts = text.split(',').map((part) => part.trim())
  if (parts.length > mostRanges) return `it must be no more than ${mostRanges} ranges`
  const pool: PoolRange[] = []
  for (const part of parts) {
    const range = parseRange(part)
    if (range === undefined) return shape
    if (compareIp(range.first, range.last) > 0) return `the range ${part} ends before it begins`
    const other = pool.find((each) => overlap(each, range))
    if (other !== undefined) return `the range ${part} overlaps ${formatRange(other)}`
    pool.push(range)
  }
  return pool
}

function parseRange(text: string): PoolRange | undefined {
  const block = parseCidr(text)
  if (block !== undefined) {
    // The first and the last address of an IPv4 network are no host's.
    const inset = block.family === 4 && block.prefix < 31 ? 1n : 0n
    return {
      family: block.family,
      first: ipFromNumber(block.family, ipToNumber(block.base) + (block.family === 4 ? inset : 1n)),
      last: ipFromNumber(block.family, ipToNumber(lastAddress(block)) - inset),
    }
  }
  const ends = text.split('-').map((end) => parseIp(end.trim()))
  const [first, last] = ends.length === 1 ? [ends[0], ends[0]] : ends
  if (ends.length > 2 || first === undefined || last === undefined || first.length !== last.length) return undefined
  return { family: ipFamily(first), first, last }
}

const overlap = (a: PoolRange, b: PoolRange): boolean =>
  a.family === b.family && compareIp(a.first, b.last) <= 0 && compareIp(b.first, a.last) <= 0

const formatRange = ({ first, last }: PoolRange): string =>
  compareIp(first, last) === 0 ? formatIp(first) : `${formatIp(first)}-${formatIp(last)}`

export const formatPool = (pool: Pool): string => pool.map(formatRange).join(',')

export const poolHas = (pool: Pool, ip: Ip): boolean =>
  pool.some(({ first, last }) => first.length === ip.length && compareIp(first, ip) <= 0 && compareIp(ip, last) <= 0)

export const poolFamilies = (pool: Pool): ReadonlySet<4 | 6> => new Set(pool.map(({ family }) => family))

/** The first address of a family that is not in use, in its canonical form; nothing when all are. */
export function firstFree(pool: Pool, family: 4 | 6, isUsed: (address: string) => boolean): string | undefined {
  for (const range of pool) {
    if (range.family !== family) continue
    const end = ipToNumber(range.last)
    for (let number = ipToNumber(range.first); number <= end; number++) {
      const address = family === 4 ? formatIpv4(Number(number)) : formatIp(ipFromNumber(family, number))
      if (!isUsed(address)) return address
    }
  }
  return undefined
}

/** Many are looked at when much of a pool is in use. */
const formatIpv4 = (number: number): string =>
  `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`

/** The smallest blocks that together are exactly the pool: what routes are made for. */
export function poolBlocks(pool: Pool): readonly string[] {
  return pool.flatMap((range) => blocksOf(range).map(formatCidr))
}

function blocksOf({ family, first, last }: PoolRange): Cidr[] {
  const bits = family === 4 ? 32 : 128
  const blocks: Cidr[] = []
  const end = ipToNumber(last)
  for (let at = ipToNumber(first); at <= end;) {
    let free = 0
    while (free < bits && (at >> BigInt(free)) % 2n === 0n && at + (1n << BigInt(free + 1)) - 1n <= end) free++
    blocks.push(cidrOf(ipFromNumber(family, at), bits - free))
    at += 1n << BigInt(free)
  }
  return blocks
}

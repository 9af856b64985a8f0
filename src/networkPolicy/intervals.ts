/** Address blocks with holes, cut into intervals that are each wholly inside or outside of every block. */
import { cidrOf, formatCidr, lastAddress } from '#lib/net/cidr.ts'
import { formatIp, ipFromNumber, ipToNumber } from '#lib/net/ip.ts'

import { matchesBlock } from './facts.ts'
import type { BlockPeer } from './policy.ts'

export type Family = 4 | 6

/** Addresses next to each other, both ends included, that lie in the same blocks; at least one. */
export interface Interval<B> {
  readonly from: bigint
  readonly to: bigint
  readonly blocks: readonly B[]
}

/** The intervals of one family in which there is any block, in order. */
export function intervalsOf<B extends BlockPeer>(blocks: readonly B[], family: Family): readonly Interval<B>[] {
  const ours = blocks.filter(({ cidr }) => cidr.family === family)
  const end = 1n << (family === 4 ? 32n : 128n)
  const starts = new Set<bigint>()
  for (const { cidr, except } of ours)
    for (const each of [cidr, ...except]) {
      if (each.family !== family) continue
      starts.add(ipToNumber(each.base))
      starts.add(ipToNumber(lastAddress(each)) + 1n)
    }
  const sorted = [...starts].filter((start) => start < end).toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0))
  return sorted.flatMap((from, at) => {
    const ip = ipFromNumber(family, from)
    const inside = ours.filter((block) => matchesBlock(block, ip))
    return inside.length === 0 ? [] : [{ from, to: (sorted[at + 1] ?? end) - 1n, blocks: inside }]
  })
}

/** An interval as nft prints it: an address, a block, or the first and last address. */
export function formatInterval(family: Family, from: bigint, to: bigint): string {
  const first = ipFromNumber(family, from)
  if (from === to) return formatIp(first)
  const size = to - from + 1n
  const isBlock = (size & (size - 1n)) === 0n && from % size === 0n
  if (!isBlock) return `${formatIp(first)}-${formatIp(ipFromNumber(family, to))}`
  return formatCidr(cidrOf(first, (family === 4 ? 32 : 128) - (size.toString(2).length - 1)))
}

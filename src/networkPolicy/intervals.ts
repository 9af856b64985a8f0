/** Address blocks with holes, cut into intervals that are each wholly inside or outside of every block. */
import { cidrOf, formatCidr, lastAddress } from '#lib/net/cidr.ts'
import type { Cidr } from '#lib/net/cidr.ts'
import { formatIp, ipFromNumber, ipToNumber } from '#lib/net/ip.ts'

import type { BlockPeer } from './policy.ts'

export type Family = 4 | 6

/** Addresses next to each other, both ends included, that lie in the same blocks; at least one. */
export interface Interval<B> {
  readonly from: bigint
  readonly to: bigint
  readonly blocks: readonly B[]
}

/**
 * The intervals of one family in which there is any block, in order. One walk over all ends: a policy may have tens of thousands
 * of holes.
 *
 *     10.0.0.0/30 but 10.0.0.1    0 [ ] 1   2 [     ] 4
 *     10.0.0.2/31                           2 [     ] 4
 *                                 ^ first       ^ both
 */
export function intervalsOf<B extends BlockPeer>(blocks: readonly B[], family: Family): readonly Interval<B>[] {
  const ends = new Map<bigint, { begin: B[]; end: B[] }>()
  const at = (place: bigint): { begin: B[]; end: B[] } => {
    let found = ends.get(place)
    if (found === undefined) ends.set(place, (found = { begin: [], end: [] }))
    return found
  }
  for (const block of blocks) {
    if (block.cidr.family !== family) continue
    for (const [from, after] of piecesOf(block)) {
      at(from).begin.push(block)
      at(after).end.push(block)
    }
  }
  const places = [...ends.keys()].toSorted(compare)
  const open = new Set<B>()
  return places.flatMap((from, index) => {
    const { begin, end } = ends.get(from)!
    for (const block of end) open.delete(block)
    for (const block of begin) open.add(block)
    return open.size === 0
      ? []
      : [{ from, to: places[index + 1]! - 1n, blocks: blocks.filter((block) => open.has(block)) }]
  })
}

const compare = (a: bigint, b: bigint): number => (a < b ? -1 : a > b ? 1 : 0)

/** What is left of a block between its holes, in order: the first address of each piece, and the first after it. */
function piecesOf({ cidr, except }: BlockPeer): readonly (readonly [bigint, bigint])[] {
  const bounds = (each: Cidr): readonly [bigint, bigint] => [ipToNumber(each.base), ipToNumber(lastAddress(each)) + 1n]
  const [first, after] = bounds(cidr)
  const holes = except.filter(({ family }) => family === cidr.family).map(bounds)
  const pieces: (readonly [bigint, bigint])[] = []
  let from = first
  for (const [begin, end] of holes.toSorted(([a], [b]) => compare(a, b))) {
    if (from >= after) break
    if (begin > from) pieces.push([from, begin < after ? begin : after])
    if (end > from) from = end
  }
  if (from < after) pieces.push([from, after])
  return pieces
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

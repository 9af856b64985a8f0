import { addressIndex, cidrsOverlap, formatCidr, parseCidr, subnetAt, type Cidr } from '#lib/net/cidr.ts'
import type { RangeCounts } from './metrics.ts'

/**
 * The ranges that nodes get out of the cluster's block, each once. The next one is taken after the last, so that a range
 * that was given back rests while others are free: routes to it may still be about.
 */
export class NodeRanges {
  readonly #block: Cidr
  readonly #prefix: number
  readonly #count: number
  readonly #taken = new Set<number>()
  readonly #counts: RangeCounts | undefined
  #next = 0

  /** `countsOf` makes what is told of the block, given how many ranges it has. */
  constructor(block: string, prefix: number, countsOf?: (block: string, count: number) => RangeCounts) {
    const cidr = parseCidr(block)
    if (cidr === undefined) throw new Error(`Cannot cut node ranges from "${block}": it is not a block of addresses`)
    const bits = prefix - cidr.prefix
    const mostBits = cidr.family === 4 ? 32 : 16
    if (bits < 0 || bits > mostBits) {
      throw new Error(
        `Cannot cut ranges of /${prefix} from "${block}": there must be between 1 and ${2 ** mostBits} of them`,
      )
    }
    this.#block = cidr
    this.#prefix = prefix
    this.#count = 2 ** bits
    this.#counts = countsOf?.(block, this.#count)
  }

  get family(): 4 | 6 {
    return this.#block.family
  }

  /** A range of its own; undefined when all are taken. */
  take(): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const index = this.#next
      this.#next = (this.#next + 1) % this.#count
      if (this.#taken.has(index)) continue
      this.#taken.add(index)
      this.#counts?.taken(1, tried)
      this.#tellUse()
      return formatCidr(subnetAt(this.#block, this.#prefix, index))
    }
    return undefined
  }

  /** Notes that a node has this range; false when it is not one of this block. */
  occupy(range: string): boolean {
    const indexes = this.#indexesOf(range)
    const before = this.#taken.size
    for (const index of indexes) this.#taken.add(index)
    this.#counts?.taken(this.#taken.size - before)
    this.#tellUse()
    return indexes.length > 0
  }

  giveBack(range: string): void {
    const before = this.#taken.size
    for (const index of this.#indexesOf(range)) this.#taken.delete(index)
    this.#counts?.released(before - this.#taken.size)
    this.#tellUse()
  }

  #tellUse(): void {
    this.#counts?.used(this.#taken.size / this.#count)
  }

  /** A range that was written by hand may be larger than one of ours. */
  #indexesOf(range: string): readonly number[] {
    const cidr = parseCidr(range)
    if (cidr === undefined || !cidrsOverlap(cidr, this.#block)) return []
    if (cidr.prefix <= this.#block.prefix) return Array.from({ length: this.#count }, (_, index) => index)
    const size = 1n << BigInt(this.#block.base.length * 8 - this.#prefix)
    const first = Number(addressIndex(this.#block, cidr.base) / size)
    const count = cidr.prefix >= this.#prefix ? 1 : 2 ** (this.#prefix - cidr.prefix)
    return Array.from({ length: count }, (_, at) => first + at)
  }
}

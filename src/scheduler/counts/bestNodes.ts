import { randomInteger, type Random } from '#lib/random.ts'

const bits = 32
const [shift, mask] = [5, bits - 1]

/**
 * The positions with the highest sum, kept up to date as single nodes change. Only when the last of them is gone are all
 * sums looked at again; that is rare where nodes are much alike, and while pods go where it is fullest.
 *
 *     sums     [ 140   135   140   rejected ]       highest 140, at 0 and 2
 *     0 falls to 138                                highest 140, at 2
 *     2 falls to 138                                looked for anew: 138, at 0 and 2
 */
export class BestNodes {
  #words = new Int32Array()
  #count = 0
  #highest = -Infinity

  /** Takes in the sum of a node that fits. */
  enter(at: number, sum: number): void {
    // Once none is left it is not known which is the highest.
    if (this.#count === 0 || sum < this.#highest) return
    if (sum > this.#highest) this.#begin(sum)
    this.#add(at)
  }

  /** Takes back that of a node that changes, or goes. */
  leave(at: number): void {
    const word = this.#words[at >> shift] ?? 0
    const bit = 1 << (at & mask)
    if ((word & bit) === 0) return
    this.#words[at >> shift] = word & ~bit
    this.#count--
  }

  /**
   * One of the best nodes that are not `out`, each as likely as the others, and the first for the least draw; undefined where
   * all of the best are out. The best are looked for among those that are not `rejected`.
   */
  pick(
    nodes: number,
    sums: Float64Array,
    rejected: Uint8Array,
    out: Uint8Array | undefined,
    random: Random,
  ): number | undefined {
    if (this.#count === 0) this.#search(nodes, sums, rejected)
    const left = out === undefined ? this.#count : this.#countLeft(out)
    return left === 0 ? undefined : this.#at(left === 1 ? 0 : randomInteger(random, left), out)
  }

  /** The position of so many-th of the best that are not out, from 0 on. */
  #at(rest: number, out: Uint8Array | undefined): number {
    for (let i = 0; ; i++) {
      let word = this.#words[i]!
      if (out === undefined) {
        const here = bitCount(word)
        if (rest >= here) {
          rest -= here
          continue
        }
      }
      for (; word !== 0; word &= word - 1) {
        const at = (i << shift) + lowestBit(word)
        if (out?.[at] !== 1 && rest-- === 0) return at
      }
    }
  }

  #countLeft(out: Uint8Array): number {
    let left = 0
    for (let i = 0; i < this.#words.length; i++) {
      for (let word = this.#words[i]!; word !== 0; word &= word - 1) {
        left += Number(out[(i << shift) + lowestBit(word)] === 0)
      }
    }
    return left
  }

  #search(nodes: number, sums: Float64Array, rejected: Uint8Array): void {
    let highest = -Infinity
    for (let at = 0; at < nodes; at++) if (rejected[at] === 0 && sums[at]! > highest) highest = sums[at]!
    this.#begin(highest)
    for (let at = 0; at < nodes; at++) if (rejected[at] === 0 && sums[at] === highest) this.#add(at)
  }

  #begin(highest: number): void {
    this.#words.fill(0)
    this.#count = 0
    this.#highest = highest
  }

  #add(at: number): void {
    const i = at >> shift
    if (i >= this.#words.length) {
      const larger = new Int32Array(2 * i + 8)
      larger.set(this.#words)
      this.#words = larger
    }
    this.#words[i]! |= 1 << (at & mask)
    this.#count++
  }
}

function lowestBit(word: number): number {
  return bits - 1 - Math.clz32(word & -word)
}

function bitCount(word: number): number {
  let pairs = word - ((word >>> 1) & 0x5555_5555)
  pairs = (pairs & 0x3333_3333) + ((pairs >>> 2) & 0x3333_3333)
  return Math.imul((pairs + (pairs >>> 4)) & 0x0f0f_0f0f, 0x0101_0101) >>> 24
}

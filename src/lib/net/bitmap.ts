/**
 * A set of small numbers that hands out free ones.
 *
 * With size 10 and reserve 3: numbers 3–9 are handed out first, at random, and 0–2 only when those are all taken. Whoever asks
 * for a certain number is therefore unlikely to find a low one taken.
 */
export class Bitmap {
  readonly size: number
  readonly #words: Uint32Array
  readonly #reserve: number
  #used = 0

  constructor(size: number, reserve = 0) {
    if (!Number.isSafeInteger(size) || size < 0 || size > 2 ** 24)
      throw new RangeError(`A bitmap cannot have ${size} places`)
    if (reserve < 0 || reserve > size) throw new RangeError(`A bitmap of ${size} places cannot keep ${reserve} back`)
    this.size = size
    this.#reserve = reserve
    this.#words = new Uint32Array(Math.ceil(size / 32))
  }

  get used(): number {
    return this.#used
  }

  get free(): number {
    return this.size - this.#used
  }

  has(index: number): boolean {
    return index >= 0 && index < this.size && (this.#words[index >>> 5]! & (1 << (index & 31))) !== 0
  }

  /** Takes one number; false when it is taken already. Throws when it is outside. */
  take(index: number): boolean {
    if (!Number.isInteger(index) || index < 0 || index >= this.size)
      throw new RangeError(`${index} is outside 0-${this.size - 1}`)
    if (this.has(index)) return false
    this.#words[index >>> 5]! |= 1 << (index & 31)
    this.#used++
    return true
  }

  /** Gives a number back; false when it was not taken. */
  release(index: number): boolean {
    if (!this.has(index)) return false
    this.#words[index >>> 5]! &= ~(1 << (index & 31))
    this.#used--
    return true
  }

  /** Takes the first free number at or after a random place, the kept-back ones last. Nothing when all are taken. */
  takeNext(random: { next(): number }): number | undefined {
    return this.#takeIn(this.#reserve, this.size, random) ?? this.#takeIn(0, this.#reserve, random)
  }

  /** Takes the lowest free number. */
  takeFirst(): number | undefined {
    const index = this.#firstFree(0, this.size)
    if (index !== undefined) this.take(index)
    return index
  }

  /** The numbers that are taken, ascending. */
  *taken(): Generator<number, void, undefined> {
    for (let index = 0; index < this.size; index++) if (this.has(index)) yield index
  }

  #takeIn(from: number, to: number, random: { next(): number }): number | undefined {
    if (from >= to || this.#used >= this.size) return undefined
    const start = from + Math.floor(random.next() * (to - from))
    const index = this.#firstFree(start, to) ?? this.#firstFree(from, start)
    if (index !== undefined) this.take(index)
    return index
  }

  #firstFree(from: number, to: number): number | undefined {
    for (let index = from; index < to;) {
      if ((index & 31) === 0 && this.#words[index >>> 5] === 0xffff_ffff) index += 32
      else if (!this.has(index)) return index
      else index++
    }
    return undefined
  }
}

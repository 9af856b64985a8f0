import { KeyHistory } from './keyHistory.ts'

/** A block is split in two when it grows beyond this. */
const largestBlock = 512

/**
 * The history of every key, found by key and walked in order. Keys are ordered by UTF-16 code units.
 *
 * The order is kept in blocks of up to 512 histories, so that adding a key moves a few hundred pointers at most and not
 * those of all keys behind it:
 *
 *     blocks   [/a /b /d]  [/e /h]  [/k /m /z]
 *     add(/f)  [/a /b /d]  [/e /f /h]  [/k /m /z]
 *     from(/g) walks /h, /k, /m, /z
 *
 * No block is empty.
 */
export class KeyIndex {
  readonly #byKey = new Map<string, KeyHistory>()
  readonly #blocks: KeyHistory[][] = []

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): KeyHistory | undefined {
    return this.#byKey.get(key)
  }

  /** The history of `key`, which is new and empty if there was none. */
  add(key: string): KeyHistory {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    const history = new KeyHistory(key)
    this.#byKey.set(key, history)
    const at = this.#blockOf(key)
    const block = this.#blocks[at]
    if (block === undefined) this.#blocks.push([history])
    else {
      block.splice(firstAtOrAfter(block, key), 0, history)
      // A block at the end is usually growing at its end: leave it nearly full.
      const cut = at === this.#blocks.length - 1 ? largestBlock - 32 : largestBlock / 2
      if (block.length > largestBlock) this.#blocks.splice(at + 1, 0, block.splice(cut))
    }
    return history
  }

  delete(key: string): void {
    if (!this.#byKey.delete(key)) return
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(firstAtOrAfter(block, key), 1)
    if (block.length === 0) this.#blocks.splice(at, 1)
  }

  /** All histories whose key starts with `prefix` and lies behind `after`, in order. The index must not change meanwhile. */
  *walk(prefix: string, after = ''): Generator<KeyHistory, void, undefined> {
    const start = after >= prefix ? after : prefix
    for (let at = this.#blockOf(start); at < this.#blocks.length; at++) {
      const block = this.#blocks[at]!
      for (let index = firstAtOrAfter(block, start); index < block.length; index++) {
        const history = block[index]!
        if (!history.key.startsWith(prefix)) return
        if (history.key !== after) yield history
      }
    }
  }

  /** The block that holds `key`, or would: the last one that begins at or before it. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#blocks[middle]![0]!.key <= key) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

function firstAtOrAfter(block: readonly KeyHistory[], key: string): number {
  let low = 0
  let high = block.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (block[middle]!.key < key) low = middle + 1
    else high = middle
  }
  return low
}

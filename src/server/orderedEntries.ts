/** A block is split in two when it grows beyond this. */
const largestBlock = 512

/**
 * Entries found by key and walked in the order of their keys, by UTF-16 code units. The order is kept in blocks, so that
 * adding a key moves a few hundred pointers at most:
 *
 *     blocks   [a b d]  [e h]  [k m z]
 *     set(f)   [a b d]  [e f h]  [k m z]
 *
 * No block is empty.
 */
export class OrderedEntries<E extends { readonly key: string }> {
  readonly #byKey = new Map<string, E>()
  readonly #blocks: string[][] = []

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): E | undefined {
    return this.#byKey.get(key)
  }

  /** Adds the entry, or puts it in the place of the one with its key. */
  set(entry: E): void {
    const { key } = entry
    if (!this.#byKey.has(key)) this.#insert(key)
    this.#byKey.set(key, entry)
  }

  delete(key: string): boolean {
    if (!this.#byKey.delete(key)) return false
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(firstAtOrAfter(block, key), 1)
    if (block.length === 0) this.#blocks.splice(at, 1)
    return true
  }

  /** The entries whose keys start with `prefix`, in order, beginning behind `after` when it is given. */
  list(prefix: string, after?: string): E[] {
    const entries: E[] = []
    const from = after !== undefined && after >= prefix ? after : prefix
    for (let at = Math.max(0, this.#blockOf(from)); at < this.#blocks.length; at++) {
      const block = this.#blocks[at]!
      for (let index = firstAtOrAfter(block, from); index < block.length; index++) {
        const key = block[index]!
        if (key === after) continue
        if (!key.startsWith(prefix)) return entries
        entries.push(this.#byKey.get(key)!)
      }
    }
    return entries
  }

  #insert(key: string): void {
    const at = this.#blockOf(key)
    const block = this.#blocks[at]
    if (block === undefined) {
      this.#blocks.push([key])
      return
    }
    block.splice(firstAtOrAfter(block, key), 0, key)
    if (block.length > largestBlock) this.#blocks.splice(at + 1, 0, block.splice(block.length >>> 1))
  }

  /** The last block that begins at or before `key`; the first one when none does, -1 only when there are none. */
  #blockOf(key: string): number {
    let low = 0
    let high = this.#blocks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#blocks[middle]![0]! <= key) low = middle + 1
      else high = middle
    }
    return Math.max(low - 1, this.#blocks.length === 0 ? -1 : 0)
  }
}

function firstAtOrAfter(block: readonly string[], key: string): number {
  let low = 0
  let high = block.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (block[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** A block is split in two when it grows beyond this. */
const largestBlock = 512

/** Where an entry stands, also after another took its place: who walks over many looks none of them up by its key. */
interface Place<E> {
  readonly key: string
  entry: E
}

/**
 * Entries found by key and walked in the order of their keys, by UTF-16 code units. The order is kept in blocks of up to
 * 512 places, so that adding one moves a few hundred pointers at most and not those of all keys behind it:
 *
 *     blocks       [/a /b /d]  [/e /h]  [/k /m /z]
 *     set(/f)      [/a /b /d]  [/e /f /h]  [/k /m /z]
 *     list('', /g) gives /h, /k, /m, /z
 *
 * No block is empty.
 */
export class OrderedEntries<E extends { readonly key: string }> {
  readonly #byKey = new Map<string, Place<E>>()
  readonly #blocks: Place<E>[][] = []

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): E | undefined {
    return this.#byKey.get(key)?.entry
  }

  /** Adds the entry, or puts it in the place of the one with its key. */
  set(entry: E): void {
    const { key } = entry
    const known = this.#byKey.get(key)
    if (known !== undefined) {
      known.entry = entry
      return
    }
    const place = { key, entry }
    this.#insert(place)
    this.#byKey.set(key, place)
  }

  delete(key: string): boolean {
    if (!this.#byKey.delete(key)) return false
    const at = this.#blockOf(key)
    const block = this.#blocks[at]!
    block.splice(firstAtOrAfter(block, key), 1)
    if (block.length === 0) this.#blocks.splice(at, 1)
    return true
  }

  /** The entries whose keys start with `prefix` and lie behind `after`, in order. */
  list(prefix: string, after = ''): E[] {
    const entries: E[] = []
    const start = after >= prefix ? after : prefix
    for (let at = this.#blockOf(start); at < this.#blocks.length; at++) {
      const block = this.#blocks[at]!
      let index = firstAtOrAfter(block, start)
      if (block[index]?.key === after) index++
      // In order: where the last one has the prefix, all of them have it.
      const isWhole = block.at(-1)!.key.startsWith(prefix)
      for (; index < block.length; index++) {
        const { key, entry } = block[index]!
        if (!isWhole && !key.startsWith(prefix)) return entries
        entries.push(entry)
      }
    }
    return entries
  }

  #insert(place: Place<E>): void {
    const at = this.#blockOf(place.key)
    const block = this.#blocks[at]
    if (block === undefined) {
      this.#blocks.push([place])
      return
    }
    block.splice(firstAtOrAfter(block, place.key), 0, place)
    // A block at the end is usually growing at its end: leave it nearly full.
    const cut = at === this.#blocks.length - 1 ? largestBlock - 32 : largestBlock / 2
    if (block.length > largestBlock) this.#blocks.splice(at + 1, 0, block.splice(cut))
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

function firstAtOrAfter(block: readonly { readonly key: string }[], key: string): number {
  let low = 0
  let high = block.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (block[middle]!.key < key) low = middle + 1
    else high = middle
  }
  return low
}

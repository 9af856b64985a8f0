interface Item<K, V> {
  readonly key: K
  value: V
  /** Its neighbours in the order in which they were asked for; the newest has no newer one. */
  older: Item<K, V> | undefined
  newer: Item<K, V> | undefined
}

/**
 * Values by key, of which only those asked for most recently are kept.
 *
 *     new RecentMap(2)     getOrMake(a)  getOrMake(b)     {a, b}
 *                          getOrMake(a)                   {b, a}      asked for again
 *                          getOrMake(c)                   {a, c}      b was asked for longest ago
 *
 * The order is a chain beside the map: a Map that is emptied from its beginning has to step over all that was there to find
 * its oldest key.
 */
export class RecentMap<K, V extends {}> {
  readonly #items = new Map<K, Item<K, V>>()
  readonly #most: number
  #oldest: Item<K, V> | undefined
  #newest: Item<K, V> | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** The value of a key, if it is still there. */
  get(key: K): V | undefined {
    // One key asked for over and over costs one comparison.
    const item = this.#newest?.key === key ? this.#newest : this.#items.get(key)
    if (item !== undefined) this.#renew(item)
    return item?.value
  }

  set(key: K, value: V): void {
    const known = this.#items.get(key)
    if (known !== undefined) {
      known.value = value
      return this.#renew(known)
    }
    const item: Item<K, V> = { key, value, older: undefined, newer: undefined }
    this.#items.set(key, item)
    this.#append(item)
    if (this.#items.size <= this.#most) return
    const oldest = this.#oldest!
    this.#unlink(oldest)
    this.#items.delete(oldest.key)
  }

  /** The value of a key; made when it is not, or no longer, there. */
  getOrMake(key: K, make: () => V): V {
    let value = this.get(key)
    if (value === undefined) this.set(key, (value = make()))
    return value
  }

  get size(): number {
    return this.#items.size
  }

  #renew(item: Item<K, V>): void {
    if (item === this.#newest) return
    this.#unlink(item)
    this.#append(item)
  }

  #append(item: Item<K, V>): void {
    item.older = this.#newest
    item.newer = undefined
    if (this.#newest === undefined) this.#oldest = item
    else this.#newest.newer = item
    this.#newest = item
  }

  #unlink({ older, newer }: Item<K, V>): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }
}

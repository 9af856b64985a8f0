/**
 * Values by key, of which only those asked for most recently are kept.
 *
 *     new RecentMap(2)     getOrMake(a)  getOrMake(b)     {a, b}
 *                          getOrMake(a)                   {b, a}      asked for again
 *                          getOrMake(c)                   {a, c}      b was asked for longest ago
 */
export class RecentMap<K, V extends {}> {
  /** The one asked for longest ago stands first. */
  readonly #values = new Map<K, V>()
  readonly #most: number
  /** The newest, so that one key asked for over and over costs one comparison. */
  #newest: { readonly key: K; readonly value: V } | undefined

  constructor(most: number) {
    this.#most = most
  }

  /** The value of a key, if it is still there. */
  get(key: K): V | undefined {
    if (this.#newest?.key === key) return this.#newest.value
    const value = this.#values.get(key)
    if (value !== undefined) this.set(key, value)
    return value
  }

  set(key: K, value: V): void {
    if (this.#newest?.key !== key) this.#values.delete(key)
    this.#values.set(key, value)
    this.#newest = { key, value }
    if (this.#values.size <= this.#most) return
    for (const oldest of this.#values.keys()) {
      this.#values.delete(oldest)
      break
    }
  }

  /** The value of a key; made when it is not, or no longer, there. */
  getOrMake(key: K, make: () => V): V {
    let value = this.get(key)
    if (value === undefined) this.set(key, (value = make()))
    return value
  }

  get size(): number {
    return this.#values.size
  }
}

/**
 * What waits in the order in which it came.
 *
 *     push(a) push(b)     incoming [a, b]   outgoing []
 *     shift() → a         incoming []       outgoing [b]       all that came is turned around once
 *     push(c)             incoming [c]      outgoing [b]
 *
 * A Set or Map that is emptied from its beginning has to step over all that was there to find its first key.
 */
export class Fifo<T extends {}> {
  #incoming: T[] = []
  /** The next one stands last. */
  #outgoing: T[] = []

  push(value: T): void {
    this.#incoming.push(value)
  }

  /** Takes the one that came first; undefined when there is none. */
  shift(): T | undefined {
    if (this.#outgoing.length === 0) {
      this.#outgoing = this.#incoming.reverse()
      this.#incoming = []
    }
    return this.#outgoing.pop()
  }

  get length(): number {
    return this.#incoming.length + this.#outgoing.length
  }

  clear(): void {
    this.#incoming = []
    this.#outgoing = []
  }
}

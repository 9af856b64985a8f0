import { Heap } from '#lib/collections/heap.ts'
import type { Clock } from '#lib/clock.ts'

/**
 * Which keys end when. A lease's name says when it ends, so nothing about it has to be stored but the name that stands with
 * each of its keys, and after a restart the keys alone bring all leases back:
 *
 *     grant(3600)   →  'lease-mhvx3f2k-1'     ends at the moment 'mhvx3f2k' (milliseconds, base 36); 1 tells leases apart
 *
 * Leases that no key uses cost nothing.
 */
export class Leases {
  readonly #clock: Clock
  readonly #expire: (keys: ReadonlySet<string>, lease: string) => void
  /** Leases with keys. */
  readonly #keys = new Map<string, Set<string>>()
  /** Every lease of `#keys`, the first to end on top. */
  readonly #order = new Heap<{ readonly lease: string; readonly ends: number }>((a, b) => a.ends < b.ends)
  #granted = 0
  #timer: { readonly at: number; readonly disposable: Disposable } | undefined
  #closed = false

  /** Calls `expire` with the keys of each lease that ends. They stay attached until they are detached. */
  constructor(clock: Clock, expire: (keys: ReadonlySet<string>, lease: string) => void) {
    this.#clock = clock
    this.#expire = expire
  }

  grant(ttlSeconds: number): string {
    const ends = Math.ceil(this.#clock.now() + ttlSeconds * 1000)
    return `lease-${ends.toString(36)}-${(++this.#granted).toString(36)}`
  }

  /** True if a key can be written under `lease`. */
  isAlive(lease: string): boolean {
    const ends = endOfLease(lease)
    return ends !== undefined && ends > this.#clock.now()
  }

  attach(key: string, lease: string): void {
    let keys = this.#keys.get(lease)
    if (keys === undefined) {
      keys = new Set()
      this.#keys.set(lease, keys)
      this.#order.push({ lease, ends: endOfLease(lease) ?? 0 })
      this.#arm()
    }
    keys.add(key)
  }

  detach(key: string, lease: string): void {
    this.#keys.get(lease)?.delete(key)
  }

  /** Sets the timer for the first lease to end, unless one rings by then. */
  #arm(): void {
    const first = this.#order.peek()
    if (this.#closed || first === undefined || (this.#timer !== undefined && this.#timer.at <= first.ends)) return
    this.#timer?.disposable[Symbol.dispose]()
    const disposable = this.#clock.after(first.ends - this.#clock.now(), () => this.#ring())
    this.#timer = { at: first.ends, disposable }
  }

  #ring(): void {
    this.#timer = undefined
    const now = this.#clock.now()
    for (let first = this.#order.peek(); first !== undefined && first.ends <= now; first = this.#order.peek()) {
      this.#order.pop()
      const keys = this.#keys.get(first.lease)!
      this.#keys.delete(first.lease)
      if (keys.size > 0) this.#expire(keys, first.lease)
    }
    this.#arm()
  }

  [Symbol.dispose](): void {
    this.#closed = true
    this.#timer?.disposable[Symbol.dispose]()
    this.#timer = undefined
  }
}

function endOfLease(lease: string): number | undefined {
  const match = /^lease-([0-9a-z]{1,10})-[0-9a-z]{1,10}$/.exec(lease)
  return match === null ? undefined : Number.parseInt(match[1]!, 36)
}

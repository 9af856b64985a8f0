import type { Clock } from '#lib/clock.ts'
import type { Store } from '#storage/store.ts'

/** Objects written within this time share a lease, so that thousands of events do not mean thousands of leases. */
const sharedForMs = 60_000
const objectsPerLease = 1_000

/** Leases for objects that vanish by themselves. They live up to a minute longer than asked for. */
export class LeasePool {
  readonly #store: Store
  readonly #clock: Clock
  readonly #open = new Map<number, { readonly lease: Promise<string>; readonly until: number; objects: number }>()

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** A lease that ends no earlier than in `ttlSeconds`. */
  lease(ttlSeconds: number): Promise<string> {
    const now = this.#clock.now()
    let open = this.#open.get(ttlSeconds)
    if (open === undefined || open.until <= now || open.objects >= objectsPerLease) {
      const lease = this.#store.grantLease(ttlSeconds + sharedForMs / 1_000)
      open = { lease, until: now + sharedForMs, objects: 0 }
      this.#open.set(ttlSeconds, open)
      lease.catch(() => this.#open.delete(ttlSeconds))
    }
    open.objects++
    return open.lease
  }
}

/** How many requests a client address may make: a leaky bucket each for seconds and minutes, as nginx's limit_req without delay. */
import type { Clock } from '#lib/clock.ts'
import type { RateLimit } from '#ingress/routing.ts'

/** Addresses that are remembered; the one that was quiet longest is forgotten first. */
const mostSources = 50_000

interface Bucket {
  /** Requests above the rate, when the last one came. */
  excess: number
  at: number
}

interface Rate {
  readonly perMillisecond: number
  readonly burst: number
  readonly buckets: Map<string, Bucket>
}

/** The limits of one owner, for all its clients. */
export class RateLimiter {
  readonly #clock: Clock
  readonly #limit: RateLimit
  readonly #rates: readonly Rate[]
  readonly #open = new Map<string, number>()

  constructor(clock: Clock, limit: RateLimit) {
    this.#clock = clock
    this.#limit = limit
    const rate = (count: number | undefined, milliseconds: number): Rate[] =>
      count === undefined
        ? []
        : [{ perMillisecond: count / milliseconds, burst: count * limit.burstMultiplier, buckets: new Map() }]
    this.#rates = [...rate(limit.requestsPerSecond, 1_000), ...rate(limit.requestsPerMinute, 60_000)]
  }

  /** Counts a request in. When it may be served, disposing what is returned says that it has ended. */
  admit(source: string): Disposable | undefined {
    const { connections } = this.#limit
    const open = this.#open.get(source) ?? 0
    if (connections !== undefined && open >= connections) return undefined
    for (const rate of this.#rates) if (!this.#drip(rate, source)) return undefined
    if (connections === undefined) return nothing
    this.#open.set(source, open + 1)
    return {
      [Symbol.dispose]: () => {
        const left = this.#open.get(source)! - 1
        if (left === 0) this.#open.delete(source)
        else this.#open.set(source, left)
      },
    }
  }

  #drip(rate: Rate, source: string): boolean {
    const now = this.#clock.now()
    const bucket = rate.buckets.get(source)
    const excess =
      bucket === undefined ? 0 : Math.max(0, bucket.excess - Math.max(0, now - bucket.at) * rate.perMillisecond + 1)
    if (excess > rate.burst) return false
    rate.buckets.delete(source)
    rate.buckets.set(source, { excess, at: now })
    if (rate.buckets.size > mostSources) rate.buckets.delete(rate.buckets.keys().next().value!)
    return true
  }
}

const nothing: Disposable = { [Symbol.dispose]: () => undefined }

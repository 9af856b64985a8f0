import { exponentialBackoff, type Backoff } from './backoff.ts'
import type { Clock } from '#lib/clock.ts'
import { Fifo } from '#lib/collections/fifo.ts'

/** How a queue waits; the defaults suit controllers. */
export interface WorkQueueOptions {
  readonly clock: Clock
  /** Delays of `retry`, for each key by itself. */
  readonly backoff?: Backoff<string>
  readonly observer?: QueueObserver
}

/** Told what happens to keys, for metrics. */
export interface QueueObserver {
  /** It waits now, or will once its worker is done. */
  added(key: string): void
  taken(key: string): void
  done(key: string): void
  /** It comes again without a change: it failed, or there is more to do later. */
  retried(): void
}

/**
 * Keys waiting to be reconciled. A key is never handed to two workers at once, and one that is added
 * while a worker has it is handed out again afterwards, so no change is lost and no work is done twice.
 *
 * A key is in one of four states:
 *
 *     add(a)            waiting [a]   active {}     changed {}
 *     add(a)            waiting [a]   active {}     changed {}      already waiting: nothing happens
 *     take() -> a       waiting []    active {a}    changed {}
 *     add(a)            waiting []    active {a}    changed {a}     a worker has it: remember
 *     done(a)           waiting [a]   active {}     changed {}      so it waits again
 *
 * A key given to `addAfter` waits outside until its time, and then enters by `add`.
 */
export class WorkQueue<K extends string = string> {
  /** A key stands here at most once and never while it is active. */
  readonly #waiting = new Set<K>()
  /** The same keys in order of arrival. */
  readonly #order = new Fifo<K>()
  /** Handed out and not yet done. */
  readonly #active = new Set<K>()
  /** Active keys that were added since they were handed out. */
  readonly #changed = new Set<K>()
  /** Keys with a time of their own; the earlier of two times wins. */
  readonly #later = new Map<K, { readonly due: number; readonly timer: Disposable }>()
  /** Wakes workers that wait for a key, in order. */
  readonly #takers: (() => void)[] = []
  readonly #clock: Clock
  readonly #backoff: Backoff<string>
  readonly #observer: QueueObserver | undefined
  #closed = false

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock
    this.#backoff = options.backoff ?? exponentialBackoff({ first: 5, most: 1_000_000 })
    this.#observer = options.observer
  }

  /** Asks for `key` to be looked at. */
  add(key: K): void {
    if (this.#closed) return
    const isActive = this.#active.has(key)
    if (isActive ? this.#changed.has(key) : this.#waiting.has(key)) return
    this.#observer?.added(key)
    if (isActive) this.#changed.add(key)
    else this.#enter(key)
  }

  #enter(key: K): void {
    this.#waiting.add(key)
    this.#order.push(key)
    // It is taken only once the worker has woken: what is added in this turn as well is no reason for another look.
    this.#takers.shift()?.()
  }

  /** Asks for `key` to be looked at in `ms` milliseconds, or earlier if it was asked for earlier. */
  addAfter(key: K, ms: number): void {
    if (this.#closed) return
    if (ms <= 0) return this.add(key)
    const due = this.#clock.now() + ms
    const waiting = this.#later.get(key)
    if (waiting !== undefined) {
      if (waiting.due <= due) return
      waiting.timer[Symbol.dispose]()
    }
    const timer = this.#clock.after(ms, () => {
      this.#later.delete(key)
      this.add(key)
    })
    this.#later.set(key, { due, timer })
  }

  /** Asks for `key` again after a failure: later with every failure in a row. */
  retry(key: K): void {
    this.retryAfter(key, this.#backoff.next(key))
  }

  /** As `addAfter`, on behalf of the worker who had it. */
  retryAfter(key: K, ms: number): void {
    if (!this.#closed) this.#observer?.retried()
    this.addAfter(key, ms)
  }

  /** Ends the row of failures of `key`. */
  forget(key: K): void {
    this.#backoff.forget(key)
  }

  /** How many failures in a row `key` has had. */
  failures(key: K): number {
    return this.#backoff.failures(key)
  }

  /** The next key, as soon as there is one; undefined once the queue is closed. */
  async take(): Promise<K | undefined> {
    while (!this.#closed) {
      const key = this.#order.shift()
      if (key !== undefined) {
        this.#waiting.delete(key)
        this.#active.add(key)
        this.#observer?.taken(key)
        return key
      }
      await new Promise<void>((resolve) => this.#takers.push(resolve))
    }
    return undefined
  }

  /** Says that the worker who took `key` is finished with it. */
  done(key: K): void {
    this.#active.delete(key)
    this.#observer?.done(key)
    if (this.#changed.delete(key) && !this.#closed) this.#enter(key)
  }

  /** How many keys wait to be taken. */
  get length(): number {
    return this.#waiting.size
  }

  /** Ends every `take`, now and later; what was waiting is dropped. */
  close(): void {
    this.#closed = true
    this.#waiting.clear()
    this.#order.clear()
    this.#changed.clear()
    for (const { timer } of this.#later.values()) timer[Symbol.dispose]()
    this.#later.clear()
    for (const taker of this.#takers.splice(0)) taker()
  }
}

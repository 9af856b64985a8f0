/** Where components get time, so that tests can run hours of cluster time in milliseconds. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number
  /** Calls `run` once, `ms` milliseconds from now; disposing before then cancels it. */
  after(ms: number, run: () => void): Disposable
  /** Resolves after `ms` milliseconds; rejects with the signal's reason as soon as it aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
}

/** The longest delay that the platform's timers take; longer ones are waited for in steps. */
const longestTimer = 2 ** 31 - 1

/** The machine's own time. Its timers keep a process alive until they run or are disposed. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, run) {
    const due = Date.now() + ms
    let timer: NodeJS.Timeout
    const arm = (): void => {
      const left = due - Date.now()
      timer = left > longestTimer ? setTimeout(arm, longestTimer) : setTimeout(run, Math.max(0, left))
    }
    arm()
    return { [Symbol.dispose]: () => clearTimeout(timer) }
  },
  sleep: (ms, signal) => sleepOn(systemClock, ms, signal),
}

interface Timer {
  readonly due: number
  /** Breaks ties, so that timers of one moment run in the order of their making. */
  readonly order: number
  readonly run: () => void
}

/**
 * Time that moves only when a test says so.
 *
 * 1. Time moves only in `advance`.
 * 2. Timers run in the order (time, insertion).
 * 3. Between two timers every promise that can settle does: one turn of the event loop.
 * 4. A timer that throws rejects the `advance` that ran it.
 * 5. A timer set while advancing runs in the same `advance` if it is due by its end.
 *
 * It follows that what runs under it must do no real input or output.
 */
export class SimulatedClock implements Clock {
  #now: number
  #order = 0
  #timers: Timer[] = []

  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#now = start
  }

  now(): number {
    return this.#now
  }

  after(ms: number, run: () => void): Disposable {
    const timer: Timer = { due: this.#now + Math.max(0, ms), order: this.#order++, run }
    this.#insert(timer)
    return { [Symbol.dispose]: () => this.#remove(timer) }
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepOn(this, ms, signal)
  }

  /** How many timers are waiting; a test that ends with some has left something running. */
  get pending(): number {
    return this.#timers.length
  }

  /** Moves time forward by `amount` (milliseconds, or text such as `90s`, `10m`, `2h`, `7d`), running all that falls due. */
  async advance(amount: number | string): Promise<void> {
    const end = this.#now + durationOf(amount)
    await settle()
    for (let timer = this.#timers.at(-1); timer !== undefined && timer.due <= end; timer = this.#timers.at(-1)) {
      this.#timers.pop()
      this.#now = timer.due
      timer.run()
      await settle()
    }
    this.#now = end
  }

  /** Kept sorted with the next timer last, where taking it is cheap. */
  #insert(timer: Timer): void {
    this.#timers.splice(this.#placeOf(timer), 0, timer)
  }

  #remove(timer: Timer): void {
    const at = this.#placeOf(timer)
    if (this.#timers[at] === timer) this.#timers.splice(at, 1)
  }

  /** Where a timer stands, or would. */
  #placeOf(timer: Timer): number {
    let low = 0
    let high = this.#timers.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (runsBefore(timer, this.#timers[middle]!)) low = middle + 1
      else high = middle
    }
    return low
  }
}

function runsBefore(a: Timer, b: Timer): boolean {
  return a.due < b.due || (a.due === b.due && a.order < b.order)
}

function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

const unitMilliseconds: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Milliseconds of a time span: a number of them, or text such as `90s`, `10m`, `2h`, `7d`. Throws for other text. */
export function durationOf(amount: number | string): number {
  if (typeof amount === 'number') return amount
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(amount)
  if (match === null) throw new RangeError(`Cannot read duration "${amount}": write a number and one of ms, s, m, h, d`)
  return Number(match[1]) * unitMilliseconds[match[2]!]!
}

function sleepOn(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const onAbort = (): void => {
      timer[Symbol.dispose]()
      reject(signal!.reason as Error)
    }
    const timer = clock.after(ms, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

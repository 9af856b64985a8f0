import type { Demand } from './shares.ts'

/** What is left of the memory of a need after ten seconds: half of it after five minutes. */
const kept = 0.977
const keptFor = 10_000

/** Follows how many seats a level uses and would use. Times are milliseconds. */
export class DemandMeter {
  #value = 0
  #highest = 0
  #sum = 0
  #squares = 0
  #since: number
  #last: number
  #smoothed = 0

  constructor(now: number) {
    this.#since = now
    this.#last = now
  }

  /** Seats that are used or waited for, from now on. */
  set(value: number, now: number): void {
    this.#pass(now)
    this.#value = value
    if (value > this.#highest) this.#highest = value
  }

  /** The need since the last call. */
  take(now: number): Demand & { readonly average: number; readonly deviation: number } {
    this.#pass(now)
    const took = now - this.#since
    const highest = this.#highest
    const average = took <= 0 ? 0 : this.#sum / took
    const deviation = took <= 0 ? 0 : Math.sqrt(Math.max(0, this.#squares / took - average * average))
    if (took > 0) {
      const part = kept ** (took / keptFor)
      const need = average + deviation
      this.#smoothed = Math.max(need, part * this.#smoothed + (1 - part) * need)
    }
    this.#highest = this.#value
    this.#sum = 0
    this.#squares = 0
    this.#since = now
    return { highest, smoothed: this.#smoothed, average, deviation }
  }

  #pass(now: number): void {
    const took = now - this.#last
    this.#last = now
    this.#sum += this.#value * took
    this.#squares += this.#value * this.#value * took
  }
}

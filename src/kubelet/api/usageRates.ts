interface Sample {
  readonly at: number
  readonly cpuNanoseconds: number
}

/** Rates are taken over at least this, so that two readers in a row do not get noise. */
const leastWindow = 5_000
/** What was not read for so long is forgotten. */
const goodFor = 300_000

/** How fast processor time is used, from one reading to another, whoever reads. Times are in milliseconds. */
export class UsageRates {
  /** Of each thing: the sample before, and the newest one that is old enough to follow it. */
  readonly #samples = new Map<string, readonly [Sample, Sample]>()

  /** Notes a reading. */
  note(key: string, cpuNanoseconds: number, at: number): void {
    const now: Sample = { at, cpuNanoseconds }
    const known = this.#samples.get(key)
    if (known === undefined) this.#samples.set(key, [now, now])
    else if (at - known[1].at >= leastWindow) this.#samples.set(key, [known[1], now])
  }

  /** Notes a reading; nanoseconds of processor time per second since one that is long enough ago, or 0. */
  rate(key: string, cpuNanoseconds: number, at: number): number {
    const [before, newest] = this.#samples.get(key) ?? []
    this.note(key, cpuNanoseconds, at)
    const base = newest !== undefined && at - newest.at >= leastWindow ? newest : before
    const span = base === undefined ? 0 : at - base.at
    return span <= 0 ? 0 : Math.max(0, Math.round(((cpuNanoseconds - base!.cpuNanoseconds) * 1000) / span))
  }

  /** Forgets what is gone. */
  settle(at: number): void {
    for (const [key, [, { at: last }]] of this.#samples) if (at - last > goodFor) this.#samples.delete(key)
  }
}

/** Source: apiserver v0.34, pkg/util/flowcontrol/dropped_requests_tracker.go. */
const longest = 32

/** After how many seconds the refused should come again: longer while many are refused, shorter again when few are. */
export class RetryAfter {
  #seconds = 1
  #raisedAt = 0
  /** Refusals of the last seconds, the newest last. */
  #history: { readonly second: number; count: number }[] = []

  /** Counts a refusal at `now`, in milliseconds, and tells what it is told. */
  refuse(now: number): number {
    const second = Math.floor(now / 1_000)
    const last = this.#history.at(-1)
    if (last?.second === second) last.count++
    else {
      this.#adapt(second)
      this.#history.push({ second, count: 1 })
    }
    return this.#seconds
  }

  #adapt(second: number): void {
    this.#history = this.#history.filter((each) => second - each.second <= longest)
    const recent = this.#history.filter((each) => second - each.second <= this.#seconds)
    const refused = recent.reduce((sum, { count }) => sum + count, 0)
    if (second - this.#raisedAt >= this.#seconds && refused >= 3 * this.#seconds) {
      this.#seconds = Math.min(longest, 2 * this.#seconds)
      this.#raisedAt = second
    } else if (refused < this.#seconds && this.#seconds > 1) this.#seconds--
  }
}

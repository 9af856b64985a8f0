import type { Clock } from '#lib/clock.ts'

/** How long a turn may last, in milliseconds, unless told. */
const longestTurn = 5

/**
 * Keeps work that never waits for the outside from holding the event loop: promises that are ready run before anything
 * else, so thousands of pieces of work behind each other would keep timers and connections waiting until the last.
 * Each piece asks before it begins:
 *
 *     const wait = turns.pass()
 *     if (wait !== undefined) await wait
 *
 * While a turn lasts the answer is to go on. Afterwards pieces wait for one of the next turns of the event loop, in the
 * order in which they asked. On a clock that does not move, a turn has no end: nothing ever waits.
 */
export class Turns {
  readonly #clock: Clock
  readonly #longest: number
  readonly #waiting: (() => void)[] = []
  /** When the turn began; undefined before anybody asked in this turn of the event loop. */
  #began: number | undefined

  constructor(clock: Clock, longest: number = longestTurn) {
    this.#clock = clock
    this.#longest = longest
  }

  /** Nothing when work may go on at once, else a promise that resolves when it may. */
  pass(): Promise<void> | undefined {
    this.#begin()
    if (this.#waiting.length === 0 && !this.#isOver()) return undefined
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #begin(): void {
    if (this.#began !== undefined) return
    this.#began = this.#clock.now()
    setImmediate(this.#end)
  }

  #isOver(): boolean {
    return this.#clock.now() - this.#began! >= this.#longest
  }

  readonly #end = (): void => {
    this.#began = undefined
    if (this.#waiting.length === 0) return
    this.#begin()
    void this.#release()
  }

  /** Lets go one after another, so that the time which each takes before it waits is seen before the next. */
  async #release(): Promise<void> {
    let released = 0
    do {
      this.#waiting[released++]!()
      await Promise.resolve()
    } while (released < this.#waiting.length && !this.#isOver())
    this.#waiting.splice(0, released)
  }
}

import type { Clock } from '#lib/clock.ts'

interface Entry {
  readonly due: number
  readonly run: () => void
  before: Entry | undefined
  after: Entry | undefined
  isWaiting: boolean
}

/**
 * Calls back where something takes longer than a time that is the same for everything: one timer, however many begin and end.
 * The timer stays while nothing is waited for, until it is due or this is disposed.
 */
export class Deadlines implements Disposable {
  readonly #clock: Clock
  readonly #milliseconds: number
  /** In the order in which they are due, which is that in which they began. */
  #first: Entry | undefined
  #last: Entry | undefined
  #timer: Disposable | undefined

  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock
    this.#milliseconds = milliseconds
  }

  /** Calls back once the time is over; never after what is returned was called. */
  begin(run: () => void): () => void {
    const due = this.#clock.now() + this.#milliseconds
    const entry: Entry = { due, run, before: this.#last, after: undefined, isWaiting: true }
    if (this.#last === undefined) this.#first = entry
    else this.#last.after = entry
    this.#last = entry
    if (this.#timer === undefined) this.#arm(due)
    return () => this.#remove(entry)
  }

  /** Calls nobody back any more. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    this.#timer = undefined
    for (let entry = this.#first; entry !== undefined; entry = this.#first) this.#remove(entry)
  }

  #arm(due: number): void {
    this.#timer = this.#clock.after(due - this.#clock.now(), () => {
      this.#timer = undefined
      const now = this.#clock.now()
      for (let entry = this.#first; entry !== undefined && entry.due <= now; entry = this.#first) {
        this.#remove(entry)
        entry.run()
      }
      if (this.#first !== undefined && this.#timer === undefined) this.#arm(this.#first.due)
    })
  }

  #remove(entry: Entry): void {
    if (!entry.isWaiting) return
    entry.isWaiting = false
    const { before, after } = entry
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    entry.before = entry.after = undefined
  }
}

/** So many changes are kept at least, so that who looks rarely need not look at everything. */
const usuallyKept = 4_096

/** What changed, in the order of the changes, for those who ask what is new since they last looked. */
export class ChangeLog<T> {
  readonly #leastKept: number
  #changes: T[] = []
  /** How many changes were dropped before the first that is kept. */
  #dropped = 0

  /** `leastKept`: so many of the latest changes are kept. */
  constructor(leastKept: number = usuallyKept) {
    this.#leastKept = leastKept
  }

  /** How many changes there were. */
  get length(): number {
    return this.#dropped + this.#changes.length
  }

  add(change: T): void {
    this.#changes.push(change)
    if (this.#changes.length < 2 * this.#leastKept) return
    this.#dropped += this.#leastKept
    this.#changes = this.#changes.slice(this.#leastKept)
  }

  /** Drops all that is kept. */
  clear(): void {
    this.#dropped = this.length
    this.#changes = []
  }

  /** The changes after so many; undefined when some of them are not kept any more. */
  since(length: number): readonly T[] | undefined {
    if (length < this.#dropped || length > this.length) return undefined
    return this.#changes.slice(length - this.#dropped)
  }
}

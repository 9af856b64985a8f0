/** Gives things numbers that they keep as long as they are in use. */
export class Numbers {
  #known = new Map<string, number>()
  #used = new Map<string, number>()
  #last = 0

  of(key: string): number {
    let number = this.#used.get(key)
    if (number !== undefined) return number
    number = this.#known.get(key) ?? ++this.#last
    this.#used.set(key, number)
    return number
  }

  /** Forgets what was not asked for since the last time. */
  forgetUnused(): void {
    this.#known = this.#used
    this.#used = new Map()
  }
}

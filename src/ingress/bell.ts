/** Somebody waits until it rings; others ring. What rang before he waits counts. */
export class Bell {
  #rang = false
  #wake: () => void = () => {}

  ring(): void {
    this.#rang = true
    this.#wake()
  }

  /** Resolves once it has rung since the last wait, or the signal aborts. One waits at a time. */
  async wait(signal: AbortSignal): Promise<void> {
    if (!this.#rang && !signal.aborted) {
      const woken = Promise.withResolvers<void>()
      this.#wake = woken.resolve
      signal.addEventListener('abort', woken.resolve as () => void, { once: true })
      await woken.promise
      signal.removeEventListener('abort', woken.resolve as () => void)
    }
    this.#rang = false
  }
}

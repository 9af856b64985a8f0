/** Finds out within seconds that a node is gone; its object tells so only after most of a minute. */
import type { Clock } from '#lib/clock.ts'

/** Whether a node's agent takes connections; rejects never. */
export type Probe = (node: string, signal: AbortSignal) => Promise<boolean>

export interface PeersOptions {
  readonly clock: Clock
  readonly probe: Probe
  /** Called when a node is gone, or is there again. */
  readonly changed: () => void
}

const probeEvery = 1_000
/** So many probes in a row fail before a node is gone. */
const mostFailures = 3

/** The nodes that are watched at present, and which of them do not answer. */
export class Peers {
  readonly #options: PeersOptions
  readonly #failures = new Map<string, number>()
  #watched: ReadonlySet<string> = new Set()
  #wake = Promise.withResolvers<void>()

  constructor(options: PeersOptions) {
    this.#options = options
  }

  /** Those that failed too often. */
  get gone(): ReadonlySet<string> {
    return new Set([...this.#failures].filter(([, count]) => count >= mostFailures).map(([name]) => name))
  }

  watch(names: ReadonlySet<string>): void {
    this.#watched = names
    // What is not watched is not known.
    for (const name of this.#failures.keys()) if (!names.has(name)) this.#failures.delete(name)
    if (names.size > 0) this.#wake.resolve()
  }

  /** Probes until the signal aborts; costs nothing while there is nobody to watch. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, probe, changed } = this.#options
    const stop = (): void => this.#wake.resolve()
    signal.addEventListener('abort', stop, { once: true })
    while (!signal.aborted) {
      if (this.#watched.size === 0) {
        this.#wake = Promise.withResolvers()
        await this.#wake.promise
        continue
      }
      const before = [...this.gone].join()
      await Promise.all(
        [...this.#watched].map(async (name) => {
          const answers = await probe(name, signal)
          if (!this.#watched.has(name) || signal.aborted) return
          if (answers) this.#failures.delete(name)
          else this.#failures.set(name, (this.#failures.get(name) ?? 0) + 1)
        }),
      )
      if (!signal.aborted && [...this.gone].join() !== before) changed()
      await clock.sleep(probeEvery, signal).catch(() => {})
    }
  }
}

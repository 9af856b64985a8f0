// Names outside of the cluster that services and annotations lead to.
import { Resolver } from 'node:dns/promises'
import type { Clock } from '#lib/clock.ts'
import { Bell } from './bell.ts'

/** The addresses of a name, none when it has none; rejects when nobody could tell. */
export type Resolve = (name: string) => Promise<readonly string[]>

/** Asks these name servers: those of the cluster, which know its services too. */
export function resolveBy(servers: readonly string[]): Resolve {
  const resolver = new Resolver({ timeout: 2_000, tries: 2 })
  resolver.setServers([...servers])
  return async (name) => {
    const [four, six] = await Promise.allSettled([resolver.resolve4(name), resolver.resolve6(name)])
    if (four.status === 'fulfilled' && four.value.length > 0) return four.value
    if (six.status === 'fulfilled') return six.value
    const { code } = (four.status === 'rejected' ? four.reason : six.reason) as { readonly code?: string }
    if (code === 'ENOTFOUND' || code === 'ENODATA') return []
    throw new Error(`nobody tells the addresses of ${name}: ${code ?? 'no answer'}`)
  }
}

const refreshMs = 30_000
const mostNames = 1_000

/** Follows the addresses of the names that are wanted. */
export class ExternalNames {
  readonly #resolve: Resolve
  readonly #clock: Clock
  readonly #onChange: () => void
  readonly #known = new Map<string, readonly string[]>()
  #wanted: ReadonlySet<string> = new Set()
  readonly #bell = new Bell()

  constructor(resolve: Resolve, clock: Clock, onChange: () => void) {
    this.#resolve = resolve
    this.#clock = clock
    this.#onChange = onChange
  }

  /** The last that was heard; what is not told for a while stays. */
  addresses(name: string): readonly string[] | undefined {
    return this.#known.get(name)
  }

  want(names: ReadonlySet<string>): void {
    this.#wanted = new Set([...names].slice(0, mostNames))
    for (const name of this.#known.keys()) if (!this.#wanted.has(name)) this.#known.delete(name)
    if ([...this.#wanted].some((name) => !this.#known.has(name))) this.#bell.ring()
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Promise.all([...this.#wanted].map((name) => this.#look(name)))
      // Who never heard of a name tries again soon, but not at once.
      await this.#clock.sleep(1_000, signal).catch(() => {})
      using _timer = this.#clock.after(refreshMs, () => this.#bell.ring())
      await this.#bell.wait(signal)
    }
  }

  async #look(name: string): Promise<void> {
    const found = await this.#resolve(name).catch(() => undefined)
    if (found === undefined) return
    const sorted = found.toSorted()
    const before = this.#known.get(name)
    if (before !== undefined && before.join() === sorted.join()) return
    this.#known.set(name, sorted)
    this.#onChange()
  }
}

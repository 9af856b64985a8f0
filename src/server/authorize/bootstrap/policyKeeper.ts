import type { Kinds } from '../../kind.ts'
import type { RegistryContext } from '../../registry/context.ts'
import type { BootstrapObject } from './policy.ts'
import { writePolicy } from './writePolicy.ts'

/** Others are let in after this long all the same: whoever may do everything needs no roles to mend what is wrong. */
const waitsAtMost = 2_000
const triesAgainAfter = 1_000

interface Surroundings {
  readonly registry: RegistryContext
  readonly kinds: Kinds
  readonly onBug: (error: unknown, what: string) => void
}

/** Puts the bootstrap roles in place when a server starts, and tries again as long as that fails. */
export class PolicyKeeper {
  readonly #policy: () => readonly BootstrapObject[]
  readonly #around: Surroundings
  #isThere = false

  constructor(policy: () => readonly BootstrapObject[], around: Surroundings) {
    this.#policy = policy
    this.#around = around
  }

  /** Whether all of the policy was there, or was written, since the start. */
  get isThere(): boolean {
    return this.#isThere
  }

  /** Calls `ready` once, when the roles are there or after a while without them. */
  put(ready: () => void, signal: AbortSignal): void {
    const { clock } = this.#around.registry
    const first = Promise.withResolvers<void>()
    const timer = clock.after(waitsAtMost, first.resolve)
    void first.promise.then(() => {
      timer[Symbol.dispose]()
      ready()
    })
    void this.#try(first.resolve, signal)
  }

  async #try(tried: () => void, signal: AbortSignal): Promise<void> {
    const { registry, kinds, onBug } = this.#around
    while (!signal.aborted && !this.#isThere) {
      try {
        await writePolicy(registry, kinds, this.#policy())
        this.#isThere = true
      } catch (error) {
        if (!signal.aborted) onBug(error, 'the bootstrap roles')
      }
      tried()
      if (!this.#isThere) await registry.clock.sleep(triesAgainAfter, signal).catch(() => {})
    }
  }
}

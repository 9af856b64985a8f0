/** The uses of pods' tokens that are good for longer than they were asked for: how many clients do not read theirs again. */
import type { Counter, MetricRegistry } from '#lib/metrics.ts'
import type { Notes } from './authenticator.ts'

/** So long tokens are asked for that may be good for longer: pods got them in the place of tokens that never ended. In seconds. */
export const warnedLifetime = 3_607
/** How long they are good then; in seconds. */
export const extendedLifetime = 365 * 24 * 3_600

/** Counted as Kubernetes v1.34 does it (pkg/serviceaccount). */
export class ProjectedTokenUses {
  readonly #valid: Counter
  readonly #stale: Counter

  constructor(registry: MetricRegistry) {
    const counter = (name: string, kind: string): Counter =>
      registry.counter({
        name: `serviceaccount_${name}`,
        help: `Cumulative ${kind} projected service account tokens used`,
        labels: [],
      })
    this.#valid = counter('valid_tokens_total', 'valid')
    this.#stale = counter('stale_tokens_total', 'stale')
  }

  /** Notes a use at `now`, in milliseconds, of a token that should have been replaced at `warnAfter`, in seconds. */
  note(subject: string, warnAfter: number, now: number, notes: Notes): void {
    if (now <= warnAfter * 1_000) return this.#valid.inc()
    const late = Math.floor(now / 1_000) - warnAfter
    notes.annotate('authentication.k8s.io/stale-token', `subject: ${subject}, seconds after warning threshold: ${late}`)
    this.#stale.inc()
  }
}

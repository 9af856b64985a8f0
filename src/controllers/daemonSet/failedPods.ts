import type { DaemonSet } from '#api/apps/v1/daemonSet.ts'
import { exponentialDelay } from '#lib/async/backoff.ts'

const delays = { first: 1_000, most: 15 * 60_000 }

interface Failure {
  /** How many pods in a row were taken away because they had failed. */
  readonly count: number
  /** When the last one was. */
  readonly at: number
}

/** How long failed pods are left as they are: longer with each in a row, so that the set does not fight with a node that refuses its pods. */
export class FailedPods {
  /** key of the set → its generation and node → failure */
  readonly #failures = new Map<string, Map<string, Failure>>()

  /** For how many milliseconds yet a failed pod of this node is left; 0: it may go. */
  wait(key: string, set: DaemonSet, node: string, now: number): number {
    const failure = this.#failures.get(key)?.get(placeOf(set, node))
    if (failure === undefined || isOver(failure, now)) return 0
    return Math.max(0, failure.at + exponentialDelay(failure.count - 1, delays) - now)
  }

  /** Notes that a failed pod is taken away. */
  removed(key: string, set: DaemonSet, node: string, now: number): void {
    const failures = this.#failures.get(key) ?? new Map<string, Failure>()
    this.#failures.set(key, failures)
    for (const [place, failure] of failures) if (isOver(failure, now)) failures.delete(place)
    const before = failures.get(placeOf(set, node))
    failures.set(placeOf(set, node), { count: (before?.count ?? 0) + 1, at: now })
  }

  /** Drops what is noted for a set that no longer exists. */
  forget(key: string): void {
    this.#failures.delete(key)
  }
}

/** A change of the template starts anew. */
function placeOf({ metadata, status }: DaemonSet, node: string): string {
  return `${metadata.uid}/${status?.observedGeneration ?? 0}/${node}`
}

function isOver({ at }: Failure, now: number): boolean {
  return now - at > 2 * delays.most
}

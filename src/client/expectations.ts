import type { KubeObject } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import { keyOf } from './index.ts'
import type { Lister } from './informer.ts'
import { compareResourceVersions } from './resourceVersion.ts'

/** The part of an informer that answers whether a write has come back. */
export type Observed<T extends KubeObject> = Pick<Lister<T>, 'get'> & { readonly resourceVersion: string }

interface Expected {
  /** The newest revision that a write returned. */
  written: string
  /** key → uid of what was deleted. */
  readonly deleted: Map<string, string>
  /** When the last write was noted. */
  at: number
}

/**
 * What a controller wrote and its informer has not yet seen. Until it has, the copy is too old to decide from: the same
 * pods would be created twice.
 *
 *     wrote('default/web', a@12)      informer at 11 → not seen
 *                                       informer at 12 → seen: the copy has `a`, or `a` is gone again
 *     deleted('default/web', b)         informer has b without deletionTimestamp → not seen
 *                                       informer has b with one, another b, or none → seen
 *
 * It compares states, so there is no counting and nothing to lower when an event is missed.
 */
export class Expectations<T extends KubeObject> {
  readonly #clock: Clock
  readonly #observed: Observed<T>
  readonly #expected = new Map<string, Expected>()

  constructor(clock: Clock, observed: Observed<T>) {
    this.#clock = clock
    this.#observed = observed
  }

  /** Notes that `object`, as the server returned it, was created or changed for `key`. */
  wrote(key: string, object: T): void {
    const expected = this.#of(key)
    const version = object.metadata.resourceVersion ?? ''
    if (compareResourceVersions(version, expected.written) > 0) expected.written = version
  }

  /** Notes that `object` was deleted for `key`. */
  deleted(key: string, object: T): void {
    this.#of(key).deleted.set(keyOf(object.metadata), object.metadata.uid ?? '')
  }

  /** Whether everything written for `key` has come back. */
  satisfied(key: string): boolean {
    const expected = this.#expected.get(key)
    if (expected === undefined) return true
    // What does not come back in five minutes never will: better to act on what is there than never to act.
    const given = this.#clock.now() - expected.at >= giveUpAfter
    if (!given && !this.#seen(expected)) return false
    this.#expected.delete(key)
    return true
  }

  /** Drops what is noted for a key that no longer exists. */
  forget(key: string): void {
    this.#expected.delete(key)
  }

  #seen(expected: Expected): boolean {
    if (compareResourceVersions(this.#observed.resourceVersion, expected.written) < 0) return false
    for (const [key, uid] of expected.deleted) {
      const object = this.#observed.get(key)
      if (object !== undefined && object.metadata.uid === uid && object.metadata.deletionTimestamp === undefined) {
        return false
      }
    }
    return true
  }

  #of(key: string): Expected {
    let expected = this.#expected.get(key)
    if (expected === undefined) {
      expected = { written: '', deleted: new Map(), at: 0 }
      this.#expected.set(key, expected)
    }
    expected.at = this.#clock.now()
    return expected
  }
}

/**
 * When to look again at a key whose writes have not come back, in milliseconds. What was made and is gone again before the
 * copy was read anew brings no change that would ask for it.
 */
export const recheckExpectations = 10_000

const giveUpAfter = 5 * 60_000

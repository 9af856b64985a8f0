import type { KubeObject } from '#api/resource.ts'
import { keyOf } from '#client/index.ts'
import type { Informer } from '#client/informer.ts'
import { compareResourceVersions } from '#client/resourceVersion.ts'

/**
 * Copies of one resource with what the scheduler means to make of some of them: the next decision counts on it. An object
 * of which the server has a newer state is as the server says.
 */
export class Assumed<T extends KubeObject> {
  readonly copies: Informer<T>
  readonly #assumed = new Map<string, T>()

  constructor(copies: Informer<T>) {
    this.copies = copies
  }

  get(key: string): T | undefined {
    const copy = this.copies.get(key)
    const assumed = this.#assumed.get(key)
    if (assumed === undefined) return copy
    if (copy !== undefined && copy.metadata.uid === assumed.metadata.uid && !isNewer(copy, assumed)) return assumed
    this.#assumed.delete(key)
    return copy
  }

  /** What is meant to become of an object that the copies gave. */
  newest(object: T): T {
    return this.#assumed.size === 0 ? object : (this.get(keyOf(object.metadata)) ?? object)
  }

  /** Counts on `object`, which is the known one changed. */
  assume(object: T): void {
    this.#assumed.set(keyOf(object.metadata), object)
  }

  /** Counts on what the server has, unless somebody else has assumed something since. */
  forget(object: T): void {
    const key = keyOf(object.metadata)
    if (this.#assumed.get(key) === object) this.#assumed.delete(key)
  }
}

function isNewer({ metadata }: KubeObject, other: KubeObject): boolean {
  return compareResourceVersions(metadata.resourceVersion ?? '', other.metadata.resourceVersion ?? '') > 0
}

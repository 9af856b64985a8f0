import type { KubeObject } from '#api/resource.ts'
import { keyOf } from './index.ts'
import type { Informer } from './informer.ts'
import { compareResourceVersions } from './resourceVersion.ts'

/**
 * An informer's copies, or what was written since by whoever asks: the next decision sees the last one although it has
 * not come back yet. What the informer has caught up with is forgotten.
 */
export class OwnWrites<T extends KubeObject> {
  readonly #copies: Pick<Informer<T>, 'get' | 'resourceVersion'>
  readonly #written = new Map<string, T>()

  constructor(copies: Pick<Informer<T>, 'get' | 'resourceVersion'>) {
    this.#copies = copies
  }

  /** Notes an object as the server returned it. */
  wrote(object: T): T {
    this.#written.set(keyOf(object.metadata), object)
    return object
  }

  get(key: string): T | undefined {
    const copy = this.#copies.get(key)
    const written = this.#written.get(key)
    if (written === undefined) return copy
    // What the informer has passed and does not have is gone again.
    if (!isNewer(written.metadata.resourceVersion, copy?.metadata.resourceVersion ?? this.#copies.resourceVersion)) {
      this.#written.delete(key)
      return copy
    }
    return written
  }

  /** The newest state of an object that the informer gave. */
  newest(object: T): T {
    return this.#written.size === 0 ? object : (this.get(keyOf(object.metadata)) ?? object)
  }
}

function isNewer(written: string | undefined, copy: string): boolean {
  return compareResourceVersions(written ?? '', copy) > 0
}

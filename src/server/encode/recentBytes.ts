import type { StoredObject } from '../storedObject.ts'

/** Two generations of this many bytes are kept. */
const generationBytes = 4 * 1024 * 1024

/**
 * The bytes of the newest events in one form, by their objects: made once for all who watch, and forgotten soon, so that
 * no object is kept twice for as long as it lives. Two generations take turns:
 *
 *     set(a) set(b)         young  a b      old  -
 *     set(c), b and c full  young  -        old  a b c
 *     get(a)                from the old one, until the young one is full again
 */
export class RecentBytes {
  #young = new Map<StoredObject, Buffer>()
  #old = new Map<StoredObject, Buffer>()
  #youngBytes = 0

  /** The bytes for an object, made by `encode` when they are not there. */
  of(stored: StoredObject, encode: (stored: StoredObject) => Buffer): Buffer {
    const known = this.#young.get(stored) ?? this.#old.get(stored)
    if (known !== undefined) return known
    const bytes = encode(stored)
    this.#young.set(stored, bytes)
    this.#youngBytes += bytes.length
    if (this.#youngBytes >= generationBytes) {
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    return bytes
  }
}

/**
 * Keeps whole replies by the bytes of their questions, for the answers that are the same for every client. What a reply was
 * made from is noted, and when one of these changes the reply is forgotten: there is no time for which it may be wrong.
 */
import type { Records } from './records.ts'

/** Something that a reply depends on: `service default/web`, `address 10.96.0.7`. */
export type Source = string

/** More questions than these are not kept; the oldest goes. */
const mostKept = 10_000
/** Several replies that begin with another record each are kept of one question. */
const mostVariants = 8

export interface KeptAnswer<Note> {
  /** Some of the replies, by the record with which they begin; made as they are needed. */
  readonly replies: (Buffer | undefined)[]
  readonly sources: readonly Source[]
  /** What its user notes about it. */
  readonly note: Note
  next: number
  /** Its place among those that go when there are too many. */
  readonly place: number
}

/** Places for keys that were asked for; as many are noted as an eighth of them before it begins anew. */
const askedPlaces = 1 << 17

export class AnswerCache<Note> {
  readonly #asked = new Uint8Array(askedPlaces / 8)
  #askedCount = 0

  readonly #kept = new Map<string, KeptAnswer<Note>>()
  /** Keys in the order in which they came, round and round: to ask a map for its oldest key takes long after many deletions. */
  readonly #places: (string | undefined)[] = []
  #nextPlace = 0
  readonly #bySource = new Map<Source, Set<string>>()

  get size(): number {
    return this.#kept.size
  }

  find(key: string): KeptAnswer<Note> | undefined {
    return this.#kept.get(key)
  }

  /**
   * Whether a key was asked for lately; from now on it was. Names that there are not come by search lists, most of them once: to
   * keep their replies would cost more than to make them, and cost others their places. Some that were not asked are taken for
   * such that were.
   */
  wasAsked(key: string): boolean {
    let hash = 0x811c9dc5
    for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193)
    const place = (hash ^ (hash >>> 15)) & (askedPlaces - 1)
    const bit = 1 << (place & 7)
    if ((this.#asked[place >> 3]! & bit) !== 0) return true
    if (++this.#askedCount > askedPlaces / 8) {
      this.#asked.fill(0)
      this.#askedCount = 1
    }
    this.#asked[place >> 3]! |= bit
    return false
  }

  /** Keeps a reply; `variants` is how many ways there are to begin it. */
  keep(key: string, reply: Buffer, variants: number, sources: ReadonlySet<Source>, note: Note): void {
    const known = this.#kept.get(key)
    if (known !== undefined) this.#forget(key, known)
    const place = this.#nextPlace
    this.#nextPlace = (place + 1) % mostKept
    const oldest = this.#places[place]
    const displaced = oldest === undefined ? undefined : this.#kept.get(oldest)
    if (displaced !== undefined) this.#forget(oldest!, displaced)
    this.#places[place] = key
    const replies: (Buffer | undefined)[] = Array.from({ length: Math.max(1, Math.min(variants, mostVariants)) })
    replies[0] = reply
    this.#kept.set(key, { replies, sources: [...sources], note, next: 1, place })
    for (const source of sources) {
      const keys = this.#bySource.get(source)
      if (keys === undefined) this.#bySource.set(source, new Set([key]))
      else keys.add(key)
    }
  }

  /** Forgets every reply that was made from this. */
  changed(source: Source): void {
    const keys = this.#bySource.get(source)
    if (keys === undefined) return
    for (const key of keys) this.#forget(key, this.#kept.get(key)!)
  }

  clear(): void {
    this.#kept.clear()
    this.#places.length = 0
    this.#nextPlace = 0
    this.#bySource.clear()
  }

  #forget(key: string, answer: KeptAnswer<Note>): void {
    this.#kept.delete(key)
    this.#places[answer.place] = undefined
    for (const source of answer.sources) {
      const keys = this.#bySource.get(source)
      keys?.delete(key)
      if (keys?.size === 0) this.#bySource.delete(source)
    }
  }
}

export const sourceOf = {
  namespace: (name: string): Source => `namespace ${name}`,
  service: (key: string): Source => `service ${key}`,
  address: (address: string): Source => `address ${address}`,
  pod: (address: string): Source => `pod ${address}`,
}

/** The same records; each look at them is told. */
export function watchedRecords(records: Records, look: (source: Source) => void): Records {
  return {
    hasNamespace(namespace) {
      look(sourceOf.namespace(namespace))
      return records.hasNamespace(namespace)
    },
    service(namespace, name) {
      look(sourceOf.service(`${namespace}/${name}`))
      return records.service(namespace, name)
    },
    endpoints(namespace, name) {
      look(sourceOf.service(`${namespace}/${name}`))
      return records.endpoints(namespace, name)
    },
    namesOf(address) {
      look(sourceOf.address(address))
      return records.namesOf(address)
    },
    hasPod(namespace, address) {
      look(sourceOf.pod(address))
      return records.hasPod(namespace, address)
    },
  }
}

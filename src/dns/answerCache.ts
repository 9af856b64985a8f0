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

export class AnswerCache<Note> {
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

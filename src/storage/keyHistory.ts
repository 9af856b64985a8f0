import type { Revision } from './store.ts'

/** One version of a key: where its value is found, and when the life it belongs to began. */
export interface Version {
  readonly created: Revision
  readonly modified: Revision
}

/** From the write that brought the key into being to its deletion. */
interface Life {
  readonly created: Revision
  /** Ascending; the first one is `created` until that is compacted away. */
  revisions: Revision[]
  /** 0 while the key exists. */
  deleted: Revision
}

/**
 * At which revisions one key was written and deleted, so that its version at any revision can be found without reading
 * a value. It is a list of lives. After
 *
 *     write(2)  write(5)  delete(8)  write(11)  write(14)  write(15)
 *
 * the history holds
 *
 *     life 1   created  2   revisions  2  5        deleted 8
 *     life 2   created 11   revisions 11 14 15     deleted –
 *
 * and answers
 *
 *     at(1)   nothing: not yet created          at(8)  at(10)   nothing: deleted
 *     at(2)   at(4)   version 2,  created  2    at(11) at(13)   version 11, created 11
 *     at(5)   at(7)   version 5,  created  2    at(15) at(99)   version 15, created 11
 *
 * `compact(r)` keeps what a reader at `r` or later can still see: the version in force at `r`, and everything after it.
 * It returns the revisions whose records nobody needs any more, the deletion's own among them:
 *
 *     compact(4)   drops nothing   1: 2 5 † 8      2: 11 14 15     2 is in force at 4
 *     compact(6)   drops 2         1: 5 † 8        2: 11 14 15     life 1 still knows that it began at 2
 *     compact(8)   drops 5 8       2: 11 14 15                     at 8 the key is gone, and so is that life
 *     compact(14)  drops 11        2: 14 15                        created is still 11
 *     compact(99)  drops 14        2: 15                           the newest version stays for ever …
 *     delete(100)  compact(100)    empty: drops 15 100             … until the key is deleted
 *
 * Revisions arrive in ascending order. Finding the version at a revision takes two binary searches; the newest one, which
 * is nearly always what is asked for, takes none.
 */
export class KeyHistory {
  readonly key: string
  /** Size of the newest value; 0 while the key does not exist. Kept here by whoever writes, so that it need not be looked up. */
  bytes = 0
  #lives: Life[] = []

  constructor(key: string) {
    this.key = key
  }

  /** The key got a value; without a life this begins one, said to have begun at `created`. */
  write(revision: Revision, created: Revision = revision): void {
    const life = this.#lives.at(-1)
    if (life !== undefined && life.deleted === 0) {
      life.revisions.push(revision)
      return
    }
    const begun: Life = { created, revisions: [revision], deleted: 0 }
    // Most keys live once, and a list that is made with its only item has no room to spare: 130 bytes less for each key.
    if (life === undefined) this.#lives = [begun]
    else this.#lives.push(begun)
  }

  /** The key was deleted. Only for a key that exists. */
  delete(revision: Revision): void {
    this.#lives.at(-1)!.deleted = revision
  }

  /** The version that exists now. */
  newest(): Version | undefined {
    const life = this.#lives.at(-1)
    if (life === undefined || life.deleted !== 0) return undefined
    return { created: life.created, modified: life.revisions.at(-1)! }
  }

  /** The version that existed at `revision`; right for every revision since the last compaction. */
  at(revision: Revision): Version | undefined {
    const life = this.#lives.at(-1)
    if (life !== undefined && life.deleted === 0 && life.revisions.at(-1)! <= revision) {
      return { created: life.created, modified: life.revisions.at(-1)! }
    }
    const then = this.#lives[lastIndex(this.#lives, (each) => each.revisions[0]! <= revision)]
    if (then === undefined || (then.deleted !== 0 && then.deleted <= revision)) return undefined
    return { created: then.created, modified: then.revisions[lastIndex(then.revisions, (each) => each <= revision)]! }
  }

  /** Forgets what was overwritten or deleted by `revision`, and returns the revisions whose records can go. */
  compact(revision: Revision): Revision[] {
    const ended = lastIndex(this.#lives, (life) => life.deleted !== 0 && life.deleted <= revision) + 1
    let dropped = this.#lives.splice(0, ended).flatMap((life) => [...life.revisions, life.deleted])
    const oldest = this.#lives[0]
    if (oldest !== undefined) {
      const inForce = lastIndex(oldest.revisions, (each) => each <= revision)
      // A copy rather than a splice: the array keeps the room it once needed, and some keys are written all the time.
      if (inForce > 0) {
        dropped = dropped.concat(oldest.revisions.slice(0, inForce))
        oldest.revisions = oldest.revisions.slice(inForce)
      }
    }
    return dropped
  }

  /** True once nothing is left to remember, after a deletion was compacted. */
  get isEmpty(): boolean {
    return this.#lives.length === 0
  }
}

/** The index of the last item for which `holds`, which is true for a beginning of the list and false for the rest; -1 if none. */
function lastIndex<T>(items: readonly T[], holds: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (holds(items[middle]!)) low = middle + 1
    else high = middle
  }
  return low - 1
}

import { OrderedEntries } from '#lib/collections/orderedEntries.ts'
import { ChangeLog, type HistoryBudget } from './history.ts'
import { KeyHistory, type Version } from './keyHistory.ts'
import type { Leases } from './leases.ts'
import { StoreError, type Revision } from './store.ts'

/** One durable change: all of its record but the value. */
export interface RecordedChange {
  readonly revision: Revision
  readonly key: string
  /** Size of the value; -1 for a deletion. */
  readonly bytes: number
  /** Equal to `revision` if the key's life began with this change. */
  readonly created: Revision
  readonly lease?: string
  /** Milliseconds since the Unix epoch. */
  readonly time: number
}

/**
 * Which keys existed when, without their values: the index, the log and what the leases need, kept in step. All of it is in
 * memory and all that is in it is durable.
 */
export class KeySpace {
  readonly #index = new OrderedEntries<KeyHistory>()
  readonly #log: ChangeLog
  readonly #leases: Leases
  /** The leases of versions that have one. */
  readonly #leaseOf = new Map<Revision, string>()

  constructor(compacted: Revision, leases: Leases) {
    this.#log = new ChangeLog(compacted)
    this.#leases = leases
  }

  get newest(): Revision {
    return this.#log.newest
  }

  get compacted(): Revision {
    return this.#log.compacted
  }

  /** The version of a key that exists now. */
  current(key: string): Version | undefined {
    return this.#index.get(key)?.newest()
  }

  /** The version of a key that existed at a revision, which must not be compacted. */
  versionAt(key: string, revision: Revision): Version | undefined {
    return this.#index.get(key)?.at(revision)
  }

  /** The lease under which a version was written. */
  leaseOf(modified: Revision): string | undefined {
    return this.#leaseOf.get(modified)
  }

  /** The histories under a prefix and behind a key, in order. */
  histories(prefix: string, after?: string): readonly KeyHistory[] {
    return this.#index.list(prefix, after)
  }

  /** The key that changed at a revision that is not compacted. */
  changed(revision: Revision): KeyHistory {
    return this.#log.changed(revision)
  }

  planCompaction(budget: HistoryBudget, now: number): Revision | undefined {
    return this.#log.planCompaction(budget, now)
  }

  /** Enters the change of the next revision, or while loading one that was in force at the compaction. */
  enter({ revision, key, bytes, created, lease, time }: RecordedChange): void {
    const history = this.#historyOf(key)
    const replacedBytes = history.bytes
    const replaced = history.newest()
    if (replaced !== undefined) {
      const former = this.#leaseOf.get(replaced.modified)
      if (former !== undefined) this.#leases.detach(key, former)
    }
    if (bytes < 0) {
      history.delete(revision)
      history.bytes = 0
    } else {
      history.write(revision, created)
      history.bytes = bytes
      if (lease !== undefined) {
        this.#leaseOf.set(revision, lease)
        this.#leases.attach(key, lease)
      }
    }
    // What was in force at the compaction is no longer a change that can be watched.
    if (revision > this.#log.compacted) this.#log.append({ history, replacedBytes, time })
  }

  /**
   * Enters the records of an empty key space, in order of revision. A compaction may have been interrupted after it removed
   * some records; what it left is returned.
   */
  load(records: Iterable<RecordedChange>): Revision[] {
    const left: Revision[] = []
    for (const record of records) {
      const { revision, key } = record
      const deletesNothing = record.bytes < 0 && this.current(key) === undefined
      if (revision > this.#log.compacted) {
        if (revision !== this.#log.newest + 1) throw damaged(`revision ${this.#log.newest + 1} is missing`)
        if (deletesNothing) throw damaged(`revision ${revision} deletes "${key}", which does not exist`)
      }
      if (deletesNothing) left.push(revision)
      else this.enter(record)
    }
    return left.concat(this.#compactHistories(this.#index.list(''), this.#log.compacted))
  }

  /** Forgets what was overwritten or deleted at `revision`, and returns the revisions whose records can go. */
  compact(revision: Revision): Revision[] {
    return this.#compactHistories(this.#log.compact(revision), revision)
  }

  /** The history of a key, which is new and empty if there was none. */
  #historyOf(key: string): KeyHistory {
    const known = this.#index.get(key)
    if (known !== undefined) return known
    const history = new KeyHistory(key)
    this.#index.set(history)
    return history
  }

  #compactHistories(histories: Iterable<KeyHistory>, revision: Revision): Revision[] {
    const dropped: Revision[] = []
    for (const history of histories) {
      for (const each of history.compact(revision)) {
        this.#leaseOf.delete(each)
        dropped.push(each)
      }
      if (history.isEmpty) this.#index.delete(history.key)
    }
    return dropped
  }
}

function damaged(what: string): StoreError {
  return new StoreError('failed', `Cannot open the store: ${what}`)
}

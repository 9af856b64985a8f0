import type { Clock } from '#lib/clock.ts'
import type { HistoryBudget } from './history.ts'
import type { Version } from './keyHistory.ts'
import { KeySpace, type RecordedChange } from './keySpace.ts'
import { Leases } from './leases.ts'
import { RevisionCompacted, StoreError, maximumKeyLength, maximumValueBytes } from './store.ts'
import type { CommitResult, KeyValue, ListOptions, ListResult, ReadOptions, Revision } from './store.ts'
import type { Store, StoreEvent, StoreWatch, StoreWrite } from './store.ts'
import { Watchers } from './watchers.ts'

/** One record that a medium keeps under its revision. */
export interface StoredChange {
  readonly key: string
  /** Absent for a deletion. */
  readonly value?: Buffer
  /** When the key's life began; 0 if it begins with this change. */
  readonly created: Revision
  readonly lease?: string
  /** Milliseconds since the Unix epoch. */
  readonly time: number
}

/** Where an embedded store keeps its bytes. Revisions are counted by the store and the medium alike: one for each change. */
export interface Medium {
  /**
   * Keeps the changes under the next revisions, all or none, and calls `done` once they survive a crash. Calls are
   * finished in order, and a call may follow before the one before it is finished.
   */
  append(changes: readonly StoredChange[], done: (error?: StoreError) => void): void
  /** The value kept under a revision. */
  read(revision: Revision): Buffer
  /** Forgets these records for good; nobody will read them, nor ask for a state before `compacted`. */
  remove(compacted: Revision, revisions: readonly Revision[]): void
  /** Calls `run` when the commits that arrive together with this one are there too. */
  gather(run: () => void): void
  /** Lets others run in the middle of a long read. */
  pause(): Promise<void>
  /** Finishes what was begun. */
  close(): Promise<void>
}

interface Waiting {
  readonly change: StoredChange
  readonly resolve: (result: CommitResult) => void
  readonly reject: (error: Error) => void
}

/** A list reads this many values before it lets others run. */
const valuesPerTurn = 256

/** A store can hold more history than one turn of the event loop should touch. */
const revisionsPerCompaction = 5_000

/** So many keys of an ended lease are deleted together. */
const expiriesPerGroup = 256

/** When keys could not be deleted because the disk was full. */
const retryExpiryMilliseconds = 10_000

/**
 * The store that lives in this process, over some medium. Keys, revisions and times are in memory; values are where the
 * medium keeps them.
 *
 * A commit goes this way: compared with the index (a conflict is answered at once) → waiting → gathered with others and
 * given to the medium → durable → entered into index and log, announced to watches, acknowledged. Until then nobody sees
 * it. Another commit on the same key waits for the first one's end, because only then is it known what it competes with.
 */
export class EmbeddedStore implements Store {
  readonly #medium: Medium
  readonly #clock: Clock
  readonly #budget: HistoryBudget
  readonly #keys: KeySpace
  readonly #leases: Leases
  readonly #watchers: Watchers
  /** Keys with a commit under way. */
  readonly #underWay = new Map<string, Promise<unknown>>()
  #waiting: Waiting[] = []
  #gathering = false
  /** Reads that go on over several turns; what they may still read is not removed. */
  #longReads = 0
  #removable: Revision[] = []
  #closed = false
  readonly #closing = new AbortController()

  /** `found` are the medium's records in order of revision; what they hold of before `compacted` is cleared away. */
  constructor(
    medium: Medium,
    options: { readonly clock: Clock; readonly budget: HistoryBudget },
    found: Iterable<RecordedChange>,
    compacted: Revision,
  ) {
    this.#medium = medium
    this.#clock = options.clock
    this.#budget = options.budget
    this.#leases = new Leases(options.clock, (keys, lease) => void this.#expire(keys, lease))
    const keys = new KeySpace(compacted, this.#leases)
    this.#keys = keys
    this.#watchers = new Watchers(
      {
        get newest() {
          return keys.newest
        },
        get compacted() {
          return keys.compacted
        },
        event: (revision, prefix) => this.#eventAt(revision, prefix),
        pause: () => medium.pause(),
      },
      options.clock,
    )
    try {
      this.#removable = keys.load(found)
    } catch (error) {
      this.#leases[Symbol.dispose]()
      throw error
    }
    this.#removeRecords()
  }

  get newest(): Revision | undefined {
    return this.#closed ? undefined : this.#keys.newest
  }

  async revision(signal?: AbortSignal): Promise<Revision> {
    signal?.throwIfAborted()
    this.#throwIfClosed()
    return this.#keys.newest
  }

  async get(key: string, options: ReadOptions = {}): Promise<{ kv?: KeyValue; revision: Revision }> {
    const revision = this.#readable(options)
    const version = this.#keys.versionAt(key, revision)
    return version === undefined ? { revision } : { kv: this.#read(key, version), revision }
  }

  async list(prefix: string, options: ListOptions = {}): Promise<ListResult> {
    const revision = this.#readable(options)
    const limit = options.limit ?? Number.POSITIVE_INFINITY
    const found: { key: string; version: Version }[] = []
    let remaining = 0
    for (const history of this.#keys.histories(prefix, options.after)) {
      const version = history.at(revision)
      if (version === undefined) continue
      if (found.length < limit) found.push({ key: history.key, version })
      else remaining++
    }
    const items: KeyValue[] = []
    this.#longReads++
    try {
      for (const { key, version } of found) {
        if (items.length > 0 && items.length % valuesPerTurn === 0) {
          await this.#medium.pause()
          options.signal?.throwIfAborted()
          this.#throwIfClosed()
        }
        items.push(this.#read(key, version))
      }
    } finally {
      this.#longReads--
      this.#removeRecords()
    }
    return { items, more: remaining > 0, remaining, revision }
  }

  commit(key: string, expected: Revision, write: StoreWrite): Promise<CommitResult> {
    try {
      this.#throwIfClosed()
      this.#checkWrite(key, expected, write)
    } catch (error) {
      return Promise.reject(error as Error)
    }
    const before = this.#underWay.get(key)
    if (before !== undefined) {
      const again = (): Promise<CommitResult> => this.commit(key, expected, write)
      return before.then(again, again)
    }
    const version = this.#keys.current(key)
    if ((version?.modified ?? 0) !== expected) return this.#conflict(key, version)
    const { promise, resolve, reject } = Promise.withResolvers<CommitResult>()
    this.#underWay.set(key, promise)
    const time = this.#clock.now()
    const created = version?.created ?? 0
    this.#waiting.push({
      change: write === 'delete' ? { key, created, time } : { key, created, time, ...write },
      resolve,
      reject,
    })
    if (!this.#gathering) {
      this.#gathering = true
      this.#medium.gather(() => this.#appendWaiting())
    }
    return promise
  }

  watch(prefix: string, from: Revision, signal: AbortSignal): StoreWatch {
    this.#throwIfClosed()
    return this.#watchers.open(prefix, from, signal)
  }

  async compact(revision: Revision): Promise<void> {
    this.#throwIfClosed()
    this.#throwIfFuture(revision)
    while (this.#keys.compacted < revision) {
      this.#compactTo(Math.min(revision, this.#keys.compacted + revisionsPerCompaction))
      if (this.#keys.compacted < revision) await this.#medium.pause()
    }
  }

  async grantLease(ttlSeconds: number): Promise<string> {
    this.#throwIfClosed()
    if (!(ttlSeconds > 0 && ttlSeconds <= 9_000_000_000)) {
      throw new RangeError(`Cannot grant a lease of ${ttlSeconds} seconds`)
    }
    return this.#leases.grant(ttlSeconds)
  }

  /** Finishes the commits under way, refuses others, ends watches. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#closing.abort()
    this.#leases[Symbol.dispose]()
    if (this.#gathering) this.#appendWaiting()
    await Promise.allSettled(this.#underWay.values())
    this.#watchers.close(closedError())
    await this.#medium.close()
  }

  #checkWrite(key: string, expected: Revision, write: StoreWrite): void {
    if (key === '' || key.length > maximumKeyLength) {
      throw new RangeError(`Cannot write a key of ${key.length} characters: it must have 1 to ${maximumKeyLength}`)
    }
    if (write === 'delete') {
      if (expected === 0) throw new RangeError(`Cannot delete "${key}" on condition that it does not exist`)
      return
    }
    if (write.value.length > maximumValueBytes) {
      throw new RangeError(
        `Cannot write "${key}": its ${write.value.length} bytes are more than the ${maximumValueBytes} a value may have`,
      )
    }
    if (write.lease !== undefined && !this.#leases.isAlive(write.lease)) {
      throw new StoreError('leaseNotFound', `Cannot write "${key}" under lease "${write.lease}": it has ended`)
    }
  }

  async #conflict(key: string, version: Version | undefined): Promise<CommitResult> {
    const revision = this.#keys.newest
    if (version === undefined) return { ok: false, revision }
    return { ok: false, revision, current: this.#read(key, version) }
  }

  #appendWaiting(): void {
    this.#gathering = false
    const group = this.#waiting
    if (group.length === 0) return
    this.#waiting = []
    const changes = group.map((each) => each.change)
    this.#medium.append(changes, (error) => {
      for (const { key } of changes) this.#underWay.delete(key)
      if (error === undefined) this.#acknowledge(group)
      else for (const each of group) each.reject(error)
    })
  }

  /** What is durable becomes visible: first in the index, then to watches, then to whoever wrote it. */
  #acknowledge(group: readonly Waiting[]): void {
    const events = group.map(({ change }) => this.#enterNext(change))
    this.#watchers.publish(events)
    for (const [index, { resolve }] of group.entries()) {
      const event = events[index]!
      const { revision } = event
      resolve(event.type === 'put' ? { ok: true, revision, kv: event.kv } : { ok: true, revision })
    }
    const compaction = this.#keys.planCompaction(this.#budget, this.#clock.now())
    if (compaction !== undefined) this.#compactTo(Math.min(compaction, this.#keys.compacted + revisionsPerCompaction))
  }

  /** Enters a change that has just become durable under the next revision. */
  #enterNext({ key, value, created: begun, lease, time }: StoredChange): StoreEvent {
    const revision = this.#keys.newest + 1
    const created = begun === 0 ? revision : begun
    const bytes = value === undefined ? -1 : value.length
    const leased = lease === undefined ? {} : { lease }
    this.#keys.enter({ revision, key, created, bytes, time, ...leased })
    if (value === undefined) return { type: 'delete', key, revision }
    return { type: 'put', key, revision, kv: { key, value, created, modified: revision, ...leased } }
  }

  #compactTo(revision: Revision): void {
    this.#removable = this.#removable.concat(this.#keys.compact(revision))
    this.#removeRecords()
  }

  #removeRecords(): void {
    if (this.#longReads > 0 || this.#removable.length === 0) return
    const revisions = this.#removable
    this.#removable = []
    this.#medium.remove(this.#keys.compacted, revisions)
  }

  /** Deletes the keys whose newest version is still the one written under `lease`. */
  async #expire(keys: ReadonlySet<string>, lease: string): Promise<void> {
    const left = [...keys]
    while (left.length > 0 && !this.#closed) {
      const group = left.splice(0, expiriesPerGroup)
      try {
        await Promise.all(group.map((key) => this.#deleteLeased(key, lease)))
      } catch (error) {
        if (!(error instanceof StoreError)) throw error
        if (error.reason !== 'full' && error.reason !== 'unavailable') return
        left.push(...group)
        await this.#clock.sleep(retryExpiryMilliseconds, this.#closing.signal).catch(() => {})
      }
    }
  }

  async #deleteLeased(key: string, lease: string): Promise<void> {
    const version = this.#keys.current(key)
    if (version === undefined || this.#keys.leaseOf(version.modified) !== lease) return
    await this.commit(key, version.modified, 'delete')
  }

  #eventAt(revision: Revision, prefix: string): StoreEvent | undefined {
    const history = this.#keys.changed(revision)
    const key = history.key
    if (!key.startsWith(prefix)) return undefined
    const version = history.at(revision)
    if (version === undefined) return { type: 'delete', key, revision }
    return { type: 'put', key, revision, kv: this.#read(key, version) }
  }

  #read(key: string, { created, modified }: Version): KeyValue {
    const value = this.#medium.read(modified)
    const lease = this.#keys.leaseOf(modified)
    return lease === undefined ? { key, value, created, modified } : { key, value, created, modified, lease }
  }

  /** The revision to read, if it can be. */
  #readable({ at, signal }: ReadOptions): Revision {
    signal?.throwIfAborted()
    this.#throwIfClosed()
    if (at === undefined) return this.#keys.newest
    this.#throwIfFuture(at)
    if (at < this.#keys.compacted) throw new RevisionCompacted(at, this.#keys.compacted)
    return at
  }

  #throwIfFuture(revision: Revision): void {
    if (revision <= this.#keys.newest) return
    throw new StoreError('future', `Cannot read revision ${revision}: the newest one is ${this.#keys.newest}`)
  }

  #throwIfClosed(): void {
    if (this.#closed) throw closedError()
  }
}

function closedError(): StoreError {
  return new StoreError('closed', 'Cannot use the store: it is closed')
}

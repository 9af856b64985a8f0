/**
 * The store: bytes under keys, with revisions. What lives here is the contract that every engine keeps (memory, SQLite,
 * etcd) and its errors. What a key or a value means is not known in this folder.
 *
 * ## Revisions
 *
 * The store counts its changes. An empty store is at revision 1 and each successful commit gets the next number, across
 * all keys. A key remembers two of them: `created`, the revision at which its present life began, and `modified`, the
 * revision of its last write.
 *
 *     commit('/a', 0, x)       → revision 2     /a = x  created 2  modified 2
 *     commit('/b', 0, x)       → revision 3     /b = x  created 3  modified 3
 *     commit('/a', 2, y)       → revision 4     /a = y  created 2  modified 4
 *     commit('/a', 2, z)       → conflict       the caller knew revision 2, the key is at 4; nothing changes
 *     commit('/a', 4, delete)  → revision 5     /a is gone
 *     commit('/a', 0, w)       → revision 6     /a = w  created 6  modified 6: a new life
 *
 *     get('/a', { at: 4 })     → y              the past stays readable …
 *     watch('/', 3)            → 4: /a = y, 5: /a deleted, 6: /a = w
 *     compact(5)
 *     get('/a', { at: 4 })     → RevisionCompacted   … until it is compacted
 *     get('/b', { at: 5 })     → x              a value that is still in force at 5 is kept, however old
 */

/** A number that names one state of the whole store; larger is later. Always a safe integer. */
export type Revision = number

/** The revision of a store to which nothing was ever written. */
export const firstRevision: Revision = 1

/** The largest value a commit takes, in bytes. */
export const maximumValueBytes = 8 * 1024 * 1024

/** The longest key, in UTF-16 code units. */
export const maximumKeyLength = 2048

/** One version of one key. Shared between all readers: neither it nor its bytes may be changed. */
export interface KeyValue {
  readonly key: string
  readonly value: Buffer
  /** When the key came into being; equal to `modified` for the first version of a life. */
  readonly created: Revision
  readonly modified: Revision
  /** The lease under which this version was written. */
  readonly lease?: string
}

/**
 * One change of one key, at exactly one revision.
 *
 * The value it replaced is not delivered: whoever listed and then watches has it, and for those it would be a second
 * read and a second copy. A reader that started in the past gets it with `get(key, { at: revision - 1 })`, which is
 * readable for as long as the event itself is.
 */
export type StoreEvent =
  | { readonly type: 'put'; readonly key: string; readonly revision: Revision; readonly kv: KeyValue }
  | { readonly type: 'delete'; readonly key: string; readonly revision: Revision }

/** What a watch delivers: with it, the watcher knows everything under its prefix up to and including `revision`. */
export interface WatchBatch {
  readonly revision: Revision
  /** In order of revision; empty when nothing under the prefix changed (a progress mark). */
  readonly events: readonly StoreEvent[]
}

/** Changes under a prefix. Ends quietly when its signal is aborted; one reader at a time. */
export interface StoreWatch extends AsyncIterableIterator<WatchBatch, undefined> {
  /** Asks for a batch at the store's present revision as soon as possible, even an empty one. */
  requestProgress(): void
}

export type StoreWrite = { readonly value: Buffer; readonly lease?: string } | 'delete'

/** A conflict is an outcome, not an error: it carries what the key holds now (absent: the key does not exist). */
export type CommitResult =
  | { readonly ok: true; readonly revision: Revision; readonly kv?: KeyValue }
  | { readonly ok: false; readonly revision: Revision; readonly current?: KeyValue }

export interface ReadOptions {
  /** The revision to read; the newest by default. */
  readonly at?: Revision
  readonly signal?: AbortSignal
}

export interface ListOptions extends ReadOptions {
  /** Continue behind this key. Give the `revision` of the first page as `at` to stay in the same state. */
  readonly after?: string
  /** The most items to return; all by default. */
  readonly limit?: number
}

export interface ListResult {
  /** Ordered by key. */
  readonly items: KeyValue[]
  readonly more: boolean
  /** How many more items there are behind the last one. */
  readonly remaining: number
  readonly revision: Revision
}

/**
 * A revisioned key-value store. Every commit gets the next revision; old revisions stay readable until compacted.
 *
 * A commit is visible to `get`, `list` and `watch` only once it is durable, and is visible to all three by the time it is
 * acknowledged. Every method rejects with a `StoreError`, or with the reason of its signal.
 */
export interface Store extends AsyncDisposable {
  /** The newest revision, as long as the store knows it without asking anybody: what `revision` would resolve with. */
  readonly newest: Revision | undefined

  /** The newest revision: whatever was acknowledged before the call is included. */
  revision(signal?: AbortSignal): Promise<Revision>

  /** The key as of `at`; no `kv` when it did not exist then. `revision` is the state that was read. */
  get(key: string, options?: ReadOptions): Promise<{ readonly kv?: KeyValue; readonly revision: Revision }>

  /** All keys that start with `prefix` as of one revision. */
  list(prefix: string, options?: ListOptions): Promise<ListResult>

  /**
   * Writes or deletes `key` if it was last modified at `expected` (0: it must not exist), and answers once that is
   * durable. When it rejects, the write did not happen, with two exceptions in which it may have: reasons `failed` and
   * `unavailable`. The value must not be changed afterwards: readers share it.
   */
  commit(key: string, expected: Revision, write: StoreWrite): Promise<CommitResult>

  /**
   * Changes after `from` under `prefix`: every one, once, in order. A slow reader never delays a commit; it is served
   * from history at its own pace. The first read that finds its place compacted rejects with `RevisionCompacted`.
   * When other keys change, an idle watch gets a progress mark every few seconds.
   */
  watch(prefix: string, from: Revision, signal: AbortSignal): StoreWatch

  /** Forgets what was already overwritten or deleted at `revision`: reads and watches from before it reject. */
  compact(revision: Revision): Promise<void>

  /** A lease that ends in `ttlSeconds`. Keys whose newest version was written under it are deleted then, each with a revision. */
  grantLease(ttlSeconds: number): Promise<string>
}

/**
 * - `compacted`: the revision is no longer kept (see `RevisionCompacted`)
 * - `future`: the revision has not been reached
 * - `leaseNotFound`: the lease has ended or never was
 * - `full`: the disk or the configured size is full; nothing was written, and writing works again once there is space
 * - `locked`: another process has the store open
 * - `unavailable`: the store cannot be reached at the moment; a commit may or may not have happened
 * - `failed`: the disk or the file is broken; the store takes no more commits until it is opened again
 * - `closed`: the store was closed
 */
export type StoreErrorReason =
  | 'compacted'
  | 'future'
  | 'leaseNotFound'
  | 'full'
  | 'locked'
  | 'unavailable'
  | 'failed'
  | 'closed'

/** Why the store did not do what was asked. */
export class StoreError extends Error {
  readonly reason: StoreErrorReason

  constructor(reason: StoreErrorReason, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreError'
    this.reason = reason
  }
}

/** The state asked for is gone. The oldest one that can still be read, and watched from, is `compacted`. */
export class RevisionCompacted extends StoreError {
  readonly requested: Revision
  readonly compacted: Revision

  constructor(requested: Revision, compacted: Revision) {
    super('compacted', `Cannot read revision ${requested}: revisions before ${compacted} are compacted`)
    this.name = 'RevisionCompacted'
    this.requested = requested
    this.compacted = compacted
  }
}

// The server's copy of everything in the store: what GET, LIST and watch are answered from. It follows the store with one
// watch. What does not live here: how requests are read (options.ts) and how answers are written (encode/).
import type { Clock } from '#lib/clock.ts'
import { OrderedEntries } from '#lib/collections/orderedEntries.ts'
import { failure } from '#machinery/status.ts'
import { RevisionCompacted, type Revision, type Store, type StoreEvent } from '#storage/store.ts'
import { EventWindow, type CacheEvent } from './eventWindow.ts'
import { StoredObject } from './storedObject.ts'

/** All keys of the API begin with this. */
export const keyRoot = '/registry/'

export interface WatchCacheOptions {
  readonly store: Store
  readonly clock: Clock
  /** Events kept per resource for watches that start in the past. */
  readonly windowEvents?: number
  /** How many revisions of the past are read at the start, so that clients can resume their watches after a restart. */
  readonly resumeRevisions?: number
}

/** How long a read waits for the cache to reach a revision before it answers 504. */
const freshWithinMs = 3_000

/** Told of an object as it is and as it was before; one of them is missing when it came or went. */
export type CacheObserver = (now: StoredObject | undefined, before: StoredObject | undefined) => void

/** One resource's objects by key, its newest events and whoever waits for the next. */
export class ResourceCache {
  readonly prefix: string
  readonly entries = new OrderedEntries<StoredObject>()
  readonly window: EventWindow
  readonly #root: WatchCache
  readonly #rounds: WakingRounds
  #waiting = new Set<() => void>()
  readonly #observers: CacheObserver[] = []

  constructor(prefix: string, root: WatchCache, clock: Clock, windowEvents: number, floor: Revision) {
    this.prefix = prefix
    this.#root = root
    this.#rounds = new WakingRounds(clock)
    this.window = new EventWindow(windowEvents, floor)
  }

  /** Everything up to this revision is in `entries`. */
  get revision(): Revision {
    return this.#root.revision
  }

  /** Calls `run` once, when the next event arrives. */
  onNext(run: () => void): void {
    this.#waiting.add(run)
  }

  /** Takes back what `onNext` asked for. */
  forget(run: () => void): void {
    this.#waiting.delete(run)
  }

  /**
   * Tells `see` of every object that is there, and of each change in the moment in which it is taken in: for what is
   * kept beside the cache and must never be older than it.
   */
  observe(see: CacheObserver): void {
    for (const object of this.entries.list(this.prefix)) see(object, undefined)
    this.#observers.push(see)
  }

  /** Takes in what was in the store from the beginning. */
  fill(object: StoredObject): void {
    this.entries.set(object)
    for (const see of this.#observers) see(object, undefined)
  }

  /** Takes in one change of the store. */
  apply(event: StoreEvent): void {
    const previous = this.entries.get(event.key)
    if (event.type === 'put') {
      const object = StoredObject.of(event.key, event.revision, event.kv.value)
      this.entries.set(object)
      this.window.append(
        previous === undefined
          ? { type: 'ADDED', revision: event.revision, object }
          : { type: 'MODIFIED', revision: event.revision, object, previous },
      )
      for (const see of this.#observers) see(object, previous)
    } else if (previous !== undefined) {
      this.entries.delete(event.key)
      this.window.append({ type: 'DELETED', revision: event.revision, object: previous.at(event.revision), previous })
      for (const see of this.#observers) see(undefined, previous)
    }
  }

  /** Tells those who wait that there is something to read, now or after the round that is under way. */
  wake(): void {
    if (this.#rounds.isBusy) this.#rounds.isAsked = true
    else this.#runRound()
  }

  #runRound(): void {
    if (this.#waiting.size === 0) return
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    this.#rounds.begin(waiting, () => this.#runRound())
  }
}

/** Watchers that write in one turn: encrypting for all of hundreds at once would hold up everybody else. */
const wokenPerTurn = 32

/** Events wait no longer than this for others to share a write with. */
const longestPauseMs = 10

/**
 * Wakes watchers in rounds, a part of them in each turn of the loop. After a round follows a pause as long as it took, so
 * that writing for hundreds takes no more than half of the time: the busier they are, the more events share one write.
 */
class WakingRounds {
  isBusy = false
  /** Whether another round is wanted after this one. */
  isAsked = false
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Runs all of `waiting`, later `again` if that was asked for meanwhile. */
  begin(waiting: readonly (() => void)[], again: () => void): void {
    if (waiting.length <= wokenPerTurn) {
      for (const run of waiting) run()
      return
    }
    this.isBusy = true
    const started = this.#clock.now()
    const end = (): void => {
      this.isBusy = false
      if (!this.isAsked) return
      this.isAsked = false
      again()
    }
    const pause = (): void => {
      const took = this.#clock.now() - started
      if (took <= 0) end()
      else this.#clock.after(Math.min(took, longestPauseMs), end)
    }
    wakeSome(waiting, 0, pause)
  }
}

function wakeSome(waiting: readonly (() => void)[], from: number, done: () => void): void {
  const end = Math.min(waiting.length, from + wokenPerTurn)
  for (let at = from; at < end; at++) waiting[at]!()
  // What was woken writes before the next turn.
  if (end < waiting.length) setImmediate(wakeSome, waiting, end, done)
  else setImmediate(done)
}

export class WatchCache {
  readonly #store: Store
  readonly #clock: Clock
  readonly #windowEvents: number
  readonly #resumeRevisions: number
  readonly #resources = new Map<string, ResourceCache>()
  #revision: Revision = 0
  /** Where the windows of resources that appear later begin. */
  #floor: Revision = 0
  #waiting: { readonly revision: Revision; readonly run: () => void }[] = []

  constructor(options: WatchCacheOptions) {
    this.#store = options.store
    this.#clock = options.clock
    this.#windowEvents = options.windowEvents ?? 8_192
    this.#resumeRevisions = options.resumeRevisions ?? 4_096
  }

  /** Everything up to this revision has been taken in. */
  get revision(): Revision {
    return this.#revision
  }

  /** The cache of one resource, by the beginning of its keys: `/registry/<group>/<plural>/`. */
  resource(prefix: string): ResourceCache {
    let resource = this.#resources.get(prefix)
    if (resource === undefined) {
      resource = new ResourceCache(prefix, this, this.#clock, this.#windowEvents, this.#floor)
      this.#resources.set(prefix, resource)
    }
    return resource
  }

  /** How many objects there are, by resource prefix. */
  counts(): ReadonlyMap<string, number> {
    return new Map([...this.#resources].map(([prefix, { entries }]) => [prefix, entries.size]))
  }

  /**
   * Reads the store and follows it until the signal aborts. Calls `ready` once everything that was in the store when it
   * was called is here.
   */
  async follow(ready: () => void, signal: AbortSignal): Promise<void> {
    const newest = await this.#store.revision(signal)
    const floor = await this.#load(Math.max(1, newest - this.#resumeRevisions), newest, signal)
    const watch = this.#store.watch(keyRoot, floor, signal)
    let announced = false
    const announce = (): void => {
      if (announced || this.#revision < newest) return
      announced = true
      ready()
    }
    announce()
    if (!announced) watch.requestProgress()
    for await (const { events, revision } of watch) {
      this.#take(events, revision)
      announce()
    }
  }

  /** Resolves once the cache holds everything that was committed before the call. Undefined: it does already. */
  current(): undefined | Promise<void> {
    const { newest } = this.#store
    if (newest === undefined) return this.#store.revision().then((revision) => this.reached(revision))
    return this.#revision >= newest ? undefined : this.reached(newest)
  }

  /** Resolves once `revision` has been taken in; rejects with 504 when that takes too long. */
  reached(revision: Revision): Promise<void> {
    if (this.#revision >= revision) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(freshWithinMs, () => {
        this.#waiting = this.#waiting.filter((each) => each !== waiting)
        reject(tooLarge(revision, this.#revision))
      })
      const waiting = {
        revision,
        run: () => {
          timer[Symbol.dispose]()
          resolve()
        },
      }
      this.#waiting.push(waiting)
    })
  }

  /** Fills the entries as of `from`, or as of the oldest revision that is still kept. Returns the one that was read. */
  async #load(from: Revision, newest: Revision, signal: AbortSignal): Promise<Revision> {
    try {
      const { items } = await this.#store.list(keyRoot, { at: from, signal })
      this.#floor = from
      this.#revision = from
      for (const kv of items) this.#resourceOf(kv.key)?.fill(StoredObject.of(kv.key, kv.modified, kv.value))
      return from
    } catch (error) {
      if (!(error instanceof RevisionCompacted) || from >= newest) throw error
      return this.#load(Math.min(newest, error.compacted), newest, signal)
    }
  }

  #take(events: readonly StoreEvent[], revision: Revision): void {
    const changed = new Set<ResourceCache>()
    for (const event of events) {
      const resource = this.#resourceOf(event.key)
      if (resource === undefined) continue
      resource.apply(event)
      changed.add(resource)
    }
    this.#revision = Math.max(this.#revision, revision)
    for (const resource of changed) resource.wake()
    if (this.#waiting.length === 0) return
    const reached = this.#waiting.filter((each) => each.revision <= revision)
    if (reached.length === 0) return
    this.#waiting = this.#waiting.filter((each) => each.revision > revision)
    for (const { run } of reached) run()
  }

  #resourceOf(key: string): ResourceCache | undefined {
    const end = key.indexOf('/', key.indexOf('/', keyRoot.length) + 1)
    return end < 0 ? undefined : this.resource(key.slice(0, end + 1))
  }
}

/** The refusal of a revision that the server has not reached. */
export function tooLarge(requested: Revision, current: Revision): Error {
  return failure('Timeout', `Timeout: Too large resource version: ${requested}, current: ${current}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    retryAfterSeconds: 1,
  })
}

export type { CacheEvent }

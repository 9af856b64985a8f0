import { jittered, type Random } from '#lib/random.ts'
import type { Clock } from '#lib/clock.ts'
import { expired, type StatusError } from '#machinery/status.ts'
import type { Revision } from '#storage/store.ts'
import { isPlain, selects, type Selection } from './selection.ts'
import type { StoredObject } from './storedObject.ts'
import type { CacheEvent, ResourceCache } from './watchCache.ts'

/** What a watch delivers. Events are the cache's own where nothing was filtered, so their encodings are shared. */
export type WatchItem =
  | {
      readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
      readonly object: StoredObject
      /** It was there when the watch began. Batches hold only such items, or none. */
      readonly isInitial?: true
    }
  | { readonly type: 'BOOKMARK'; readonly revision: Revision; readonly endsInitialEvents: boolean }
  | { readonly type: 'ERROR'; readonly error: StatusError }

/** Where the reader of a watch is, for those who wait for it. */
export interface WatchPlace {
  /** The position in the window of the cache from which on it has seen nothing. */
  position: number
  /** When the watch ends, in milliseconds since the epoch. */
  readonly deadline: number
  /** To be called when it is cut off because its client takes nothing. */
  readonly onCut: () => void
}

export interface WatchOptions {
  readonly cache: ResourceCache
  /** Kept up to date while the watch goes on. */
  readonly place: WatchPlace
  readonly selection: Selection
  readonly clock: Clock
  readonly random: Random
  /** Deliver what came after this revision; undefined: first all that is there now. */
  readonly from?: Revision
  /** Mark the end of the initial objects with an annotated bookmark. */
  readonly markInitialEvents: boolean
  readonly bookmarks: boolean
  /** How often there is one, in milliseconds. */
  readonly bookmarkMs: number
  /** Whether the reader turns objects into something else, which takes longer. */
  readonly isTransformed: boolean
  readonly signal: AbortSignal
}

/** Initial objects per batch, so that a long list neither holds the loop nor fills the socket's buffer. */
const initialBatch = 500
/** The same where each object is turned into something else. */
const transformedBatch = 100
/** Events per batch. */
const largestBatch = 1_000
/** The last bookmark is sent this long before the watch times out. */
const lastBookmarkMs = 2_000

/**
 * Follows one resource until the time is up or the signal aborts. Holds no events of its own: it reads the shared window
 * at its own pace, and is ended with 410 when it falls behind the window's end.
 */
export async function* watchResource(options: WatchOptions): AsyncGenerator<readonly WatchItem[], void, void> {
  const { cache, selection, clock, random, bookmarks, bookmarkMs, signal, place } = options
  const { deadline } = place
  const { window } = cache
  const plain = isPlain(selection)
  const whole = plain && selection.prefix === cache.prefix
  let floor = 0
  if (options.from === undefined) {
    place.position = window.next
    const revision = cache.revision
    const initial = cache.entries.list(selection.prefix)
    const size = options.isTransformed ? transformedBatch : initialBatch
    for (let at = 0; at < initial.length; at += size) {
      const batch = initial.slice(at, at + size)
      if (!plain) await selection.view?.prepare(batch)
      const items = (plain ? batch : batch.filter((stored) => selects(selection, stored))).map((object): WatchItem => ({
        type: 'ADDED',
        object,
        isInitial: true,
      }))
      if (items.length > 0) yield items
      if (signal.aborted) return
    }
    if (options.markInitialEvents) yield [{ type: 'BOOKMARK', revision, endsInitialEvents: true }]
    floor = revision
  } else {
    if (options.from < window.floor) {
      const error = expired(`too old resource version: ${options.from} (${window.floor})`)
      yield [{ type: 'ERROR', error }]
      return
    }
    place.position = window.after(options.from)
    floor = options.from
  }

  using waiter = new Waiter(cache, clock, signal)
  let nextBookmark = bookmarks
    ? Math.min(deadline - lastBookmarkMs, clock.now() + jittered(random, bookmarkMs, 0.25))
    : Infinity

  while (!signal.aborted && clock.now() < deadline) {
    if (!window.holds(place.position)) {
      yield [{ type: 'ERROR', error: expired('The watch fell too far behind the newest changes: list again') }]
      return
    }
    const items: WatchItem[] = []
    let event: CacheEvent | undefined
    let end = Infinity
    if (!plain && selection.view !== undefined) {
      const { objects, next } = upcoming(window, place.position)
      const pending = selection.view.prepare(objects)
      // What comes meanwhile is not prepared.
      if (pending !== undefined) end = next
      if (pending !== undefined) await pending
    }
    let { position } = place
    while (position < end && items.length < largestBatch && (event = window.at(position)) !== undefined) {
      position++
      if (event.revision <= floor) continue
      const item = whole ? event : planDelivery(event, selection, plain)
      if (item === undefined) continue
      items.push(item)
    }
    place.position = position
    if (items.length > 0) yield items
    // While the batch was taken there may have come more, or too much.
    if (!window.holds(position) || window.at(position) !== undefined) continue
    if (clock.now() >= nextBookmark) {
      // Also when it is where the last one was: clients take them for a sign of life.
      if (cache.revision > floor) yield [{ type: 'BOOKMARK', revision: cache.revision, endsInitialEvents: false }]
      const then = clock.now() + bookmarkMs
      nextBookmark = clock.now() >= deadline - lastBookmarkMs ? Infinity : Math.min(deadline - lastBookmarkMs, then)
      continue
    }
    await waiter.until(Math.min(deadline, nextBookmark))
  }
}

/** The objects of the next batch of events, before and after, and the position after it. */
function upcoming(
  window: ResourceCache['window'],
  from: number,
): { readonly objects: StoredObject[]; readonly next: number } {
  const objects: StoredObject[] = []
  let next = from
  for (; next < from + largestBatch; next++) {
    const event = window.at(next)
    if (event === undefined) break
    objects.push(event.object, ...(event.previous === undefined ? [] : [event.previous]))
  }
  return { objects, next }
}

/** What an event means to a watcher that sees only a part: leaving the selection is a deletion, entering it an addition. */
function planDelivery(event: CacheEvent, selection: Selection, plain: boolean): WatchItem | undefined {
  if (plain) return event.object.key.startsWith(selection.prefix) ? event : undefined
  const is = event.type !== 'DELETED' && selects(selection, event.object)
  const was = event.previous !== undefined && selects(selection, event.previous)
  if (is) return was === (event.type === 'MODIFIED') ? event : { type: 'ADDED', object: event.object }
  if (!was) return undefined
  return event.type === 'DELETED' ? event : { type: 'DELETED', object: event.previous!.at(event.revision) }
}

/** Waits for the next event, for a time, or for the signal. Its timer stays set from one wait to the next. */
class Waiter implements Disposable {
  readonly #cache: ResourceCache
  readonly #clock: Clock
  readonly #signal: AbortSignal
  #timer: Disposable | undefined
  #due = 0
  #resolve: (() => void) | undefined

  constructor(cache: ResourceCache, clock: Clock, signal: AbortSignal) {
    this.#cache = cache
    this.#clock = clock
    this.#signal = signal
    signal.addEventListener('abort', this.#wake)
  }

  /** Resolves at the next event, at `due`, or when the signal aborts. */
  until(due: number): Promise<void> {
    if (this.#signal.aborted) return Promise.resolve()
    if (this.#timer === undefined || this.#due !== due) {
      this.#timer?.[Symbol.dispose]()
      this.#due = due
      this.#timer = this.#clock.after(Math.max(0, due - this.#clock.now()), () => {
        this.#timer = undefined
        this.#wake()
      })
    }
    this.#cache.onNext(this.#wake)
    return new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    this.#signal.removeEventListener('abort', this.#wake)
    this.#cache.forget(this.#wake)
  }

  readonly #wake = (): void => {
    this.#resolve?.()
    this.#resolve = undefined
  }
}

/** How long after its end a watch may still be written to a client that takes it slowly. */
const slowEndMs = 10_000

/**
 * Waits with a watch whose client takes nothing more. Resolves with false once there is no use in that: the events that
 * come next are gone, so that the client will have to begin anew, or the watch should have ended long ago.
 */
export async function waitForReader(
  drained: Promise<void>,
  cache: ResourceCache,
  { position, deadline }: WatchPlace,
  clock: Clock,
): Promise<boolean> {
  const { promise: lost, resolve } = Promise.withResolvers<false>()
  const look = (): void => {
    if (cache.window.holds(position)) cache.onNext(look)
    else resolve(false)
  }
  look()
  using _ = clock.after(Math.max(0, deadline + slowEndMs - clock.now()), () => resolve(false))
  try {
    return await Promise.race([drained.then(() => true), lost])
  } finally {
    cache.forget(look)
  }
}

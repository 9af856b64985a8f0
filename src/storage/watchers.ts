import type { Clock } from '#lib/clock.ts'
import { RevisionCompacted, type Revision, type StoreError } from './store.ts'
import type { StoreEvent, StoreWatch, WatchBatch } from './store.ts'

/** What a watch reads the past from. */
export interface WatchSource {
  /** The newest revision that may be seen. */
  readonly newest: Revision
  readonly compacted: Revision
  /** The event of a revision behind `compacted`, if its key starts with `prefix`. */
  event(revision: Revision, prefix: string): StoreEvent | undefined
  /** Lets others run before a long read goes on. */
  pause(): Promise<void>
}

/** What is kept for one watch that does not read; beyond it the watch goes back to history. */
const bufferedEvents = 1_000
const bufferedBytes = 8 * 1024 * 1024
/** One read of history ends at whichever comes first. */
const eventsPerRead = 500
const bytesPerRead = 1024 * 1024
const revisionsPerRead = 10_000

const progressMilliseconds = 5_000

/** All watches of one store. Telling them of a commit takes a prefix comparison for each and never waits. */
export class Watchers {
  readonly #source: WatchSource
  readonly #clock: Clock
  readonly #watches = new Set<Watch>()
  #progress: Disposable | undefined

  constructor(source: WatchSource, clock: Clock) {
    this.#source = source
    this.#clock = clock
  }

  open(prefix: string, from: Revision, signal: AbortSignal): StoreWatch {
    const watch: Watch = new Watch(this.#source, prefix, from, signal, () => this.#watches.delete(watch))
    if (!signal.aborted) this.#watches.add(watch)
    return watch
  }

  /** Hands on what has just become visible: everything up to the source's newest revision. */
  publish(events: readonly StoreEvent[]): void {
    if (this.#watches.size === 0) return
    for (const watch of this.#watches) watch.offer(events)
    this.#progress ??= this.#clock.after(progressMilliseconds, () => {
      this.#progress = undefined
      for (const watch of this.#watches) watch.markIfIdle()
    })
  }

  /** Ends every watch with `error`. */
  close(error: StoreError): void {
    this.#progress?.[Symbol.dispose]()
    for (const watch of this.#watches) watch.end(error)
  }
}

/**
 * - `caughtUp`: everything visible is in the buffer or was read; commits are put into the buffer.
 * - `behind`: the buffer is empty and the next read takes the changes after `#position` from history.
 * - `blocked`: nobody reads and the buffer is full; commits pass by. Reading the buffer turns it to `behind`.
 *
 * The life of a watch opened at 3 when the store is at 5, with a buffer of two:
 *
 *     open       behind    position 3   buffer –
 *     next()     caughtUp  position –   buffer –       4 5 read from history
 *     commit 6   caughtUp  position –   buffer 6
 *     commit 7   blocked   position 7   buffer 6 7     full
 *     commit 8   blocked   position 7   buffer 6 7     passes by
 *     next()     behind    position 7   buffer –       6 7
 *     next()     caughtUp  position –   buffer –       8 read from history
 */
type WatchState = 'caughtUp' | 'behind' | 'blocked'

class Watch implements StoreWatch {
  readonly #source: WatchSource
  readonly #prefix: string
  readonly #from: Revision
  readonly #signal: AbortSignal
  readonly #onEnd: () => void
  #state: WatchState
  /** While not caught up: everything up to here is in the buffer or was read. */
  #position: Revision
  #buffer: StoreEvent[] = []
  #bufferBytes = 0
  /** Up to where the reader knows everything. */
  #told: Revision
  #progressWanted = false
  #reading = false
  #waiting: PromiseWithResolvers<IteratorResult<WatchBatch, undefined>> | undefined
  #ended: { readonly error?: StoreError } | undefined
  readonly #onAbort = (): void => this.end()

  constructor(source: WatchSource, prefix: string, from: Revision, signal: AbortSignal, onEnd: () => void) {
    this.#source = source
    this.#prefix = prefix
    this.#from = from
    this.#position = from
    this.#told = from
    this.#state = from >= source.newest ? 'caughtUp' : 'behind'
    this.#signal = signal
    this.#onEnd = onEnd
    if (signal.aborted) this.#ended = {}
    else signal.addEventListener('abort', this.#onAbort, { once: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<WatchBatch, undefined>> {
    if (this.#ended !== undefined) return this.#endedResult()
    if (this.#waiting !== undefined || this.#reading) {
      return Promise.reject(new TypeError('Cannot read a watch twice at the same time'))
    }
    if (this.#state === 'behind') return this.#readHistory()
    if (this.#buffer.length > 0 || this.#progressWanted) {
      return Promise.resolve({ done: false, value: this.#takeBuffer() })
    }
    this.#waiting = Promise.withResolvers()
    return this.#waiting.promise
  }

  return(): Promise<IteratorResult<WatchBatch, undefined>> {
    this.end()
    return this.#endedResult()
  }

  requestProgress(): void {
    this.#progressWanted = true
    if (this.#state === 'caughtUp') this.#answer()
  }

  /** Delivers a progress mark if the reader waits and does not know the newest revision. */
  markIfIdle(): void {
    if (this.#state === 'caughtUp' && this.#told < this.#source.newest) this.#answer()
  }

  offer(events: readonly StoreEvent[]): void {
    if (this.#state !== 'caughtUp') return
    for (const event of events) {
      if (!event.key.startsWith(this.#prefix) || event.revision <= this.#from) continue
      this.#buffer.push(event)
      this.#bufferBytes += sizeOf(event)
    }
    if (this.#buffer.length > 0) this.#answer()
    if (this.#buffer.length >= bufferedEvents || this.#bufferBytes >= bufferedBytes) {
      this.#state = 'blocked'
      this.#position = this.#source.newest
    }
  }

  end(error?: StoreError): void {
    if (this.#ended !== undefined) return
    this.#ended = error === undefined ? {} : { error }
    this.#signal.removeEventListener('abort', this.#onAbort)
    this.#buffer = []
    this.#onEnd()
    this.#waiting?.resolve(this.#endedResult())
    this.#waiting = undefined
  }

  #endedResult(): Promise<IteratorResult<WatchBatch, undefined>> {
    const error = this.#ended?.error
    return error === undefined ? Promise.resolve({ done: true, value: undefined }) : Promise.reject(error)
  }

  /** Gives the buffer to the reader, if one waits. */
  #answer(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    waiting.resolve({ done: false, value: this.#takeBuffer() })
  }

  #takeBuffer(): WatchBatch {
    const events = this.#buffer
    this.#buffer = []
    this.#bufferBytes = 0
    if (this.#state === 'blocked') {
      this.#state = this.#position === this.#source.newest ? 'caughtUp' : 'behind'
      return this.#batch(this.#position, events)
    }
    return this.#batch(this.#source.newest, events)
  }

  async #readHistory(): Promise<IteratorResult<WatchBatch, undefined>> {
    this.#reading = true
    try {
      for (;;) {
        await this.#source.pause()
        if (this.#ended !== undefined) return await this.#endedResult()
        if (this.#position < this.#source.compacted) {
          const error = new RevisionCompacted(this.#position, this.#source.compacted)
          this.end(error)
          throw error
        }
        const events = this.#readChanges()
        if (this.#position === this.#source.newest) this.#state = 'caughtUp'
        if (events.length > 0 || this.#state === 'caughtUp') {
          return { done: false, value: this.#batch(this.#position, events) }
        }
      }
    } finally {
      this.#reading = false
    }
  }

  /** Moves the position over some more of history. */
  #readChanges(): StoreEvent[] {
    const end = Math.min(this.#source.newest, this.#position + revisionsPerRead)
    const events: StoreEvent[] = []
    let bytes = 0
    while (this.#position < end && events.length < eventsPerRead && bytes < bytesPerRead) {
      const event = this.#source.event(++this.#position, this.#prefix)
      if (event === undefined) continue
      events.push(event)
      bytes += sizeOf(event)
    }
    return events
  }

  #batch(revision: Revision, events: readonly StoreEvent[]): WatchBatch {
    this.#progressWanted = false
    this.#told = revision
    return { revision, events }
  }
}

function sizeOf(event: StoreEvent): number {
  return event.type === 'put' ? event.kv.value.length : 0
}

import type { Revision } from '#storage/store.ts'
import type { StoredObject } from './storedObject.ts'

/** One change of one object. `previous` is what it replaced; a DELETED event carries the last state with the revision of the deletion. */
export interface CacheEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly revision: Revision
  readonly object: StoredObject
  readonly previous?: StoredObject
}

/**
 * The newest events of one resource. Readers keep a position of their own, so an event is kept once however many watch,
 * and a reader that is too slow finds its position gone; it never holds anything up.
 *
 *     capacity 4    positions  3 4 5 6    next 7
 *                   events     d e f g
 *     append(h)     positions  4 5 6 7    next 8       a reader at 3 is lost, one at 8 is caught up
 */
export class EventWindow {
  readonly #capacity: number
  #events: CacheEvent[] = []
  /** The position of `#events[0]`. */
  #first = 0
  /** Every event after this revision is, or will be, in the window. */
  #floor: Revision

  constructor(capacity: number, floor: Revision) {
    this.#capacity = capacity
    this.#floor = floor
  }

  /** The position of the next event to come. */
  get next(): number {
    return this.#first + this.#events.length
  }

  /** The oldest revision to start from without missing an event. */
  get floor(): Revision {
    return this.#floor
  }

  append(event: CacheEvent): void {
    this.#events.push(event)
    // In large steps, so that dropping costs nothing per event.
    if (this.#events.length >= this.#capacity * 1.25) {
      const drop = this.#events.length - this.#capacity
      this.#floor = this.#events[drop - 1]!.revision
      this.#events = this.#events.slice(drop)
      this.#first += drop
    }
  }

  /** The event at a position; undefined when it is yet to come. Ask `holds` first. */
  at(position: number): CacheEvent | undefined {
    return this.#events[position - this.#first]
  }

  /** Whether a reader at this position misses nothing. */
  holds(position: number): boolean {
    return position >= this.#first
  }

  /** The position of the first event after `revision`, which must not be below the floor. */
  after(revision: Revision): number {
    let low = 0
    let high = this.#events.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#events[middle]!.revision <= revision) low = middle + 1
      else high = middle
    }
    return this.#first + low
  }
}

import type { Event } from '#api/core/v1/event.ts'

/** An event that is to be written: as an object of its own, or as the new count of one that was written before. */
export interface EventWrite {
  readonly do: 'create' | 'count'
  readonly event: Event
}

/** The writes about one object. */
interface Lane {
  readonly key: string
  /** By the event's name, the oldest first. */
  waiting: Map<string, EventWrite>
  /** How often in a row the oldest failed. */
  failures: number
}

/** A write that was taken from the queue; nothing else about its object leaves the queue until it is done with. */
export interface TakenWrite {
  readonly write: EventWrite
  /** How often it failed before. */
  readonly failures: number
  /** It is written, or given up. */
  done(): void
  /** It failed: it waits again before all others about its object, none of which leaves until the promise resolves. */
  again(pause: Promise<void>): Promise<void>
}

/**
 * Events that wait to be written, by the object they are about: those about one object leave one after another, those about
 * others meanwhile. What repeats an event that still waits is written with it.
 */
export class EventQueue {
  readonly #most: number
  readonly #lanes = new Map<string, Lane>()
  /** Lanes of which the next write may leave, in the order in which that came to be. */
  readonly #ready: Lane[] = []
  readonly #takers: (() => void)[] = []
  #size = 0

  /** `most` may wait. */
  constructor(most: number) {
    this.#most = most
  }

  /** How many wait. */
  get size(): number {
    return this.#size
  }

  /** False when too many wait; a repetition of one that waits is always taken. */
  add(write: EventWrite): boolean {
    const { metadata, involvedObject } = write.event
    const { kind, namespace, name, uid } = involvedObject
    const key = [kind, namespace, name, uid].join('\n')
    const known = this.#lanes.get(key)
    const before = known?.waiting.get(metadata.name)
    if (before === undefined && this.#size >= this.#most) return false
    if (before === undefined) this.#size++
    const lane: Lane = known ?? { key, waiting: new Map(), failures: 0 }
    lane.waiting.set(metadata.name, { do: before?.do ?? write.do, event: write.event })
    if (known === undefined) {
      this.#lanes.set(key, lane)
      this.#release(lane)
    }
    return true
  }

  /** The next write that may leave, as soon as there is one; undefined once the signal aborted. */
  async take(signal: AbortSignal): Promise<TakenWrite | undefined> {
    while (!signal.aborted) {
      const lane = this.#ready.shift()
      if (lane !== undefined) return this.#takeFrom(lane)
      await this.#untilReady(signal)
    }
    return undefined
  }

  #untilReady(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = (): void => {
        this.#takers.splice(this.#takers.indexOf(wake), 1)
        resolve()
      }
      signal.addEventListener('abort', leave, { once: true })
      this.#takers.push(wake)
    })
  }

  #takeFrom(lane: Lane): TakenWrite {
    const [name, write] = lane.waiting.entries().next().value!
    lane.waiting.delete(name)
    this.#size--
    return {
      write,
      failures: lane.failures,
      done: () => {
        lane.failures = 0
        this.#release(lane)
      },
      again: async (pause) => {
        lane.failures++
        const repeated = lane.waiting.get(name)
        if (repeated === undefined) this.#size++
        lane.waiting = new Map([[name, write], ...lane.waiting])
        lane.waiting.set(name, { do: write.do, event: repeated?.event ?? write.event })
        await pause
        this.#release(lane)
      },
    }
  }

  #release(lane: Lane): void {
    if (lane.waiting.size === 0) {
      this.#lanes.delete(lane.key)
      return
    }
    this.#ready.push(lane)
    this.#takers.shift()?.()
  }
}

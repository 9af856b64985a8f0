import type { PriorityLevelConfigurationSpec } from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import type { RequestInfo } from '../requestInfo.ts'
import { DemandMeter } from './demandMeter.ts'
import { RetryAfter } from './retryAfter.ts'
import type { Seats } from './shares.ts'

/** One request at a level: it waits, or it runs. */
export interface Place {
  /** The flow that it is of. */
  readonly flow: { readonly schema: string; readonly distinguisher: string; readonly hand: readonly number[] }
  readonly user: string
  readonly info: RequestInfo
  /** How many requests of one object it counts as. */
  readonly seats: number
  /** Milliseconds since the epoch. */
  readonly arrived: number
  /** When it began to run; undefined while it waits. */
  started: number | undefined
  /** Where it waits, or waited. */
  queue: Queue | undefined
  /** Called when its turn has come. */
  begin: (() => void) | undefined
}

/** Requests of a few flows in the order in which they came. */
export interface Queue {
  readonly waiting: Place[]
  waitingSeats: number
  executing: number
  seats: number
  /** Milliseconds of seats that its requests have had. */
  served: number
}

export type Refusal = 'queue-full' | 'concurrency-limit'

/** How long a request is thought to run until it has, in milliseconds. */
export const guess = 3

/**
 * Requests that are limited together. Each that cannot run at once waits in one of several queues; the next to run is from
 * the queue that has had the least so far, so that whoever sends many requests waits behind himself. A queue that had
 * nothing to do begins where the others are: it saves nothing up.
 */
export class PriorityLevel {
  readonly name: string
  readonly retryAfter = new RetryAfter()
  readonly demand: DemandMeter
  readonly running = new Set<Place>()
  /** How many requests began to run, were refused, waited too long, and went away while they waited. */
  readonly counts = { dispatched: 0, refused: 0, late: 0, gone: 0 }
  seats: Seats = { nominal: 0, least: 0, most: 0 }
  #spec: PriorityLevelConfigurationSpec
  #limit = Infinity
  #queues: Queue[] = []
  /** Queues in which requests wait, some of them perhaps from before there were fewer. */
  readonly #busy = new Set<Queue>()
  #inUse = 0
  #waiting = 0
  #waitingSeats = 0
  /** What the queue had had from which the last request came. */
  #turn = 0

  constructor(name: string, spec: PriorityLevelConfigurationSpec, now: number) {
    this.name = name
    this.#spec = spec
    this.demand = new DemandMeter(now)
    this.#makeQueues()
  }

  get isExempt(): boolean {
    return this.#spec.type === 'Exempt'
  }

  get queuing() {
    return this.#spec.limited?.limitResponse?.queuing
  }

  get limit(): number {
    return this.#limit
  }

  get queues(): readonly Queue[] {
    return this.#queues
  }

  get waiting(): number {
    return this.#waiting
  }

  /** The most seats that one request takes. */
  get widest(): number {
    const { nominal } = this.seats
    const { handSize = 1 } = this.queuing ?? {}
    return Math.max(1, Math.min(Math.ceil(nominal * 0.15), Math.floor(nominal / handSize), 10))
  }

  /** Limits requests otherwise from now on; those that wait keep their places. */
  configure(spec: PriorityLevelConfigurationSpec): void {
    this.#spec = spec
    this.#makeQueues()
  }

  /** Changes how many seats there are. */
  resize(limit: number, now: number): void {
    this.#limit = limit
    this.#dispatch(now)
  }

  /** Lets a request run (`started` is set then), wait until `begin` is called, or says why not. */
  enter(place: Place, now: number): Refusal | undefined {
    if (this.isExempt) {
      this.#start(place, now)
      return undefined
    }
    if (this.#queues.length === 0) {
      if (!this.#fits(place)) return this.#refuse('concurrency-limit')
      this.#start(place, now)
      return undefined
    }
    const queue = this.#choose(place)
    if (queue.executing === 0 && queue.waiting.length === 0 && queue.served < this.#turn) queue.served = this.#turn
    place.queue = queue
    if (this.#waiting === 0 && this.#fits(place)) {
      this.#start(place, now)
      return undefined
    }
    const { queueLengthLimit = 0 } = this.queuing ?? {}
    if (queue.waiting.length >= queueLengthLimit && this.#inUse >= this.#limit) return this.#refuse('queue-full')
    queue.waiting.push(place)
    this.#busy.add(queue)
    this.#countWaiting(place, 1, now)
    this.#dispatch(now)
    return undefined
  }

  /** Ends a request that ran. */
  leave(place: Place, now: number): void {
    this.running.delete(place)
    const { queue, seats, started = now } = place
    this.#inUse -= seats
    this.#noteDemand(now)
    if (queue !== undefined) {
      queue.executing--
      queue.seats -= seats
      queue.served += (now - started - guess) * seats
    }
    if (this.#waiting > 0) this.#dispatch(now)
  }

  /** Takes out a request that waits. */
  giveUp(place: Place, why: 'late' | 'gone', now: number): void {
    const { waiting } = place.queue!
    waiting.splice(waiting.indexOf(place), 1)
    this.counts[why]++
    this.#countWaiting(place, -1, now)
    this.#dispatch(now)
  }

  #makeQueues(): void {
    const { queues = 0 } = this.queuing ?? {}
    this.#queues.length = Math.min(this.#queues.length, queues)
    while (this.#queues.length < queues) {
      this.#queues.push({ waiting: [], waitingSeats: 0, executing: 0, seats: 0, served: 0 })
    }
  }

  #refuse(why: Refusal): Refusal {
    this.counts.refused++
    return why
  }

  /** The emptiest queue of the hand of a flow. */
  #choose({ flow: { hand } }: Place): Queue {
    let best = this.#queues[hand[0]!]!
    for (let at = 1; at < hand.length; at++) {
      const queue = this.#queues[hand[at]!]!
      if (queue.seats + queue.waitingSeats < best.seats + best.waitingSeats) best = queue
    }
    return best
  }

  /** A request that is wider than the level has it for itself. */
  #fits({ seats }: Place): boolean {
    return this.#inUse + seats <= this.#limit || (seats > this.#limit && this.running.size === 0)
  }

  #dispatch(now: number): void {
    while (this.#waiting > 0) {
      let next: Queue | undefined
      for (const queue of this.#busy) if (next === undefined || queue.served < next.served) next = queue
      const place = next!.waiting[0]!
      if (!this.#fits(place)) return
      next!.waiting.shift()
      this.#turn = Math.max(this.#turn, next!.served)
      this.#countWaiting(place, -1, now)
      this.#start(place, now)
      place.begin?.()
    }
  }

  #countWaiting({ queue, seats }: Place, sign: 1 | -1, now: number): void {
    this.#waiting += sign
    this.#waitingSeats += sign * seats
    queue!.waitingSeats += sign * seats
    if (queue!.waiting.length === 0) this.#busy.delete(queue!)
    this.#noteDemand(now)
  }

  #start(place: Place, now: number): void {
    const { queue, seats } = place
    place.started = now
    this.counts.dispatched++
    this.running.add(place)
    this.#inUse += seats
    this.#noteDemand(now)
    if (queue === undefined) return
    queue.executing++
    queue.seats += seats
    queue.served += guess * seats
  }

  #noteDemand(now: number): void {
    this.demand.set(this.#inUse + this.#waitingSeats, now)
  }
}

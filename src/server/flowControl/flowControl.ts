// Priority and fairness: where the level of a request has no seats left, it waits in the queue of its flow. Requests of this
// process have no place here: nobody could wait for them.
import type { Clock } from '#lib/clock.ts'
import type { FlowControlMetrics } from '../metrics/flowControlMetrics.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'
import { FlowTable, type Flows, type FlowTableOptions } from './flowTable.ts'
import type { Place } from './priorityLevel.ts'
import { lendSeats } from './shares.ts'

/** A request that runs, or may not. */
export type Admission = { readonly place: Place } | { readonly retryAfter: number }

/** How often levels lend each other seats, in milliseconds. */
const lendsEvery = 10_000

/** Lets requests run, by turns where a level has too few seats for all. */
export class FlowControl {
  readonly table: FlowTable
  readonly #clock: Clock
  readonly #metrics: FlowControlMetrics
  #leaving: { readonly flows: Flows; readonly place: Place }[] = []
  #lentAt = 0

  constructor(options: FlowTableOptions) {
    const { clock, metrics } = options
    this.#clock = clock
    this.#metrics = metrics
    this.table = new FlowTable(options, () => this.#lend(clock.now()))
    metrics.onRender(() => {
      this.table.bringUpToDate()
      this.#lendWhenDue(clock.now())
    })
  }

  /** Lets a request run at once, or when its turn comes within `patience` milliseconds. What runs must `leave`. */
  enter(
    flows: Flows,
    caller: Caller,
    info: RequestInfo,
    work: number,
    patience: number,
    signal: () => AbortSignal,
  ): Admission | Promise<Admission> {
    const now = this.#clock.now()
    const { level, series } = flows
    if (!level.isExempt) this.#lendWhenDue(now)
    const place: Place = {
      flow: this.table.flowOf(flows, caller, info),
      user: caller.name,
      info,
      seats: level.isExempt ? 1 : Math.max(1, Math.min(work, level.widest)),
      arrived: now,
      started: undefined,
      queue: undefined,
      begin: undefined,
    }
    series.estimated.observe(place.seats)
    const refusal = level.enter(place, now)
    if (refusal !== undefined) {
      this.#metrics.rejected(level.name, flows.name, refusal)
      return this.#refuse(flows, now, now)
    }
    if (place.started !== undefined) {
      if (!level.isExempt) series.waited.observe(0)
      return this.#begin(flows, place)
    }
    series.queueLength.observe(place.queue!.waiting.length)
    return this.#wait(flows, place, patience, signal())
  }

  /**
   * Ends a request that ran. Its seats are free in the next turn of the event loop: requests that wait for nothing would
   * otherwise follow each other in one turn, however many they are, and everybody else would come after them.
   */
  leave(flows: Flows, place: Place): void {
    this.#leaving.push({ flows, place })
    if (this.#leaving.length === 1) setImmediate(this.#letLeave)
  }

  readonly #letLeave = (): void => {
    const leaving = this.#leaving
    this.#leaving = []
    const now = this.#clock.now()
    for (const { flows, place } of leaving) {
      const { level, series } = flows
      series.executing.dec()
      series.executingSeats.dec(place.seats)
      series.ran.observe((now - place.started!) / 1_000)
      level.leave(place, now)
    }
  }

  #begin({ series }: Flows, place: Place): Admission {
    series.dispatched.inc()
    series.executing.inc()
    series.executingSeats.inc(place.seats)
    return { place }
  }

  #refuse({ level, series }: Flows, arrived: number, now: number): Admission {
    series.waitedInVain.observe((now - arrived) / 1_000)
    return { retryAfter: level.retryAfter.refuse(now) }
  }

  async #wait(flows: Flows, place: Place, patience: number, signal: AbortSignal): Promise<Admission> {
    const { level, series } = flows
    const { promise, resolve } = Promise.withResolvers<'late' | 'gone' | undefined>()
    place.begin = () => resolve(undefined)
    const leaves = (): void => resolve('gone')
    signal.addEventListener('abort', leaves, { once: true })
    if (signal.aborted) leaves()
    series.waiting.inc()
    series.waitingSeats.inc(place.seats)
    const timer = this.#clock.after(patience, () => resolve('late'))
    const why = (await promise) ?? 'late'
    timer[Symbol.dispose]()
    signal.removeEventListener('abort', leaves)
    series.waiting.dec()
    series.waitingSeats.dec(place.seats)
    const now = this.#clock.now()
    // Its turn may have come in the moment in which it gave up.
    if (place.started !== undefined) {
      series.waited.observe((now - place.arrived) / 1_000)
      return this.#begin(flows, place)
    }
    level.giveUp(place, why, now)
    this.#metrics.rejected(level.name, flows.name, why === 'gone' ? 'cancelled' : 'time-out')
    return this.#refuse(flows, place.arrived, now)
  }

  #lendWhenDue(now: number): void {
    if (now - this.#lentAt >= lendsEvery) this.#lend(now)
  }

  #lend(now: number): void {
    this.#lentAt = now
    const levels = this.table.levels()
    const demands = levels.map(({ demand }) => demand.take(now))
    const borrowers = levels.map(({ isExempt, seats }, at) => ({ isExempt, seats, demand: demands[at]! }))
    const { limits, fairPart } = lendSeats(borrowers)
    for (const [at, level] of levels.entries()) {
      this.#metrics.lent(level.name, demands[at]!, limits[at]!)
      level.resize(limits[at]!, now)
    }
    this.#metrics.fairPart.set(fairPart)
  }
}

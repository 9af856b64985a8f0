// Priority and fairness: each request is of a flow schema, which tells its priority level and the flow in which it waits when
// the level has no seats left. Requests of this process have no place here: nobody could wait for them.
import { flowSchemas, type FlowSchema, type PolicyRulesWithSubjects } from '#api/flowcontrol/v1/flowSchema.ts'
import {
  priorityLevelConfigurations,
  type PriorityLevelConfiguration,
} from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import type { Kinds } from '../kind.ts'
import type { FlowControlMetrics, FlowSeries } from '../metrics/flowControlMetrics.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'
import { dealHand } from './hand.ts'
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '#machinery/mandatoryFlowControl.ts'
import { isAboutCaller, isAboutRequest } from './matching.ts'
import { PriorityLevel, type Place } from './priorityLevel.ts'
import { lendSeats, shareSeats } from './shares.ts'

/** What is known of the requests of a flow schema. */
export interface Flows {
  readonly name: string
  readonly level: PriorityLevel
  /** By which replies tell of what schema and level their request was, without naming them. */
  readonly headers: Readonly<Record<string, string>>
  readonly distinguisher: 'ByNamespace' | 'ByUser' | undefined
  readonly rules: readonly PolicyRulesWithSubjects[]
  readonly series: FlowSeries
  /** The flows that there have been, by user or namespace. */
  readonly known: Map<string, Place['flow']>
}

/** A request that runs, or may not. */
export type Admission = { readonly place: Place } | { readonly retryAfter: number }

/** Which flow schemas have rules about a caller, in their order. */
interface Candidates {
  readonly groups: readonly string[]
  readonly candidates: readonly { readonly flows: Flows; readonly rules: readonly PolicyRulesWithSubjects[] }[]
}

/** How often levels lend each other seats, in milliseconds. */
const lendsEvery = 10_000
/** More callers and flows than this are not remembered. */
const mostKnown = 10_000

export interface FlowControlOptions {
  readonly kinds: Kinds
  readonly clock: Clock
  readonly metrics: FlowControlMetrics
  /** How many requests run at the same time; those of exempt levels do so beside them. */
  readonly seats: number
}

export class FlowControl {
  readonly #kinds: Kinds
  readonly #clock: Clock
  readonly #metrics: FlowControlMetrics
  readonly #total: number
  #levels = new Map<string, PriorityLevel>()
  #flows: readonly Flows[] = []
  readonly #callers = new Map<string, Candidates>()
  #leaving: { readonly flows: Flows; readonly place: Place }[] = []
  #isOutdated = true
  #lentAt = 0

  constructor({ kinds, clock, metrics, seats }: FlowControlOptions) {
    this.#kinds = kinds
    this.#clock = clock
    this.#metrics = metrics
    this.#total = seats
    this.observe(() => (this.#isOutdated = true))
    metrics.onRender(() => {
      this.#bringUpToDate()
      this.#lendWhenDue(clock.now())
    })
  }

  /** Calls `see` for each change of a flow schema or a priority level. */
  observe(see: () => void): void {
    for (const resource of [flowSchemas, priorityLevelConfigurations]) this.#kinds.of(resource)?.cache.observe(see)
  }

  /** The levels, in the order of their names. */
  levels(): readonly PriorityLevel[] {
    this.#bringUpToDate()
    return [...this.#levels.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Every flow schema that there is. */
  schemas(): readonly FlowSchema[] {
    return this.#objects(flowSchemas)
  }

  /** Whether there is an object for a level. */
  hasLevel(name: string): boolean {
    return this.#objects(priorityLevelConfigurations).some(({ metadata }) => metadata.name === name)
  }

  /** Of which flow schema a request is: the first that has a rule about it. */
  classify(caller: Caller, info: RequestInfo): Flows {
    this.#bringUpToDate()
    for (const { flows, rules } of this.#candidatesOf(caller)) {
      for (const rule of rules) if (isAboutRequest(rule, info)) return flows
    }
    return this.#flows.find(({ name }) => name === 'catch-all')!
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
      flow: this.#flowOf(flows, caller, info),
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

  #candidatesOf(caller: Caller): Candidates['candidates'] {
    const { name, groups } = caller
    const known = this.#callers.get(name)
    if (known !== undefined && sameTexts(known.groups, groups)) return known.candidates
    const candidates = this.#flows.flatMap((flows) => {
      const rules = flows.rules.filter((rule) => isAboutCaller(rule, caller))
      return rules.length === 0 ? [] : [{ flows, rules }]
    })
    if (this.#callers.size >= mostKnown) this.#callers.clear()
    this.#callers.set(name, { groups, candidates })
    return candidates
  }

  #flowOf(flows: Flows, caller: Caller, info: RequestInfo): Place['flow'] {
    const { name, level, known } = flows
    const distinguisher =
      flows.distinguisher === 'ByUser' ? caller.name : flows.distinguisher === 'ByNamespace' ? info.namespace : ''
    let flow = known.get(distinguisher)
    if (flow === undefined) {
      const { queues = 0, handSize = 0 } = level.queuing ?? {}
      flow = { schema: name, distinguisher, hand: dealHand(name, distinguisher, queues, handSize) }
      if (known.size >= mostKnown) known.clear()
      known.set(distinguisher, flow)
    }
    return flow
  }

  #objects<T extends KubeObject>(resource: Resource<T>): readonly T[] {
    const cache = this.#kinds.of(resource)?.cache
    return cache?.entries.list(cache.prefix).map(({ object }) => object as T) ?? []
  }

  #bringUpToDate(): void {
    if (!this.#isOutdated) return
    this.#isOutdated = false
    const now = this.#clock.now()
    this.#callers.clear()
    const configurations = this.#configurations()
    const before = this.#levels
    this.#levels = new Map(
      [...configurations].map(([name, { spec }]) => {
        const level = before.get(name) ?? new PriorityLevel(name, spec, now)
        level.configure(spec)
        return [name, level]
      }),
    )
    const shares = shareSeats(new Map([...configurations].map(([name, { spec }]) => [name, spec])), this.#total)
    for (const level of this.#levels.values()) {
      level.seats = shares.get(level.name)!
      this.#metrics.shared(level.name, level.seats)
    }
    for (const name of before.keys()) if (!this.#levels.has(name)) this.#metrics.forget(name)
    this.#flows = this.#orderedSchemas()
      .filter(({ spec }) => this.#levels.has(spec.priorityLevelConfiguration.name))
      .map((schema) => this.#flowsOf(schema, configurations))
    this.#lend(now)
  }

  /** What is mandatory holds even while there is no object for it. */
  #configurations(): ReadonlyMap<string, Pick<PriorityLevelConfiguration, 'spec' | 'metadata'>> {
    const imagined = Object.entries(mandatoryPriorityLevels).map(([name, spec]) => ({ metadata: { name }, spec }))
    const all = [...imagined, ...this.#objects(priorityLevelConfigurations)]
    return new Map(all.map((each) => [each.metadata.name, each]))
  }

  #orderedSchemas(): readonly Pick<FlowSchema, 'spec' | 'metadata'>[] {
    const imagined = Object.entries(mandatoryFlowSchemas).map(([name, spec]) => ({ metadata: { name }, spec }))
    const all = [...imagined, ...this.schemas()]
    const byName = new Map(all.map((each) => [each.metadata.name, each]))
    const order = (a: (typeof all)[number], b: (typeof all)[number]): number =>
      (a.spec.matchingPrecedence ?? 0) - (b.spec.matchingPrecedence ?? 0) ||
      (a.metadata.name < b.metadata.name ? -1 : 1)
    return [...byName.values()].sort(order)
  }

  #flowsOf(
    { metadata, spec }: Pick<FlowSchema, 'spec' | 'metadata'>,
    configurations: ReadonlyMap<string, Pick<PriorityLevelConfiguration, 'metadata'>>,
  ): Flows {
    const { name, uid } = metadata
    const level = this.#levels.get(spec.priorityLevelConfiguration.name)!
    return {
      name,
      level,
      headers: {
        ...(uid === undefined ? {} : { 'x-kubernetes-pf-flowschema-uid': uid }),
        ...headerOfLevel(configurations.get(level.name)?.metadata.uid),
      },
      distinguisher: spec.distinguisherMethod?.type,
      rules: spec.rules ?? [],
      series: this.#metrics.seriesOf(level.name, name),
      known: new Map(),
    }
  }

  #lendWhenDue(now: number): void {
    if (now - this.#lentAt >= lendsEvery) this.#lend(now)
  }

  #lend(now: number): void {
    this.#lentAt = now
    const levels = [...this.#levels.values()]
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

const headerOfLevel = (uid: string | undefined): Record<string, string> =>
  uid === undefined ? {} : { 'x-kubernetes-pf-prioritylevel-uid': uid }

function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false
  return true
}

import { flowSchemas, type FlowSchema, type PolicyRulesWithSubjects } from '#api/flowcontrol/v1/flowSchema.ts'
import {
  priorityLevelConfigurations,
  type PriorityLevelConfiguration,
} from '#api/flowcontrol/v1/priorityLevelConfiguration.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Clock } from '#lib/clock.ts'
import { mandatoryFlowSchemas, mandatoryPriorityLevels } from '#machinery/mandatoryFlowControl.ts'
import type { Kinds } from '../kind.ts'
import type { FlowControlMetrics, FlowSeries } from '../metrics/flowControlMetrics.ts'
import type { RequestInfo } from '../requestInfo.ts'
import type { Caller } from '../strategy.ts'
import { dealHand } from './hand.ts'
import { isAboutCaller, isAboutRequest } from './matching.ts'
import { PriorityLevel, type Place } from './priorityLevel.ts'
import { shareSeats } from './shares.ts'

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

/** Which flow schemas have rules about a caller, in their order. */
interface Candidates {
  readonly groups: readonly string[]
  readonly candidates: readonly { readonly flows: Flows; readonly rules: readonly PolicyRulesWithSubjects[] }[]
}

/** More callers and flows than this are not remembered. */
const mostKnown = 10_000

export interface FlowTableOptions {
  readonly kinds: Kinds
  readonly clock: Clock
  readonly metrics: FlowControlMetrics
  /** How many requests run at the same time; those of exempt levels do so beside them. */
  readonly seats: number
}

/** Which flow schemas and priority levels there are, and of which each request is: read anew when one of their objects changes. */
export class FlowTable {
  readonly #options: FlowTableOptions
  /** Told when the levels, or their shares, are others than before. */
  readonly #changed: () => void
  #levels = new Map<string, PriorityLevel>()
  #flows: readonly Flows[] = []
  readonly #callers = new Map<string, Candidates>()
  #isOutdated = true

  constructor(options: FlowTableOptions, changed: () => void) {
    this.#options = options
    this.#changed = changed
    this.observe(() => (this.#isOutdated = true))
  }

  /** Calls `see` for each change of a flow schema or a priority level. */
  observe(see: () => void): void {
    for (const resource of [flowSchemas, priorityLevelConfigurations])
      this.#options.kinds.of(resource)?.cache.observe(see)
  }

  /** The levels, in the order of their names. */
  levels(): readonly PriorityLevel[] {
    this.bringUpToDate()
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
    this.bringUpToDate()
    for (const { flows, rules } of this.#candidatesOf(caller)) {
      for (const rule of rules) if (isAboutRequest(rule, info)) return flows
    }
    return this.#flows.find(({ name }) => name === 'catch-all')!
  }

  /** The flow that a request is of: those of one flow share their queues. */
  flowOf(flows: Flows, caller: Caller, info: RequestInfo): Place['flow'] {
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

  /** Reads the objects, if one has changed. */
  bringUpToDate(): void {
    if (!this.#isOutdated) return
    this.#isOutdated = false
    const now = this.#options.clock.now()
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
    const shares = shareSeats(new Map([...configurations].map(([name, { spec }]) => [name, spec])), this.#options.seats)
    for (const level of this.#levels.values()) {
      level.seats = shares.get(level.name)!
      this.#options.metrics.shared(level.name, level.seats)
    }
    for (const name of before.keys()) if (!this.#levels.has(name)) this.#options.metrics.forget(name)
    this.#flows = this.#orderedSchemas()
      .filter(({ spec }) => this.#levels.has(spec.priorityLevelConfiguration.name))
      .map((schema) => this.#flowsOf(schema, configurations))
    this.#changed()
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

  #objects<T extends KubeObject>(resource: Resource<T>): readonly T[] {
    const cache = this.#options.kinds.of(resource)?.cache
    return cache?.entries.list(cache.prefix).map(({ object }) => object as T) ?? []
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
      series: this.#options.metrics.seriesOf(level.name, name),
      known: new Map(),
    }
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

import type { Node } from '#api/core/v1/node.ts'
import { TokenBucket } from '#lib/async/rateLimit.ts'
import type { Clock } from '#lib/clock.ts'
import { isConditionTrue } from '#machinery/conditions.ts'

/** How bad a zone is off: so many nodes may be driven empty. */
export type ZoneState = 'normal' | 'partlyDisrupted' | 'fullyDisrupted'

/** How many nodes of a zone are ready, and how many are not. */
export interface ZoneCount {
  readonly ready: number
  readonly unready: number
}

/** Share of a zone's nodes, and their least number, that make a disruption. */
const unhealthyShare = 0.55
const leastUnhealthy = 3
/** Zones of up to so many nodes are left alone while they are disrupted. */
const smallZone = 50
const normalPerSecond = 0.1
const disruptedPerSecond = 0.01

/** Nodes with this label do not count when zones are judged: they may come and go. */
const excludedLabel = 'node.kubernetes.io/exclude-disruption'

/**
 * The zone of a node, as Kubernetes names zones of nodes to itself and in metrics; empty without labels. Those of before win
 * where it has them.
 */
export function zoneOf({ metadata: { labels = {} } }: Node): string {
  const of = (sort: 'region' | 'zone'): string =>
    labels[`failure-domain.beta.kubernetes.io/${sort}`] ?? labels[`topology.kubernetes.io/${sort}`] ?? ''
  const [region, zone] = [of('region'), of('zone')]
  return region === '' && zone === '' ? '' : `${region}:\u0000:${zone}`
}

export function stateOfZone({ ready, unready }: ZoneCount): ZoneState {
  if (ready === 0 && unready > 0) return 'fullyDisrupted'
  return unready >= leastUnhealthy && unready / (ready + unready) >= unhealthyShare ? 'partlyDisrupted' : 'normal'
}

/** Whether every zone is down: then it is the network, or this process, and not the nodes. */
export function areAllDown(zones: Iterable<ZoneCount>): boolean {
  const states = [...zones].map(stateOfZone)
  return states.length > 0 && states.every((state) => state === 'fullyDisrupted')
}

/** How many nodes of a zone may be driven empty in a second, while some zone is up. */
export function evictionRate(zone: ZoneCount): number {
  if (stateOfZone(zone) !== 'partlyDisrupted') return normalPerSecond
  return zone.ready + zone.unready > smallZone ? disruptedPerSecond : 0
}

interface Limit {
  readonly perSecond: number
  /** Undefined: none may be driven empty. */
  readonly bucket?: TokenBucket
}

/** Lets nodes of each zone be driven empty at the pace that its state allows. */
export class EvictionPace {
  readonly #clock: Clock
  readonly #nodes = new Map<string, { readonly zone: string; readonly isReady: boolean }>()
  readonly #zones = new Map<string, { ready: number; unready: number }>()
  readonly #limits = new Map<string, Limit>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Notes how a node is now. */
  see(node: Node): void {
    const { name, labels } = node.metadata
    this.forget(name)
    if (labels !== undefined && Object.hasOwn(labels, excludedLabel)) return
    const seen = { zone: zoneOf(node), isReady: isConditionTrue(node.status?.conditions, 'Ready') }
    this.#nodes.set(name, seen)
    const count = this.#zones.get(seen.zone) ?? { ready: 0, unready: 0 }
    count[seen.isReady ? 'ready' : 'unready']++
    this.#zones.set(seen.zone, count)
  }

  forget(name: string): void {
    const seen = this.#nodes.get(name)
    if (seen === undefined) return
    this.#nodes.delete(name)
    const count = this.#zones.get(seen.zone)!
    count[seen.isReady ? 'ready' : 'unready']--
    if (count.ready + count.unready === 0) this.#zones.delete(seen.zone)
  }

  /** The zones that have nodes, with how many. */
  get zones(): Iterable<readonly [zone: string, count: ZoneCount]> {
    return this.#zones
  }

  /** Whether no node at all is ready. */
  get areAllDown(): boolean {
    return areAllDown(this.#zones.values())
  }

  /** Whether a node may be driven empty now. */
  tryTake(node: Node): boolean {
    const zone = zoneOf(node)
    const perSecond = this.areAllDown ? 0 : evictionRate(this.#zones.get(zone) ?? { ready: 0, unready: 0 })
    let limit = this.#limits.get(zone)
    if (limit?.perSecond !== perSecond) {
      const bucket = perSecond === 0 ? undefined : new TokenBucket(this.#clock, { perSecond, burst: 1 })
      // A pace that was used up, or nought, is not made good by a change of pace.
      if (limit !== undefined && limit.bucket?.tryTake() !== true) bucket?.tryTake()
      limit = { perSecond, ...(bucket === undefined ? {} : { bucket }) }
      this.#limits.set(zone, limit)
    }
    return limit.bucket?.tryTake() ?? false
  }
}

import type { Node } from '#api/core/v1/node.ts'
import { TokenBucket } from '#lib/async/rateLimit.ts'
import type { Clock } from '#lib/clock.ts'
import { isConditionTrue } from '#machinery/conditions.ts'

/** How bad a zone is off: so many nodes may be driven empty. */
export type ZoneState = 'normal' | 'partlyDisrupted' | 'fullyDisrupted'

/** Share of a zone's nodes, and their least number, that make a disruption. */
const unhealthyShare = 0.55
const leastUnhealthy = 3
/** Zones of up to so many nodes are left alone while they are disrupted. */
const smallZone = 50
const normalPerSecond = 0.1
const disruptedPerSecond = 0.01

function zoneOf(node: Node): string {
  const { labels = {} } = node.metadata
  return `${labels['topology.kubernetes.io/region'] ?? ''}:${labels['topology.kubernetes.io/zone'] ?? ''}`
}

export function stateOfZone(nodes: readonly Node[]): ZoneState {
  const ready = nodes.filter((node) => isConditionTrue(node.status?.conditions, 'Ready')).length
  const unready = nodes.length - ready
  if (ready === 0 && unready > 0) return 'fullyDisrupted'
  return unready >= leastUnhealthy && unready / nodes.length >= unhealthyShare ? 'partlyDisrupted' : 'normal'
}

/** How many nodes of a zone may be driven empty in a second. When every zone is down, it is the network: none. */
export function evictionRate(zone: readonly Node[], all: ReadonlyMap<string, readonly Node[]>): number {
  if ([...all.values()].every((nodes) => stateOfZone(nodes) === 'fullyDisrupted')) return 0
  if (stateOfZone(zone) === 'partlyDisrupted') return zone.length > smallZone ? disruptedPerSecond : 0
  return normalPerSecond
}

/** Lets nodes of each zone be driven empty at the pace that its state allows. */
export class EvictionPace {
  readonly #clock: Clock
  readonly #buckets = new Map<string, { perSecond: number; bucket: TokenBucket }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether a node may be driven empty now. */
  tryTake(node: Node, nodes: readonly Node[]): boolean {
    const zones = Map.groupBy(nodes, zoneOf)
    const zone = zoneOf(node)
    const perSecond = evictionRate(zones.get(zone) ?? [], zones)
    if (perSecond === 0) return false
    let entry = this.#buckets.get(zone)
    if (entry?.perSecond !== perSecond) {
      entry = { perSecond, bucket: new TokenBucket(this.#clock, { perSecond, burst: 1 }) }
      this.#buckets.set(zone, entry)
    }
    return entry.bucket.tryTake()
  }
}

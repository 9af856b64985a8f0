/**
 * Topology aware hints (KEP-2433, annotation `service.kubernetes.io/topology-mode: Auto`): each zone gets as large a part of a
 * service's endpoints as it has of the cluster's CPU, from its own endpoints as far as those go. Pure.
 */
import type { Node } from '#api/core/v1/node.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { Endpoint } from '#api/discovery/v1/endpointSlice.ts'
import { quantityMilliValue } from '#machinery/quantity.ts'

const modeAnnotation = 'service.kubernetes.io/topology-mode'
const hintsAnnotation = 'service.kubernetes.io/topology-aware-hints'
const zoneLabel = 'topology.kubernetes.io/zone'
const excludedLabels = ['node-role.kubernetes.io/control-plane', 'node-role.kubernetes.io/master']

/** How much more than its part an endpoint may have to bear. */
const overloadThreshold = 0.2

/** Whether hints of a service follow the zones' CPU. */
export function followsTopology({ metadata: { annotations = {} } }: Service): boolean {
  const mode = annotations[hintsAnnotation] ?? annotations[modeAnnotation]
  return mode === 'Auto' || mode === 'auto'
}

/** Which part of the cluster's CPU each zone has; undefined when it cannot be told, or there is but one zone. */
export function zoneRatios(nodes: readonly Node[]): ReadonlyMap<string, number> | undefined {
  const byZone = new Map<string, number>()
  let total = 0
  for (const { metadata, status } of nodes) {
    if (excludedLabels.some((label) => label in (metadata.labels ?? {}))) continue
    if (!status?.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True')) continue
    const zone = metadata.labels?.[zoneLabel] ?? ''
    const cpu = quantityMilliValue(status.allocatable?.['cpu'] ?? '0')
    if (zone === '' || cpu === 0) return undefined
    byZone.set(zone, (byZone.get(zone) ?? 0) + cpu)
    total += cpu
  }
  if (byZone.size < 2) return undefined
  return new Map([...byZone].toSorted().map(([zone, cpu]) => [zone, cpu / total]))
}

/** How many endpoints a zone is to have. */
interface Allocation {
  readonly maximum: number
  readonly desired: number
}

function allocate(
  ratios: ReadonlyMap<string, number> | undefined,
  count: number,
): ReadonlyMap<string, Allocation> | string {
  if (ratios === undefined)
    return 'Insufficient Node information: allocatable CPU or zone not specified on one or more nodes'
  const counts = `(${count} endpoints, ${ratios.size} zones)`
  if (ratios.size > count) return `Insufficient number of endpoints ${counts}`
  const least = new Map([...ratios].map(([zone, ratio]) => [zone, leastOf(ratio, count)]))
  const left = count - [...least.values()].reduce((sum, each) => sum + each, 0)
  if (left < 0) {
    const problem = 'Unable to allocate minimum required endpoints to each zone without exceeding overload threshold'
    return `${problem} ${counts}`
  }
  return new Map(
    [...ratios].map(([zone, ratio]) => {
      const minimum = least.get(zone)!
      return [zone, { maximum: minimum + left, desired: Math.max(ratio * count, minimum) }]
    }),
  )
}

const leastOf = (ratio: number, count: number): number => Math.ceil(ratio * count * (1 / (1 + overloadThreshold)))

/** Slices of one address family: those that are written anyhow, and those that could stay as they are. */
export interface SliceHints<W extends readonly Endpoint[], U extends readonly Endpoint[]> {
  readonly written: readonly W[]
  readonly unchanged: readonly U[]
}

export type HintPlan =
  | {
      readonly written: readonly (readonly Endpoint[])[]
      /** Those that have to be written because of their hints; the others stay. */
      readonly unchanged: readonly (readonly Endpoint[] | undefined)[]
      /** How many endpoints each zone has now. */
      readonly byZone: ReadonlyMap<string, number>
    }
  | { readonly problem: string }

/** Gives every ready endpoint a zone, and leaves slices alone whose hints will do. */
export function planHints(
  { written, unchanged }: SliceHints<readonly Endpoint[], readonly Endpoint[]>,
  ratios: ReadonlyMap<string, number> | undefined,
): HintPlan {
  const ready = [...written, ...unchanged].flat().filter(isReady)
  const allocations = allocate(ratios, ready.length)
  if (typeof allocations === 'string') return { problem: allocations }
  if (ready.some(({ zone = '' }) => zone === ''))
    return { problem: 'One or more endpoints do not have a zone specified' }
  const byZone = new Map<string, number>()
  const stays = unchanged.map((endpoints) => {
    const own = hintsOf(endpoints, byZone, allocations)
    for (const [zone, count] of own ?? []) byZone.set(zone, (byZone.get(zone) ?? 0) + count)
    return own !== undefined
  })
  const open = [...written, ...unchanged.filter((_, index) => !stays[index])]
  // To begin with every zone has its own.
  for (const { zone } of open.flat().filter(isReady)) byZone.set(zone!, (byZone.get(zone!) ?? 0) + 1)
  const moves = planMoves(allocations, byZone)
  const hinted = open.map((endpoints) =>
    endpoints.map((endpoint): Endpoint => {
      const { hints: _, ...rest } = endpoint
      if (!isReady(endpoint)) return rest
      const to = moves.get(endpoint.zone!)?.shift()
      if (to !== undefined) {
        byZone.set(endpoint.zone!, byZone.get(endpoint.zone!)! - 1)
        byZone.set(to, (byZone.get(to) ?? 0) + 1)
      }
      return { ...rest, hints: { forZones: [{ name: to ?? endpoint.zone! }] } }
    }),
  )
  let next = written.length
  return {
    written: hinted.slice(0, written.length),
    unchanged: stays.map((stay) => (stay ? undefined : hinted[next++]!)),
    byZone,
  }
}

const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready === true

/** The zones that a slice serves; undefined when its hints will not do: some are missing, or give a zone too much. */
function hintsOf(
  endpoints: readonly Endpoint[],
  before: ReadonlyMap<string, number>,
  allocations: ReadonlyMap<string, Allocation>,
): ReadonlyMap<string, number> | undefined {
  const own = new Map<string, number>()
  for (const { hints } of endpoints.filter(isReady)) {
    const zones = hints?.forZones ?? []
    if (zones.length === 0) return undefined
    for (const { name } of zones) own.set(name, (own.get(name) ?? 0) + 1)
  }
  for (const [zone, count] of own)
    if (count + (before.get(zone) ?? 0) > (allocations.get(zone)?.maximum ?? -1)) return undefined
  return own
}

/** From which zone to which others endpoints go, one after the other, until each has about as many as it should. */
function planMoves(
  allocations: ReadonlyMap<string, Allocation>,
  byZone: ReadonlyMap<string, number>,
): Map<string, string[]> {
  const giving = new Map<string, number>()
  const receiving = new Map<string, number>()
  for (const [zone, { desired }] of allocations) {
    const surplus = (byZone.get(zone) ?? 0) - desired
    if (surplus > 0) giving.set(zone, surplus)
    else if (surplus < 0) receiving.set(zone, -surplus)
  }
  const moves = new Map<string, string[]>()
  for (;;) {
    const [from, give] = most(giving)
    const [to, receive] = most(receiving)
    if (from === undefined || to === undefined || give < 0.5 || receive < 0.5 || (give < 1 && receive < 1)) return moves
    moves.set(from, [...(moves.get(from) ?? []), to])
    giving.set(from, give - 1)
    receiving.set(to, receive - 1)
  }
}

const most = (zones: ReadonlyMap<string, number>): readonly [string | undefined, number] => {
  let found: readonly [string | undefined, number] = [undefined, 0]
  for (const [zone, count] of zones) if (count > found[1]) found = [zone, count]
  return found
}

/** Whether a zone has so few endpoints that each of them bears too much, as the zones are now. */
export function isOverloaded(
  byZone: ReadonlyMap<string, number>,
  ratios: ReadonlyMap<string, number> | undefined,
): boolean {
  if (byZone.size === 0) return false
  if (ratios === undefined) return true
  const total = [...byZone.values()].reduce((sum, count) => sum + count, 0)
  return [...ratios].some(([zone, ratio]) => (byZone.get(zone) ?? 0) < leastOf(ratio, total) || !byZone.has(zone))
}

import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import type { Draft } from '#client/client.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { timeText } from '#machinery/time.ts'
import { controllerReference } from '#machinery/owners.ts'
import type { SliceFigures } from '../sliceMetrics.ts'
import { headlessLabel, isHeadless, triggerTimeAnnotation } from '../serviceEndpoints.ts'
import { followsTopology, planHints } from './topology.ts'
import { addressTypesOf, endpointKey, groupEndpoints, portsKey, type PortGroup } from './endpoints.ts'

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const controllerName = 'endpointslice-controller.k8s.io'

/** Endpoints in one slice (`--max-endpoints-per-slice`). */
const sliceCapacity = 100

export interface SlicePlan {
  readonly create: readonly Draft<EndpointSlice>[]
  readonly update: readonly EndpointSlice[]
  readonly remove: readonly EndpointSlice[]
}

/** How the slices of a service have to change. */
export interface ServiceSlicePlan extends SlicePlan {
  /** What came of hints by topology, for each address family; empty for services that do not ask for them. */
  readonly topology: readonly TopologyOutcome[]
  /** For each address family. */
  readonly figures: readonly FamilyFigures[]
}

/** How the endpoints of one address family change, and are spread then. */
export interface FamilyFigures extends SliceFigures {
  readonly added: number
  readonly removed: number
}

export interface TopologyOutcome {
  readonly addressType: AddressType
  /** How many endpoints each zone has; absent when there can be no hints. */
  readonly byZone?: ReadonlyMap<string, number>
  readonly problem?: string
}

/** The slices of one address family while it is decided about them. */
interface Draughts {
  create: Draft<EndpointSlice>[]
  update: EndpointSlice[]
  remove: EndpointSlice[]
  unchanged: EndpointSlice[]
}

/**
 * Decides how a service's slices have to change, with as few writes as can be: an endpoint stays in its slice, new ones
 * fill slices that change anyhow, then a slice with room for all of them, then new slices.
 */
export function planSlices(
  service: Service,
  pods: readonly Pod[],
  present: readonly EndpointSlice[],
  nodeOf: (name: string) => Node | undefined,
  triggered: number | undefined,
  ratios?: ReadonlyMap<string, number>,
): ServiceSlicePlan {
  const types = addressTypesOf(service)
  const all: Draughts = { create: [], update: [], remove: [], unchanged: [] }
  const topology: TopologyOutcome[] = []
  const figures: FamilyFigures[] = []
  all.remove.push(...present.filter(({ addressType }) => !types.includes(addressType)))
  for (const type of types) {
    const plan: Draughts = { create: [], update: [], remove: [], unchanged: [] }
    const slices = present.filter(({ addressType }) => addressType === type)
    const groups = groupEndpoints(service, pods, type, nodeOf)
    // A service without endpoints has one empty slice: proxies then know that it has none.
    const wanted = groups.length === 0 ? [{ ports: [], endpoints: [] }] : groups
    const keys = new Set(wanted.map(({ ports }) => portsKey(ports)))
    const changes: GroupFigures[] = []
    for (const group of wanted) {
      const same = slices.filter(({ ports = [] }) => portsKey(ports) === portsKey(group.ports))
      changes.push(planGroup(service, type, group, same, plan))
    }
    figures.push(figuresOf(groups, changes))
    plan.remove.push(...slices.filter(({ ports = [] }) => !keys.has(portsKey(ports))))
    if (followsTopology(service)) topology.push({ addressType: type, ...hintByTopology(plan, ratios) })
    reuse(service, plan)
    for (const what of ['create', 'update', 'remove'] as const) all[what].push(...(plan[what] as never[]))
  }
  const stamp = <S extends Draft<EndpointSlice>>(slice: S): S => withTriggerTime(slice, triggered)
  return { create: all.create.map(stamp), update: all.update.map(stamp), remove: all.remove, topology, figures }
}

/** What became of the endpoints of one set of ports. */
interface GroupFigures {
  readonly added: number
  readonly removed: number
  readonly slices: number
}

/** A slice without endpoints, where there are none, is one; what was in those that go for it is not counted, as in v1.34. */
function figuresOf(groups: readonly PortGroup[], changes: readonly GroupFigures[]): FamilyFigures {
  if (groups.length === 0) return { added: 0, removed: 0, endpoints: 0, slices: 1, desired: 1 }
  const sum = (of: (each: GroupFigures) => number): number => changes.reduce((total, each) => total + of(each), 0)
  return {
    added: sum(({ added }) => added),
    removed: sum(({ removed }) => removed),
    endpoints: groups.reduce((total, { endpoints }) => total + endpoints.length, 0),
    slices: sum(({ slices }) => slices),
    desired: groups.reduce((total, { endpoints }) => total + Math.ceil(endpoints.length / sliceCapacity), 0),
  }
}

/** Sets the hints of slices by topology, or takes them away where there can be none; slices that only these change are written, too. */
function hintByTopology(
  plan: Draughts,
  ratios: ReadonlyMap<string, number> | undefined,
): Omit<TopologyOutcome, 'addressType'> {
  const written = [...plan.create, ...plan.update].map(({ endpoints }) => endpoints ?? [])
  const unchanged = plan.unchanged.map(({ endpoints }) => endpoints ?? [])
  const hints = planHints({ written, unchanged }, ratios)
  const next =
    'problem' in hints
      ? {
          written: written.map(withoutHints),
          unchanged: unchanged.map((endpoints) =>
            endpoints.some((endpoint) => endpoint.hints !== undefined) ? withoutHints(endpoints) : undefined,
          ),
        }
      : hints
  const made = plan.create.length
  plan.create = plan.create.map((slice, index) => ({ ...slice, endpoints: [...next.written[index]!] }))
  plan.update = plan.update.map((slice, index) => ({ ...slice, endpoints: [...next.written[made + index]!] }))
  for (const [index, endpoints] of next.unchanged.entries())
    if (endpoints !== undefined) plan.update.push({ ...plan.unchanged[index]!, endpoints: [...endpoints] })
  return 'problem' in hints ? { problem: hints.problem } : { byZone: hints.byZone }
}

/**
 * Writes new slices over ones that would go, as kube-controller-manager does: one write instead of two, and proxies never see
 * the service without either. Slices of an earlier service of that name are left to the garbage collector.
 */
function reuse(service: Service, plan: Draughts): void {
  plan.remove = plan.remove.filter((slice) => {
    const isOwn = slice.metadata.ownerReferences?.some(({ uid }) => uid === service.metadata.uid) ?? false
    const draft = isOwn ? plan.create.pop() : undefined
    if (draft === undefined) return true
    const { labels, ownerReferences } = draft.metadata
    plan.update.push({
      ...slice,
      ...draft,
      metadata: { ...slice.metadata, labels: labels!, ownerReferences: ownerReferences! },
    })
    return false
  })
}

const withoutHints = (endpoints: readonly Endpoint[]): Endpoint[] => endpoints.map(({ hints: _, ...rest }) => rest)

interface Draught {
  readonly slice: EndpointSlice
  readonly endpoints: Endpoint[]
  changed: boolean
}

function planGroup(
  service: Service,
  addressType: AddressType,
  { ports, endpoints }: PortGroup,
  slices: readonly EndpointSlice[],
  plan: Draughts,
): GroupFigures {
  const before = plan.create.length - plan.remove.length
  let removed = 0
  const wanted = new Map(endpoints.map((endpoint) => [endpointKey(endpoint), endpoint]))
  const labels = labelsFor(service)
  const owners = [controllerReference(service, services)]
  const draughts = slices.map((slice): Draught => {
    const kept: Endpoint[] = []
    let changed =
      !sameJson(slice.metadata.labels ?? {}, labels) || !sameJson(slice.metadata.ownerReferences ?? [], owners)
    for (const old of slice.endpoints ?? []) {
      const endpoint = withHintsOf(old, wanted.get(endpointKey(old)), service)
      wanted.delete(endpointKey(old))
      if (endpoint === undefined) {
        changed = true
        removed++
      } else {
        kept.push(endpoint)
        changed ||= !sameJson(old, endpoint)
      }
    }
    return { slice, endpoints: kept, changed }
  })
  const fresh = [...wanted.values()]
  const added = fresh.length
  const hasRoom = ({ endpoints: list }: Draught): boolean => list.length < sliceCapacity
  const fullestFirst = (a: Draught, b: Draught): number => b.endpoints.length - a.endpoints.length
  for (const draught of draughts
    .filter((each) => each.changed && each.endpoints.length > 0 && hasRoom(each))
    .toSorted(fullestFirst)) {
    draught.endpoints.push(...fresh.splice(0, sliceCapacity - draught.endpoints.length))
  }
  if (fresh.length > 0) {
    const rest = fresh.length % sliceCapacity
    const roomy = draughts
      .filter((each) => rest > 0 && !each.changed && each.endpoints.length + rest <= sliceCapacity)
      .toSorted(fullestFirst)[0]
    if (roomy !== undefined) {
      roomy.endpoints.push(...fresh.splice(0, rest))
      roomy.changed = true
    }
  }
  // A slice that lost its last endpoint is used again before a new one is made.
  for (const draught of draughts.filter((each) => each.endpoints.length === 0)) {
    if (fresh.length === 0) continue
    draught.endpoints.push(...fresh.splice(0, sliceCapacity))
    draught.changed = true
  }
  let empty = endpoints.length > 0 ? 0 : 1
  for (const { slice, endpoints: list, changed } of draughts) {
    if (list.length === 0 && empty-- <= 0) plan.remove.push(slice)
    else if (changed) {
      const metadata = { ...slice.metadata, labels, ownerReferences: owners }
      plan.update.push({ ...slice, metadata, endpoints: list, ports: [...ports] })
    } else plan.unchanged.push(slice)
  }
  if (endpoints.length === 0 && slices.length === 0) plan.create.push(newSlice(service, addressType, ports, []))
  while (fresh.length > 0) {
    plan.create.push(newSlice(service, addressType, ports, fresh.splice(0, sliceCapacity)))
  }
  return { added, removed, slices: slices.length + plan.create.length - plan.remove.length - before }
}

/** Hints by topology stay until it is decided that they will not do. */
function withHintsOf(old: Endpoint, endpoint: Endpoint | undefined, service: Service): Endpoint | undefined {
  if (endpoint === undefined || old.hints === undefined || !followsTopology(service)) return endpoint
  return endpoint.conditions?.ready === true ? { ...endpoint, hints: old.hints } : endpoint
}

function newSlice(
  service: Service,
  addressType: AddressType,
  ports: readonly EndpointPort[],
  endpoints: Endpoint[],
): Draft<EndpointSlice> {
  const { name, namespace = '' } = service.metadata
  return {
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: labelsFor(service),
      ownerReferences: [controllerReference(service, services)],
    },
    addressType,
    endpoints,
    ports: [...ports],
  }
}

/** The service's labels, and those that say whose the slice is. */
function labelsFor(service: Service): Record<string, string> {
  const labels: Record<string, string> = { ...service.metadata.labels }
  if (isHeadless(service)) labels[headlessLabel] = ''
  else delete labels[headlessLabel]
  return { ...labels, [serviceNameLabel]: service.metadata.name, [managedByLabel]: controllerName }
}

function withTriggerTime<S extends Draft<EndpointSlice>>(slice: S, triggered: number | undefined): S {
  const { [triggerTimeAnnotation]: _old, ...annotations } = slice.metadata.annotations ?? {}
  const all = triggered === undefined ? annotations : { ...annotations, [triggerTimeAnnotation]: timeText(triggered) }
  const { annotations: _annotations, ...metadata } = slice.metadata
  return { ...slice, metadata: Object.keys(all).length === 0 ? metadata : { ...metadata, annotations: all } }
}

import {
  endpoints as endpointsResource,
  type EndpointAddress,
  type Endpoints,
  type EndpointSubset,
} from '#api/core/v1/endpoints.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Draft } from '#client/client.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { canonicalIp } from '#lib/net/ip.ts'
import { controllerReference } from '#machinery/owners.ts'
import { endpointKey, portsKey } from '../endpointSlice/endpoints.ts'
import { managedByLabel, serviceNameLabel, type SlicePlan } from '../endpointSlice/plan.ts'
import { triggerTimeAnnotation } from '../serviceEndpoints.ts'
import type { SliceFigures } from '../sliceMetrics.ts'

export const controllerName = 'endpointslicemirroring-controller.k8s.io'

/** Addresses of one subset that are mirrored (`--mirroring-max-endpoints-per-subset`), and so in one slice. */
export const mostEndpoints = 1000

const skipLabel = 'endpointslice.kubernetes.io/skip-mirror'
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader'
const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration'

/** Whether Endpoints that somebody keeps by hand are to be mirrored: only where no controller looks for pods itself. */
export function isMirrored(endpoints: Endpoints, service: Service): boolean {
  const { labels = {}, annotations = {} } = endpoints.metadata
  return (
    service.spec.selector === undefined && labels[skipLabel] !== 'true' && !Object.hasOwn(annotations, leaderAnnotation)
  )
}

interface Group {
  readonly addressType: AddressType
  readonly ports: readonly EndpointPort[]
  readonly endpoints: Endpoint[]
}

export interface EndpointChanges {
  readonly added: number
  readonly updated: number
  readonly removed: number
}

export interface MirrorPlan extends SlicePlan {
  /** So many addresses are more than are mirrored. */
  readonly skipped: number
  /** How many endpoints come, change and go with the slices of a set of ports that stays. */
  readonly changes: EndpointChanges
  readonly figures: SliceFigures
}

/**
 * Decides how the mirrored slices of Endpoints have to change: one for each address family and set of ports. A slice whose
 * ports nobody asks for any more is used for others before a new one is made.
 */
export function planMirror(endpoints: Endpoints, present: readonly EndpointSlice[]): MirrorPlan {
  const plan = { create: [] as Draft<EndpointSlice>[], update: [] as EndpointSlice[], remove: [] as EndpointSlice[] }
  const left = [...present]
  const lacking: Group[] = []
  const { groups, skipped } = groupsOf(endpoints)
  const changes = { added: 0, updated: 0, removed: 0 }
  for (const group of groups) {
    const { addressType, ports, endpoints: wanted } = group
    const key = portsKey(ports)
    const at = left.findIndex((slice) => slice.addressType === addressType && portsKey(slice.ports ?? []) === key)
    const [slice] = at < 0 ? [] : left.splice(at, 1)
    countChanges(changes, slice?.endpoints ?? [], wanted)
    if (slice === undefined) lacking.push(group)
    else if (!sameJson(slice.endpoints, wanted) || !sameJson(slice.metadata, metadataFor(endpoints, slice))) {
      plan.update.push(rewritten(slice, endpoints, group))
    }
  }
  for (const group of lacking) {
    const at = left.findIndex(({ addressType }) => addressType === group.addressType)
    const [spare] = at < 0 ? [] : left.splice(at, 1)
    if (spare !== undefined) plan.update.push(rewritten(spare, endpoints, group))
    // What is being deleted takes its slices with it.
    else if (endpoints.metadata.deletionTimestamp === undefined) {
      plan.create.push({ metadata: metadataFor(endpoints, undefined), ...contentOf(group) })
    }
  }
  plan.remove.push(...left)
  const figures = {
    endpoints: groups.reduce((sum, { endpoints: wanted }) => sum + wanted.length, 0),
    slices: groups.length,
    desired: groups.length,
  }
  return { ...plan, skipped, changes, figures }
}

function countChanges(
  changes: { -readonly [P in keyof EndpointChanges]: number },
  before: readonly Endpoint[],
  wanted: readonly Endpoint[],
): void {
  const known = new Map(before.map((each) => [endpointKey(each), each]))
  for (const each of wanted) {
    const old = known.get(endpointKey(each))
    known.delete(endpointKey(each))
    if (old === undefined) changes.added++
    else if (!sameJson(old, each)) changes.updated++
  }
  changes.removed += known.size
}

const contentOf = ({ addressType, ports, endpoints }: Group) => ({ addressType, endpoints, ports: [...ports] })

function rewritten(slice: EndpointSlice, endpoints: Endpoints, group: Group): EndpointSlice {
  const metadata = { ...metadataFor(endpoints, slice), name: slice.metadata.name }
  return { ...slice, ...contentOf(group), metadata }
}

function metadataFor(endpoints: Endpoints, slice: EndpointSlice | undefined): Draft<EndpointSlice>['metadata'] {
  const { name, namespace = '', labels, annotations = {} } = endpoints.metadata
  const { [triggerTimeAnnotation]: _, [lastAppliedAnnotation]: __, ...kept } = annotations
  const { annotations: ___, ...before } = slice?.metadata ?? { generateName: `${name}-`, namespace }
  return {
    ...before,
    labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: controllerName },
    ownerReferences: [controllerReference(endpoints, endpointsResource)],
    ...(Object.keys(kept).length === 0 ? {} : { annotations: kept }),
  }
}

function groupsOf({ subsets = [] }: Endpoints): { readonly groups: readonly Group[]; readonly skipped: number } {
  const groups = new Map<string, Group>()
  let skipped = 0
  for (const { addresses, ports } of repacked(subsets)) {
    const inOrder = addresses.toSorted((a, b) => Number(b.ready) - Number(a.ready))
    skipped += Math.max(0, inOrder.length - mostEndpoints)
    for (const { address, ready } of inOrder.slice(0, mostEndpoints)) {
      const { ip, hostname, nodeName, targetRef } = address
      const canonical = canonicalIp(ip) ?? ip
      const addressType = canonical.includes(':') ? 'IPv6' : 'IPv4'
      const key = `${addressType} ${portsKey(ports)}`
      const group: Group = groups.get(key) ?? { addressType, ports, endpoints: [] }
      groups.set(key, group)
      group.endpoints.push({
        addresses: [canonical],
        conditions: { ready },
        ...(hostname === undefined ? {} : { hostname }),
        ...(nodeName === undefined ? {} : { nodeName }),
        ...(targetRef === undefined ? {} : { targetRef }),
      })
    }
  }
  return { groups: [...groups.values()], skipped }
}

interface Placed {
  readonly address: EndpointAddress
  readonly ready: boolean
}

interface Subset {
  readonly ports: EndpointPort[]
  readonly addresses: readonly Placed[]
}

/**
 * The subsets as Kubernetes canonicalizes them: each port with the addresses that have it, not ready where any subset says
 * so, and ports with the same addresses together.
 */
function repacked(subsets: readonly EndpointSubset[]): readonly Subset[] {
  const known = new Map<string, EndpointAddress>()
  const byPort = new Map<string, { readonly port?: EndpointPort; readonly addresses: Map<string, Placed> }>()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    const named = ports.map((port) => ({ ...port, name: port.name ?? '', protocol: port.protocol ?? 'TCP' }))
    for (const port of named.length === 0 ? [undefined] : named) {
      const key = port === undefined ? '' : portsKey([port])
      const entry = byPort.get(key) ?? { ...(port === undefined ? {} : { port }), addresses: new Map<string, Placed>() }
      byPort.set(key, entry)
      const place = (address: EndpointAddress, ready: boolean): void => {
        const id = `${address.ip} ${address.targetRef?.uid ?? ''}`
        if (!known.has(id)) known.set(id, address)
        if (entry.addresses.get(id)?.ready !== false) entry.addresses.set(id, { address: known.get(id)!, ready })
      }
      for (const address of addresses) place(address, true)
      for (const address of notReadyAddresses) place(address, false)
    }
  }
  const together = new Map<string, Subset>()
  for (const { port, addresses } of byPort.values()) {
    const key = [...addresses]
      .map(([id, { ready }]) => `${id} ${ready}`)
      .toSorted()
      .join('\n')
    const subset = together.get(key) ?? { ports: [], addresses: [...addresses.values()] }
    together.set(key, subset)
    if (port !== undefined) subset.ports.push(port)
  }
  return [...together.values()]
}

import { endpoints as endpointsResource, type Endpoints } from '#api/core/v1/endpoints.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { Draft } from '#client/client.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { canonicalIp } from '#lib/net/ip.ts'
import { controllerReference } from '#machinery/owners.ts'
import { portsKey } from '../endpointSlice/endpoints.ts'
import { managedByLabel, serviceNameLabel, type SlicePlan } from '../endpointSlice/plan.ts'
import { triggerTimeAnnotation } from '../serviceEndpoints.ts'

export const controllerName = 'endpointslicemirroring-controller.k8s.io'

/** Addresses of one subset that are mirrored (`--mirroring-max-endpoints-per-subset`), and so in one slice. */
const mostEndpoints = 1000

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

/** Decides how the mirrored slices of Endpoints have to change: one for each address family and set of ports. */
export function planMirror(endpoints: Endpoints, present: readonly EndpointSlice[]): SlicePlan {
  const plan = { create: [] as Draft<EndpointSlice>[], update: [] as EndpointSlice[], remove: [] as EndpointSlice[] }
  const left = [...present]
  for (const { addressType, ports, endpoints: wanted } of groupsOf(endpoints)) {
    const key = portsKey(ports)
    const at = left.findIndex((slice) => slice.addressType === addressType && portsKey(slice.ports ?? []) === key)
    const [slice] = at < 0 ? [] : left.splice(at, 1)
    const metadata = metadataFor(endpoints, slice)
    const content = { addressType, endpoints: wanted, ports: [...ports] }
    if (slice === undefined) plan.create.push({ metadata, ...content })
    else if (!sameJson(slice.endpoints, wanted) || !sameJson(slice.metadata, metadata)) {
      plan.update.push({ ...slice, ...content, metadata: { ...metadata, name: slice.metadata.name } })
    }
  }
  plan.remove.push(...left)
  return plan
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

function groupsOf({ subsets = [] }: Endpoints): readonly Group[] {
  const groups = new Map<string, Group>()
  for (const { addresses = [], notReadyAddresses = [], ports = [] } of subsets) {
    const all = [
      ...addresses.map((address) => ({ address, ready: true })),
      ...notReadyAddresses.map((address) => ({ address, ready: false })),
    ]
    const named = ports.map((port) => ({ ...port, name: port.name ?? '', protocol: port.protocol ?? 'TCP' }))
    for (const { address, ready } of all.slice(0, mostEndpoints)) {
      const { ip, hostname, nodeName, targetRef } = address
      const canonical = canonicalIp(ip) ?? ip
      const addressType = canonical.includes(':') ? 'IPv6' : 'IPv4'
      const key = `${addressType} ${portsKey(named)}`
      const group: Group = groups.get(key) ?? { addressType, ports: named, endpoints: [] }
      groups.set(key, group)
      if (group.endpoints.length >= mostEndpoints) continue
      group.endpoints.push({
        addresses: [canonical],
        conditions: { ready },
        ...(hostname === undefined ? {} : { hostname }),
        ...(nodeName === undefined ? {} : { nodeName }),
        ...(targetRef === undefined ? {} : { targetRef }),
      })
    }
  }
  return [...groups.values()]
}

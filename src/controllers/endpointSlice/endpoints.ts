import type { AddressType, Endpoint, EndpointHints, EndpointPort } from '#api/discovery/v1/endpointSlice.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import { isReady } from '../podAvailability.ts'
import { followsTopology } from './topology.ts'
import { hostnameOf, isHeadless, isReachable, targetPort } from '../serviceEndpoints.ts'

/** Endpoints that are reached at the same ports; they share slices. */
export interface PortGroup {
  readonly ports: readonly EndpointPort[]
  readonly endpoints: readonly Endpoint[]
}

/** The address families of a service's slices, the first one first. */
export function addressTypesOf({ spec }: Service): readonly AddressType[] {
  const families = (spec.ipFamilies ?? []).filter((family) => family !== '')
  if (families.length > 0) return families
  if (spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None') {
    return [spec.clusterIP.includes(':') ? 'IPv6' : 'IPv4']
  }
  return ['IPv4']
}

/** The endpoints of a service by their ports. Pods of nodes that are gone are left out, unless readiness is no matter. */
export function groupEndpoints(
  service: Service,
  pods: readonly Pod[],
  addressType: AddressType,
  nodeOf: (name: string) => Node | undefined,
): readonly PortGroup[] {
  const groups = new Map<string, { ports: readonly EndpointPort[]; endpoints: Endpoint[] }>()
  for (const pod of pods) {
    if (!isReachable(pod)) continue
    const addresses = addressesOf(pod, addressType)
    const node = nodeOf(pod.spec.nodeName ?? '')
    if (addresses.length === 0 || (node === undefined && service.spec.publishNotReadyAddresses !== true)) continue
    const ports = portsOf(pod, service)
    if (ports.length === 0 && !isHeadless(service)) continue
    const key = portsKey(ports)
    const group = groups.get(key) ?? { ports, endpoints: [] }
    groups.set(key, group)
    group.endpoints.push(endpointOf(pod, service, addresses, node))
  }
  return [...groups.values()]
}

/** The same text for the same ports, in whatever order. */
export function portsKey(ports: readonly EndpointPort[] | null): string {
  return (ports ?? [])
    .map(({ name = '', protocol = 'TCP', port, appProtocol }) => JSON.stringify([name, protocol, port, appProtocol]))
    .toSorted()
    .join()
}

/** What makes an endpoint the same one as before: its addresses and its pod. */
export function endpointKey({ addresses, targetRef }: Endpoint): string {
  return `${addresses.join()} ${targetRef?.namespace}/${targetRef?.name}`
}

function addressesOf({ status }: Pod, addressType: AddressType): readonly string[] {
  const addresses = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP ?? '']
  return addresses.filter((ip) => ip !== '' && ip.includes(':') === (addressType === 'IPv6'))
}

function portsOf(pod: Pod, service: Service): readonly EndpointPort[] {
  return (service.spec.ports ?? []).flatMap((each): EndpointPort[] => {
    const port = targetPort(pod, each)
    if (port === undefined) return []
    const { name = '', protocol = 'TCP', appProtocol } = each
    return [{ name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}

function endpointOf(pod: Pod, service: Service, addresses: readonly string[], node: Node | undefined): Endpoint {
  const serving = isReady(pod)
  const terminating = pod.metadata.deletionTimestamp !== undefined
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating)
  const { name, namespace = '', uid = '' } = pod.metadata
  const { nodeName } = pod.spec
  const hostname = hostnameOf(pod, service)
  const zone = node?.metadata.labels?.['topology.kubernetes.io/zone']
  const hints = ready ? distributionHints(service, zone, nodeName) : undefined
  return {
    addresses: [...addresses],
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(hints === undefined ? {} : { hints }),
  }
}

const closeDistributions: readonly string[] = ['PreferClose', 'PreferSameZone', 'PreferSameNode']

/** For whom a ready endpoint is (KEP-4444, KEP-3015): its own zone, and its own node. The annotation for topology goes first. */
function distributionHints(
  service: Service,
  zone: string | undefined,
  nodeName: string | undefined,
): EndpointHints | undefined {
  const { trafficDistribution = '' } = service.spec
  if (!closeDistributions.includes(trafficDistribution) || followsTopology(service)) return undefined
  const isNode = trafficDistribution === 'PreferSameNode' && nodeName !== undefined
  if (zone === undefined && !isNode) return undefined
  return {
    ...(zone === undefined ? {} : { forZones: [{ name: zone }] }),
    ...(isNode ? { forNodes: [{ name: nodeName }] } : {}),
  }
}

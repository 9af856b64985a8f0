/** The frontends that services and pods with host ports want on a node, and what a service tells load balancers about it. */
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { cidrContains, formatCidr, parseCidr } from '#lib/net/cidr.ts'
import { canonicalIp } from '#lib/net/ip.ts'

import { chooseBackends, isForbidden } from './endpoints.ts'
import type { NodePlace } from './endpoints.ts'
import { backendName, familyOf, frontendKey, keepSlots, readAddresses } from './frontend.ts'
import type { Family, Frontend, Target, Transport } from './frontend.ts'

const proxyNameLabel = 'service.kubernetes.io/service-proxy-name'
const headlessLabel = 'service.kubernetes.io/headless'
const serviceNameLabel = 'kubernetes.io/service-name'
const defaultAffinitySeconds = 10_800

/** The service that a slice belongs to as `namespace/name`; nothing when it is none of ours. */
export function serviceOfSlice(slice: EndpointSlice): string | undefined {
  const labels = slice.metadata.labels ?? {}
  const name = labels[serviceNameLabel]
  if (name === undefined || headlessLabel in labels || proxyNameLabel in labels) return undefined
  return `${slice.metadata.namespace}/${name}`
}

/** The addresses of a service's own; none when it is not for us to serve. */
function clusterAddressesOf({ spec, metadata }: Service): string[] {
  const labels = metadata.labels ?? {}
  if (spec.type === 'ExternalName' || proxyNameLabel in labels || headlessLabel in labels) return []
  return readAddresses(spec.clusterIPs ?? [spec.clusterIP])
}

/** The frontends of a service. Those it had before, if given, let backends keep their slots. */
export function planFrontends(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodePlace,
  before: readonly Frontend[] = [],
): readonly Frontend[] {
  const { spec, metadata } = service
  const clusterAddresses = clusterAddressesOf(service)
  if (clusterAddresses.length === 0) return []
  const { externalAddresses, balancerAddresses } = addressesFromOutside(service)
  const affinity =
    spec.sessionAffinity === 'ClientIP'
      ? { affinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds }
      : {}
  const name = `${metadata.namespace}/${metadata.name}`
  const age = `${metadata.creationTimestamp ?? ''} ${name}`
  const earlier = new Map(before.map((frontend) => [frontend.key, frontend]))
  const frontends: Frontend[] = []
  for (const family of new Set(clusterAddresses.map(familyOf))) {
    const ofFamily = slices.filter((slice) => slice.addressType === (family === 4 ? 'IPv4' : 'IPv6'))
    const sources = rangesOf(spec.loadBalancerSourceRanges ?? [], family)
    for (const port of spec.ports ?? []) {
      const transport = (port.protocol ?? 'TCP').toLowerCase() as Transport
      const { everywhere, here, isServed, serving } = chooseBackends(ofFamily, port, node)
      const locally: Target = { backends: here, whenEmpty: isServed ? 'drop' : 'refuse' }
      const anywhere: Target = { backends: everywhere, whenEmpty: 'refuse' }
      const add = (address: string | undefined, number: number, rest: FrontendRest): void => {
        const key = frontendKey(address ?? family, transport, number)
        const frontend: Frontend = {
          key,
          owner: port.name ? `${name}:${port.name}` : name,
          age,
          family,
          ...(address === undefined ? {} : { address }),
          isClusterAddress: false,
          transport,
          port: number,
          ...affinity,
          ...(transport === 'udp' ? { serving } : {}),
          ...rest,
        }
        frontends.push(keepSlots(frontend, earlier.get(key)))
      }
      const external: FrontendRest =
        spec.externalTrafficPolicy === 'Local'
          ? { masquerade: 'others', inside: anywhere, outside: locally }
          : { masquerade: 'all', inside: anywhere }
      for (const address of clusterAddresses.filter((ip) => familyOf(ip) === family)) {
        add(address, port.port, {
          isClusterAddress: true,
          masquerade: 'others',
          inside: spec.internalTrafficPolicy === 'Local' ? locally : anywhere,
        })
      }
      for (const address of externalAddresses.filter((ip) => familyOf(ip) === family)) add(address, port.port, external)
      for (const address of balancerAddresses.filter((ip) => familyOf(ip) === family))
        add(address, port.port, sources.length === 0 ? external : { ...external, sources })
      if (port.nodePort !== undefined && port.nodePort !== 0) add(undefined, port.nodePort, external)
    }
  }
  return frontends
}

type FrontendRest = Pick<Frontend, 'masquerade' | 'inside'> &
  Partial<Pick<Frontend, 'isClusterAddress' | 'outside' | 'sources'>>

/**
 * Where connections from outside the cluster come to. An address that a load balancer has for itself (`ipMode: Proxy`) is not
 * ours to answer (KEP-1860), and one that means the node alone, such as its loopback, would take what is not meant for a service.
 */
function addressesFromOutside({ spec, status }: Service) {
  const isTaken = (address: string): boolean => !isForbidden(address)
  const ingress = status?.loadBalancer?.ingress ?? []
  const balancerAddresses = readAddresses(
    ingress.filter((each) => each.ipMode !== 'Proxy').map((each) => each.ip),
  ).filter(isTaken)
  const externalAddresses = readAddresses(spec.externalIPs ?? []).filter(
    (address) => isTaken(address) && !balancerAddresses.includes(address),
  )
  return { externalAddresses, balancerAddresses }
}

/** The ranges of one family, in their one form, without those that lie in another one. */
function rangesOf(texts: readonly string[], family: Family): readonly string[] {
  if (texts.length === 0) return texts
  const ranges = texts.map((text) => parseCidr(text.trim())).filter((range) => range?.family === family)
  const byName = new Map(ranges.map((range) => [formatCidr(range!), range!]))
  const isWithin = (name: string): boolean =>
    [...byName].some(
      ([other, range]) =>
        other !== name && cidrContains(range, byName.get(name)!.base) && range.prefix <= byName.get(name)!.prefix,
    )
  return [...byName.keys()].filter((name) => !isWithin(name)).toSorted()
}

/** What a load balancer is told about a service of traffic policy Local on this node. */
export interface HealthCheck {
  readonly port: number
  readonly namespace: string
  readonly name: string
  /** Ready ones: load balancers look elsewhere as soon as all here end, while those still serve what comes (KEP-1669). */
  readonly localEndpoints: number
}

/** The health check of a service; none unless it asks for one. */
export function planHealthCheck(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodePlace,
): HealthCheck | undefined {
  const { spec, metadata } = service
  if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return undefined
  const [address] = clusterAddressesOf(service)
  if (address === undefined || spec.healthCheckNodePort === undefined || spec.healthCheckNodePort === 0)
    return undefined
  const ofFamily = slices.filter((slice) => slice.addressType === (familyOf(address) === 4 ? 'IPv4' : 'IPv6'))
  const here = new Set<string>()
  for (const port of spec.ports ?? [])
    for (const address of chooseBackends(ofFamily, port, node).readyHere) here.add(address)
  return {
    port: spec.healthCheckNodePort,
    namespace: metadata.namespace!,
    name: metadata.name!,
    localEndpoints: here.size,
  }
}

/** The frontends of a pod's host ports; none unless it runs on this node with an address of its own. */
export function planHostPorts(pod: Pod, nodeName: string): readonly Frontend[] {
  const { phase, podIPs, podIP } = pod.status ?? {}
  if (pod.spec.nodeName !== nodeName || pod.spec.hostNetwork || phase === 'Succeeded' || phase === 'Failed') return []
  const frontends: Frontend[] = []
  const owner = `${pod.metadata.namespace}/${pod.metadata.name}`
  for (const address of readAddresses(podIPs?.map((each) => each.ip) ?? [podIP])) {
    const family = familyOf(address)
    const sidecars = pod.spec.initContainers?.filter((container) => container.restartPolicy === 'Always') ?? []
    for (const port of [...sidecars, ...pod.spec.containers].flatMap((container) => container.ports ?? [])) {
      if (port.hostPort === undefined || port.hostPort === 0) continue
      const transport = (port.protocol ?? 'TCP').toLowerCase() as Transport
      const backend = { address, port: port.containerPort, local: true }
      for (const hostAddress of hostAddressesOf(port.hostIP, family)) {
        frontends.push({
          key: frontendKey(hostAddress ?? family, transport, port.hostPort),
          owner,
          age: `${pod.metadata.creationTimestamp ?? ''} ${owner}`,
          family,
          ...(hostAddress === undefined ? {} : { address: hostAddress }),
          isClusterAddress: false,
          transport,
          port: port.hostPort,
          masquerade: 'none',
          inside: { backends: [backend], whenEmpty: 'refuse' },
          ...(transport === 'udp' ? { serving: [backendName(backend)] } : {}),
        })
      }
    }
  }
  return frontends
}

/**
 * Where a host port is open in a family; undefined is every address but those of the loopback. That of IPv4 is named beside it,
 * for whoever asks on the node itself. The kernel leads nobody away from `::1`.
 */
function hostAddressesOf(hostIP: string | undefined, family: Family): readonly (string | undefined)[] {
  const address = canonicalIp(hostIP ?? '')
  if (address !== undefined && address !== '0.0.0.0' && address !== '::')
    return familyOf(address) === family ? [address] : []
  return family === 4 ? [undefined, '127.0.0.1'] : [undefined]
}

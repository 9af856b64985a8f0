/**
 * dns: the names of services and pods, by version 1.1.0 of the Kubernetes DNS specification. This file says what there is, read from
 * the shared copies of services, slices and namespaces, which keep the indexes; answer.ts decides what to reply, message.ts has
 * the bytes, forward.ts asks others, server.ts listens, dns.ts is the component of one node.
 */
import type { Namespace } from '#api/core/v1/namespace.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service } from '#api/core/v1/service.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { KubeObject } from '#api/resource.ts'
import type { IndexValues } from '#client/index.ts'
import type { Lister } from '#client/informer.ts'
import { canonicalIp } from '#lib/net/ip.ts'

/** A lister that also can be told what to find objects by. */
export type Indexed<T extends KubeObject> = Pick<Lister<T>, 'get' | 'byIndex'> & {
  addIndex(name: string, values: IndexValues<T>): void
}

/** One address behind a service. */
export interface ServiceEndpoint {
  readonly address: string
  /** The label that names it below the service: its host name, or its address with dashes. */
  readonly label: string
  readonly ports: readonly NamedPort[]
}

export interface NamedPort {
  /** In lower case; empty for the only port of a service that has no name. */
  readonly name: string
  readonly protocol: string
  readonly port: number
}

/** What a service's name stands for. */
export type ServiceEntry =
  | { readonly kind: 'address'; readonly addresses: readonly string[]; readonly ports: readonly NamedPort[] }
  | { readonly kind: 'headless'; readonly endpoints: readonly ServiceEndpoint[] }
  | { readonly kind: 'alias'; readonly target: string }

/** What names there are. All names in and out are in lower case. */
export interface Records {
  hasNamespace(namespace: string): boolean
  service(namespace: string, name: string): ServiceEntry | undefined
  /** The endpoints of a service of any kind that take connections. */
  endpoints(namespace: string, name: string): readonly ServiceEndpoint[]
  /** The names, without the cluster's domain, that an address has: of a service, else of endpoints. */
  namesOf(address: string): readonly string[]
  /** Whether a pod of a namespace has this address, as far as pods are followed. */
  hasPod(namespace: string, address: string): boolean
}

const serviceNameLabel = 'kubernetes.io/service-name'

/** Reads from shared copies, which find objects by address and service from now on. */
export function clusterRecords(
  services: Indexed<Service>,
  slices: Indexed<EndpointSlice>,
  namespaces: Pick<Lister<Namespace>, 'get'>,
  pods: () => Pick<Lister<Pod>, 'byIndex'> | undefined = () => undefined,
): Records {
  services.addIndex('clusterAddress', clusterAddresses)
  slices.addIndex('dnsService', servicesOf)
  slices.addIndex('endpointAddress', endpointAddresses)
  const endpointsOf = (namespace: string, name: string): readonly ServiceEndpoint[] =>
    slices.byIndex('dnsService', `${namespace}/${name}`).flatMap(readEndpoints)
  return {
    hasNamespace: (namespace) => namespaces.get(namespace) !== undefined,
    service: (namespace, name) => {
      const service = services.get(`${namespace}/${name}`)
      if (service === undefined) return undefined
      const { type, externalName = '', clusterIP = '', ports = [] } = service.spec
      if (type === 'ExternalName') return { kind: 'alias', target: externalName.toLowerCase().replace(/\.$/, '') }
      if (clusterIP === 'None') return { kind: 'headless', endpoints: endpointsOf(namespace, name) }
      return { kind: 'address', addresses: clusterAddresses(service), ports: ports.map(readPort) }
    },
    endpoints: endpointsOf,
    namesOf: (address) => {
      const owners = services.byIndex('clusterAddress', address)
      if (owners.length > 0) return owners.map(({ metadata }) => `${metadata.name}.${metadata.namespace}.svc`)
      const names = slices.byIndex('endpointAddress', address).flatMap((slice) => {
        const service = `${slice.metadata.labels![serviceNameLabel]}.${slice.metadata.namespace}.svc`
        const own = readEndpoints(slice).filter((endpoint) => endpoint.address === address)
        return own.map((endpoint) => `${endpoint.label}.${service}`)
      })
      return [...new Set(names)].toSorted()
    },
    hasPod: (namespace, address) =>
      pods()
        ?.byIndex(podAddressIndex, address)
        .some(({ metadata }) => metadata.namespace === namespace) ?? false,
  }
}

/** Pods by their addresses; those that share a node's are not told apart by it, and those that ended have none any more. */
export const podAddressIndex = 'podAddress'
export const podAddresses = ({ spec, status }: Pod): readonly string[] =>
  spec.hostNetwork === true || status?.phase === 'Succeeded' || status?.phase === 'Failed'
    ? []
    : (status?.podIPs ?? []).map(({ ip }) => canonicalIp(ip ?? '')).filter((ip) => ip !== undefined)

/** The service that a slice belongs to, as `namespace/name`, in a list; nothing for a slice of none. */
const servicesOf = (slice: EndpointSlice): readonly string[] => serviceOf(slice) ?? []

export function serviceOf({ metadata }: EndpointSlice): readonly [string] | undefined {
  const name = metadata.labels?.[serviceNameLabel]
  return name === undefined ? undefined : [`${metadata.namespace}/${name}`]
}

/** All addresses of a slice, ready or not, each once. */
export function endpointAddresses(slice: EndpointSlice): readonly string[] {
  const written = serviceOf(slice) === undefined ? [] : (slice.endpoints ?? []).flatMap(({ addresses }) => addresses)
  return [...new Set(written.map((text) => canonicalIp(text)).filter((ip) => ip !== undefined))]
}

export const clusterAddresses = ({ spec }: Service): readonly string[] =>
  (spec.clusterIPs ?? [spec.clusterIP ?? '']).map((text) => canonicalIp(text)).filter((ip) => ip !== undefined)

const readPort = (port: { name?: string; protocol?: string; port?: number }): NamedPort => ({
  name: (port.name ?? '').toLowerCase(),
  protocol: (port.protocol ?? 'TCP').toLowerCase(),
  port: port.port ?? 0,
})

function readEndpoints(slice: EndpointSlice): ServiceEndpoint[] {
  const ports = (slice.ports ?? []).map(readPort)
  return (slice.endpoints ?? []).filter(isReady).flatMap((endpoint) =>
    endpoint.addresses.flatMap((text) => {
      const address = canonicalIp(text)
      if (address === undefined) return []
      return [{ address, label: endpoint.hostname?.toLowerCase() ?? address.replaceAll(/[.:]/g, '-'), ports }]
    }),
  )
}

const isReady = (endpoint: Endpoint): boolean => endpoint.conditions?.ready ?? true

/**
 * proxy: what a node does so that a service's addresses lead to its pods. Which frontends there are and what is behind them is
 * decided here (services, endpoint slices, pods with host ports → frontends), how the kernel is told in ruleset.ts; nftables.ts
 * and conntrack.ts do the telling, proxy.ts is the component. Names are the business of src/dns, HTTP routes are not known here.
 */
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { Service, ServicePort } from '#api/core/v1/service.ts'
import type { Endpoint, EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { canonicalIp } from '#lib/net/ip.ts'

export type Transport = 'tcp' | 'udp' | 'sctp'
export type Family = 4 | 6

/** One place that takes connections. */
export interface Backend {
  readonly address: string
  readonly port: number
  /** Whether it is on this node. */
  readonly local: boolean
}

/** Where connections go; with no backends they are refused, or dropped because other nodes would take them. */
export interface Target {
  /** In slots: a backend keeps its place while it can. */
  readonly backends: readonly Backend[]
  readonly whenEmpty: 'refuse' | 'drop'
}

/**
 * Whose connections get the node's address as their source: those of others than pods, so that answers come back through this
 * node; all, because the backend may be elsewhere; or none, because the backend is here and wants to see its client.
 */
export type Masquerade = 'others' | 'all' | 'none'

/** One address, transport and port that connections come to. */
export interface Frontend {
  /** Unique on a node: `10.96.0.1/tcp/443`, or `4/tcp/30080` for a port of every address of the node in IPv4. */
  readonly key: string
  /** Whom it belongs to: `default/web:http`. */
  readonly owner: string
  /** Orders those that claim the same key: the oldest gets it. */
  readonly age: string
  readonly family: Family
  /** Absent for a port on every address of the node. */
  readonly address?: string
  /** Whether the address is a service's own, where every other port is refused. */
  readonly isClusterAddress: boolean
  readonly transport: Transport
  readonly port: number
  readonly masquerade: Masquerade
  /** For connections of pods and of the node itself, and for all others too unless `outside` says where those go. */
  readonly inside: Target
  /** For connections from elsewhere, which keep their source. */
  readonly outside?: Target
  /** For how many seconds after its last connection a client keeps its backend. */
  readonly affinitySeconds?: number
}

/** What of a node matters to its services. */
export interface NodePlace {
  readonly name: string
  readonly zone?: string
}

const zoneLabel = 'topology.kubernetes.io/zone'
const proxyNameLabel = 'service.kubernetes.io/service-proxy-name'
const headlessLabel = 'service.kubernetes.io/headless'
const serviceNameLabel = 'kubernetes.io/service-name'
const defaultAffinitySeconds = 10_800

export function placeOf(node: Node): NodePlace {
  const zone = node.metadata.labels?.[zoneLabel]
  return zone === undefined ? { name: node.metadata.name! } : { name: node.metadata.name!, zone }
}

/** The service that a slice belongs to as `namespace/name`; nothing when it is none of ours. */
export function serviceOfSlice(slice: EndpointSlice): string | undefined {
  const labels = slice.metadata.labels ?? {}
  const name = labels[serviceNameLabel]
  if (name === undefined || headlessLabel in labels || proxyNameLabel in labels) return undefined
  return `${slice.metadata.namespace}/${name}`
}

/** The frontends of a service. Those it had before, if given, let backends keep their slots. */
export function planFrontends(
  service: Service,
  slices: readonly EndpointSlice[],
  node: NodePlace,
  before: readonly Frontend[] = [],
): readonly Frontend[] {
  const { spec, metadata } = service
  if (spec.type === 'ExternalName' || metadata.labels?.[proxyNameLabel] !== undefined) return []
  const clusterAddresses = readAddresses(spec.clusterIPs ?? [spec.clusterIP])
  if (clusterAddresses.length === 0) return []
  const externalAddresses = readAddresses([
    ...(spec.externalIPs ?? []),
    ...(service.status?.loadBalancer?.ingress ?? [])
      .filter((ingress) => ingress.ipMode !== 'Proxy')
      .map((ingress) => ingress.ip),
  ])
  const affinity =
    spec.sessionAffinity === 'ClientIP'
      ? { affinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds }
      : {}
  const earlier = new Map(before.map((frontend) => [frontend.key, frontend]))
  const frontends: Frontend[] = []
  for (const family of new Set(clusterAddresses.map(familyOf))) {
    const ofFamily = slices.filter((slice) => slice.addressType === (family === 4 ? 'IPv4' : 'IPv6'))
    for (const port of spec.ports ?? []) {
      const transport = (port.protocol ?? 'TCP').toLowerCase() as Transport
      const { everywhere, here } = chooseBackends(ofFamily, port, node)
      const locally: Target = { backends: here, whenEmpty: everywhere.length > 0 ? 'drop' : 'refuse' }
      const anywhere: Target = { backends: everywhere, whenEmpty: 'refuse' }
      const add = (address: string | undefined, number: number, rest: FrontendRest): void => {
        const key = frontendKey(address ?? family, transport, number)
        frontends.push(
          keepSlots(
            {
              key,
              owner: `${metadata.namespace}/${metadata.name}${port.name ? `:${port.name}` : ''}`,
              age: `${metadata.creationTimestamp ?? ''} ${metadata.namespace}/${metadata.name}`,
              family,
              ...(address === undefined ? {} : { address }),
              isClusterAddress: false,
              transport,
              port: number,
              ...affinity,
              ...rest,
            },
            earlier.get(key),
          ),
        )
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
      if (port.nodePort !== undefined && port.nodePort !== 0) add(undefined, port.nodePort, external)
    }
  }
  return frontends
}

type FrontendRest = Pick<Frontend, 'masquerade' | 'inside'> & Partial<Pick<Frontend, 'isClusterAddress' | 'outside'>>

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
      const hostAddress = port.hostIP === undefined ? undefined : canonicalIp(port.hostIP)
      const isEveryAddress = hostAddress === undefined || hostAddress === '0.0.0.0' || hostAddress === '::'
      if (!isEveryAddress && familyOf(hostAddress) !== family) continue
      const transport = (port.protocol ?? 'TCP').toLowerCase() as Transport
      frontends.push({
        key: frontendKey(isEveryAddress ? family : hostAddress, transport, port.hostPort),
        owner,
        age: `${pod.metadata.creationTimestamp ?? ''} ${owner}`,
        family,
        ...(isEveryAddress ? {} : { address: hostAddress }),
        isClusterAddress: false,
        transport,
        port: port.hostPort,
        masquerade: 'none',
        inside: { backends: [{ address, port: port.containerPort, local: true }], whenEmpty: 'refuse' },
      })
    }
  }
  return frontends
}

/** All frontends of a node by key. Of several that claim one key the oldest owner's is taken. */
export function mergeFrontends(lists: Iterable<readonly Frontend[]>): ReadonlyMap<string, Frontend> {
  const table = new Map<string, Frontend>()
  for (const frontends of lists) {
    for (const frontend of frontends) {
      const other = table.get(frontend.key)
      if (other === undefined || frontend.age < other.age) table.set(frontend.key, frontend)
    }
  }
  return table
}

const frontendKey = (address: string | Family, transport: Transport, port: number): string =>
  `${address}/${transport}/${port}`

const familyOf = (address: string): Family => (address.includes(':') ? 6 : 4)

const readAddresses = (texts: readonly (string | undefined)[]): string[] => [
  ...new Set(texts.map((text) => canonicalIp(text ?? '')).filter((ip) => ip !== undefined)),
]

/**
 * The backends of one port: of the whole cluster and of this node. Ready ones, or where there are none those that still serve
 * while they end (KEP-1669); of the whole cluster only those meant for this node or zone, where all say whom they are for.
 */
function chooseBackends(
  slices: readonly EndpointSlice[],
  port: ServicePort,
  node: NodePlace,
): { everywhere: readonly Backend[]; here: readonly Backend[] } {
  const candidates: { endpoint: Endpoint; backend: Backend }[] = []
  for (const slice of slices) {
    const found = slice.ports?.find(
      (each) => (each.name ?? '') === (port.name ?? '') && (each.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
    )
    if (found?.port === undefined) continue
    for (const endpoint of slice.endpoints) {
      const address = canonicalIp(endpoint.addresses[0] ?? '')
      if (address === undefined) continue
      candidates.push({ endpoint, backend: { address, port: found.port, local: endpoint.nodeName === node.name } })
    }
  }
  const ready = candidates.filter(({ endpoint }) => isReady(endpoint))
  const ending = candidates.filter(({ endpoint }) => isServingToTheEnd(endpoint))
  const localReady = ready.filter(({ backend }) => backend.local)
  const everywhere = ready.length > 0 ? keepHinted(ready, node) : ending
  const here = localReady.length > 0 ? localReady : ending.filter(({ backend }) => backend.local)
  return { everywhere: uniqueBackends(everywhere), here: uniqueBackends(here) }
}

const isReady = (endpoint: Endpoint): boolean => endpoint.conditions?.ready ?? true

const isServingToTheEnd = ({ conditions }: Endpoint): boolean =>
  (conditions?.serving ?? true) && conditions?.terminating === true

function keepHinted<T extends { readonly endpoint: Endpoint }>(ready: readonly T[], node: NodePlace): readonly T[] {
  const keep = (named: (endpoint: Endpoint) => readonly { readonly name: string }[] | undefined, name: string) => {
    if (!ready.every(({ endpoint }) => (named(endpoint)?.length ?? 0) > 0)) return []
    return ready.filter(({ endpoint }) => named(endpoint)!.some((hint) => hint.name === name))
  }
  const sameNode = keep((endpoint) => endpoint.hints?.forNodes, node.name)
  if (sameNode.length > 0) return sameNode
  const sameZone = node.zone === undefined ? [] : keep((endpoint) => endpoint.hints?.forZones, node.zone)
  return sameZone.length > 0 ? sameZone : ready
}

/** In the order of their addresses, so that equal endpoints in other slices make the same table. */
function uniqueBackends(chosen: readonly { readonly backend: Backend }[]): readonly Backend[] {
  const byName = new Map(chosen.map(({ backend }) => [backendName(backend), backend]))
  return [...byName.keys()].toSorted().map((name) => byName.get(name)!)
}

/** `10.244.0.3 . 80`, as the kernel's maps have it. */
export const backendName = (backend: Backend): string => `${backend.address} . ${backend.port}`

/** Gives backends the slots that they had, and the whole frontend as it was when nothing has changed. */
function keepSlots(frontend: Frontend, before: Frontend | undefined): Frontend {
  if (before === undefined) return frontend
  const next: Frontend = {
    ...frontend,
    inside: { ...frontend.inside, backends: placeInSlots(before.inside.backends, frontend.inside.backends) },
    ...(frontend.outside === undefined
      ? {}
      : {
          outside: {
            ...frontend.outside,
            backends: placeInSlots(before.outside?.backends ?? [], frontend.outside.backends),
          },
        }),
  }
  return JSON.stringify(next) === JSON.stringify(before) ? before : next
}

/**
 * Fills as many slots as there are backends, with none empty, moving as few as possible.
 *
 *     before a b c d, wanted a c d e    ->  a e c d      e takes the place that b left
 *     before a b c d, wanted b d        ->  d b          d moves to the front
 */
export function placeInSlots(before: readonly Backend[], wanted: readonly Backend[]): readonly Backend[] {
  const left = new Map(wanted.map((backend) => [backendName(backend), backend]))
  const slots: (Backend | undefined)[] = Array.from({ length: wanted.length })
  for (const [slot, old] of before.entries()) {
    const backend = slot < slots.length ? left.get(backendName(old)) : undefined
    if (backend === undefined) continue
    slots[slot] = backend
    left.delete(backendName(old))
  }
  const rest = left.values()
  return slots.map((backend) => backend ?? rest.next().value!)
}

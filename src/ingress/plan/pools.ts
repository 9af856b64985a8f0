import type { Service, ServicePort } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import type { IngressServiceBackend } from '#api/networking/v1/ingress.ts'
import { isLinkLocal, isLoopback, isMulticast, isUnspecified, parseIp } from '#lib/net/ip.ts'
import { isHostName } from '../annotations/readers.ts'
import type { Pool, Server } from '../routing.ts'
import type { ClusterView } from './cluster.ts'

/** What of a pool annotations decide. */
export type PoolOptions = Omit<Pool, 'name' | 'servers'>

/** Where to a backend leads. */
export interface Backend {
  readonly pool: Pool
  /** Why it has no servers or not all of them. */
  readonly problem?: string
}

/** What a pool is made for. */
export interface PoolRequest {
  readonly name: string
  readonly namespace: string
  readonly backend: IngressServiceBackend
  readonly options: PoolOptions
  /** Whether requests go to endpoints rather than to the address of the service. */
  readonly straight: boolean
  /** Whether routes depend on the pool having servers. */
  readonly decides: boolean
}

interface Made extends Backend {
  readonly request: PoolRequest
  /** All that it was made from. */
  readonly from: readonly unknown[]
}

/**
 * Makes pools, and gives the same one again as long as nothing of it has changed: most of thousands stay when one endpoint
 * changes.
 */
export class PoolMaker {
  #made = new Map<string, Made>()
  #next = new Map<string, Made>()
  /** Names of pools by the key of their service. */
  #ofService = new Map<string, Set<string>>()

  /** What is not asked for between two calls of this is forgotten. */
  begin(): void {
    this.#made = this.#next
    this.#next = new Map()
    this.#ofService = new Map()
  }

  /** The pool of a service's port. */
  make(view: ClusterView, request: PoolRequest): Backend {
    const { name, namespace, backend } = request
    const known = this.#next.get(name)
    if (known !== undefined && (known.request.decides || !request.decides)) return known
    const key = `${namespace}/${backend.name}`
    const made = makeUnlessSame(view, key, request, known ?? this.#made.get(name))
    this.#next.set(name, made)
    let names = this.#ofService.get(key)
    if (names === undefined) this.#ofService.set(key, (names = new Set()))
    names.add(name)
    return made
  }

  /**
   * The pools of these services as they are now, by name; undefined when more than servers has changed: what is told of them,
   * or whether another one stands in.
   */
  remake(view: ClusterView, services: Iterable<string>): ReadonlyMap<string, Pool> | undefined {
    const changed = new Map<string, Made>()
    for (const key of services) {
      for (const name of this.#ofService.get(key) ?? []) {
        const before = this.#next.get(name)!
        if (view.service(key)?.spec.type === 'ExternalName') return undefined
        const made = makeUnlessSame(view, key, before.request, before)
        if (!isSameOutcome(before.request, before, made)) return undefined
        if (made !== before) changed.set(name, made)
      }
    }
    for (const [name, made] of changed) this.#next.set(name, made)
    return new Map([...changed].map(([name, { pool }]) => [name, pool]))
  }
}

/** Whether routes and what is told of them are the same with either: they differ in their servers at most. */
export function isSameOutcome({ decides }: PoolRequest, one: Backend, other: Backend): boolean {
  if (one.problem !== other.problem) return false
  if (!decides) return true
  const [before, now] = [one.pool, other.pool]
  return isIdle(before) === isIdle(now) && (before.servers.length === 0) === (now.servers.length === 0)
}

/** Whether nobody takes further requests. */
export const isIdle = ({ servers }: Pool): boolean => servers.every(({ draining }) => draining)

function makeUnlessSame(view: ClusterView, key: string, request: PoolRequest, before: Made | undefined): Made {
  const service = view.service(key)
  const externalName = service?.spec.type === 'ExternalName' ? (service.spec.externalName ?? '') : undefined
  const slices = service === undefined || externalName !== undefined ? [] : view.slices(key)
  const addresses = externalName === undefined ? undefined : view.addresses(externalName)
  const { name, backend, options, straight, decides } = request
  const from = [service, addresses, JSON.stringify(options), straight, decides, ...slices]
  const isSame = before?.from.length === from.length && before.from.every((part, index) => part === from[index])
  return isSame ? before : { request, from, ...makePool(name, backend, service, slices, addresses, options, straight) }
}

function makePool(
  name: string,
  backend: IngressServiceBackend,
  service: Service | undefined,
  slices: readonly EndpointSlice[],
  addresses: readonly string[] | undefined,
  options: PoolOptions,
  straight: boolean,
): Backend {
  const pool = (servers: readonly Server[], problem?: string): Backend => ({
    pool: {
      name,
      servers: servers.toSorted((one, other) => (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)),
      ...options,
    },
    ...(problem === undefined ? {} : { problem }),
  })
  if (service === undefined) return pool([], `there is no service ${backend.name}`)
  if (service.spec.type === 'ExternalName') return externalPool(service, backend, addresses, pool)
  const port = findPort(service, backend)
  if (port === undefined) return pool([], `service ${backend.name} has no port ${portText(backend)}`)
  if ((port.protocol ?? 'TCP') !== 'TCP')
    return pool([], `port ${portText(backend)} of service ${backend.name} is not for TCP`)
  const { clusterIP } = service.spec
  if (!straight && clusterIP !== undefined && clusterIP !== '' && clusterIP !== 'None') {
    return pool([serverAt(clusterIP, port.port, false)])
  }
  return serversOf(service, port, slices, pool)
}

function serversOf(
  service: Service,
  port: ServicePort,
  slices: readonly EndpointSlice[],
  pool: (servers: readonly Server[], problem?: string) => Backend,
): Backend {
  const family = service.spec.ipFamilies?.[0] ?? 'IPv4'
  const preferred = slices.filter(({ addressType }) => addressType === family)
  const servers = new Map<string, Server>()
  const refused = new Set<string>()
  for (const slice of preferred.length > 0 ? preferred : slices) {
    if (slice.addressType === 'FQDN') continue
    const number = slice.ports?.find(
      (each) => (each.name ?? '') === (port.name ?? '') && (each.protocol ?? 'TCP') === 'TCP',
    )?.port
    if (number === undefined) continue
    for (const { addresses, conditions = {} } of slice.endpoints ?? []) {
      const { ready = true, terminating = false } = conditions
      const serving = conditions.serving ?? ready
      const address = addresses[0]
      const takes = ready && !terminating
      if (address === undefined || (!takes && !(serving && terminating) && !ready)) continue
      if (!isReachable(address)) refused.add(address)
      else addServer(servers, serverAt(address, number, !takes))
    }
  }
  const problem =
    refused.size === 0
      ? undefined
      : `endpoints of service ${service.metadata.name} with loopback, link-local and other special addresses are left out: ${[...refused].toSorted().slice(0, 3).join(', ')}`
  return pool([...servers.values()], problem)
}

/** An endpoint may stand in two slices for a moment; it is taken as the one that takes requests. */
function addServer(servers: Map<string, Server>, server: Server): void {
  if (servers.get(server.id)?.draining !== false) servers.set(server.id, server)
}

function externalPool(
  { spec, metadata }: Service,
  backend: IngressServiceBackend,
  addresses: readonly string[] | undefined,
  pool: (servers: readonly Server[], problem?: string) => Backend,
): Backend {
  const name = (spec.externalName ?? '').toLowerCase().replace(/\.$/, '')
  if (!isHostName(name)) return pool([], `service ${metadata.name} has no external name that can be looked up`)
  const port = backend.port?.number ?? findPort({ spec, metadata } as Service, backend)?.port
  if (port === undefined) return pool([], `service ${metadata.name} has no port ${portText(backend)}`)
  if (addresses === undefined)
    return pool([], `the external name ${name} of service ${metadata.name} has no address yet`)
  const good = addresses.filter(isReachable)
  const problem =
    good.length === addresses.length && good.length > 0
      ? undefined
      : good.length === 0 && addresses.length > 0
        ? `the external name ${name} of service ${metadata.name} leads to loopback or link-local addresses, which are refused`
        : good.length === 0
          ? `the external name ${name} of service ${metadata.name} has no address`
          : undefined
  return pool(
    good.map((address) => serverAt(address, port, false)),
    problem,
  )
}

function serverAt(address: string, port: number, draining: boolean): Server {
  return { id: address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`, address, port, draining }
}

/** By name or number of the service's port, or by the port of its pods, as ingress-nginx looks for it. */
function findPort({ spec }: Service, { port = {} }: IngressServiceBackend): ServicePort | undefined {
  const ports = spec.ports ?? []
  if (port.name !== undefined && port.name !== '') {
    return ports.find(({ name }) => name === port.name) ?? ports.find(({ targetPort }) => targetPort === port.name)
  }
  return ports.find((each) => each.port === port.number) ?? ports.find(({ targetPort }) => targetPort === port.number)
}

export function portText({ port = {} }: IngressServiceBackend): string {
  return port.name === undefined || port.name === '' ? String(port.number ?? 0) : port.name
}

/** Whether an address may be a server's: never the node itself, and nothing that only a node reaches. */
function isReachable(address: string): boolean {
  const ip = parseIp(address)
  return ip !== undefined && !isLoopback(ip) && !isLinkLocal(ip) && !isUnspecified(ip) && !isMulticast(ip)
}

/** Which service a connection to a port of this machine is for. Pure. */
import type { Service } from '#api/core/v1/service.ts'
import { canonicalIp } from '#lib/net/ip.ts'
import { addressesOf, wantsLoadBalancer } from '../plan.ts'

/** One port of a service that is not there yet, for nobody needs it: who asks for it is told that nothing is served. */
export interface IdleClaim {
  readonly cluster: string
  readonly namespace: string
  readonly service: string
  readonly port: number
}

/** One port of one service that is reached under a name of this machine. */
export interface Claim extends IdleClaim {
  /** The load balancer's address. */
  readonly address: string
}

/** A service that is made once it is needed, and the TCP ports that it will have. */
export interface IdleService {
  readonly namespace: string
  readonly service: string
  readonly ports: readonly number[]
}

/** `web.default.dev.localhost`: resolvers and browsers take every such name for this machine (RFC 6761). */
export const nameOf = ({ service, namespace, cluster }: IdleClaim): string =>
  `${service}.${namespace}.${cluster}.localhost`

/** What the services of a cluster claim: each TCP port of those that have an address. */
export function claimsOf(cluster: string, services: Iterable<Service>): readonly Claim[] {
  const claims: Claim[] = []
  for (const service of services) {
    const [address] = addressesOf(service)
    if (!wantsLoadBalancer(service) || address === undefined) continue
    const { name, namespace = 'default' } = service.metadata
    for (const { port, protocol = 'TCP' } of service.spec.ports ?? [])
      if (protocol === 'TCP') claims.push({ cluster, namespace, service: name, address, port })
  }
  return claims.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
}

/** What a cluster claims for a service that may be there already: nothing once `claims` have it. */
export function idleClaimsOf(
  cluster: string,
  { namespace, service, ports }: IdleService,
  claims: readonly Claim[],
): readonly IdleClaim[] {
  const isServed = claims.some((claim) => claim.namespace === namespace && claim.service === service)
  return isServed ? [] : ports.map((port) => ({ cluster, namespace, service, port }))
}

export const mostClaims = 10_000

/** Reads claims that came from another process; a text says what is wrong. */
export function readClaims(cluster: string, given: unknown): readonly Claim[] | string {
  return readEach(given, (each, index) => {
    const { address } = each
    const ip = typeof address === 'string' ? canonicalIp(address) : undefined
    if (!namesService(each) || ip === undefined) return `claim ${index} names no service with an address`
    const { namespace, service, port } = each
    return isPort(port) ? { cluster, namespace, service, address: ip, port } : `claim ${index} has no port`
  })
}

/** The same for claims of services that are not there yet. */
export function readIdleClaims(cluster: string, given: unknown): readonly IdleClaim[] | string {
  return readEach(given, (each, index) => {
    if (!namesService(each)) return `claim ${index} names no service`
    const { namespace, service, port } = each
    return isPort(port) ? { cluster, namespace, service, port } : `claim ${index} has no port`
  })
}

type Unread = Readonly<Record<string, unknown>>

function readEach<T>(given: unknown, read: (each: Unread, index: number) => T | string): readonly T[] | string {
  if (!Array.isArray(given)) return 'claims must be a list'
  if (given.length > mostClaims) return `there may be no more than ${mostClaims} claims`
  const claims: T[] = []
  for (const [index, each] of given.entries()) {
    const claim = read((each ?? {}) as Unread, index)
    if (typeof claim === 'string') return claim
    claims.push(claim)
  }
  return claims
}

const isName = (value: unknown): value is string => typeof value === 'string' && /^[a-z0-9.-]{1,253}$/.test(value)
const isPort = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 65_535
const namesService = (each: Unread): each is Unread & Pick<Claim, 'namespace' | 'service'> =>
  isName(each['namespace']) && isName(each['service'])

/** `web.default.dev.localhost`, of whatever cluster; `shop.localhost` is a host like any other, such as an ingress serves. */
const isServiceName = (name: string): boolean => /^(?:[^.]+\.){3,}localhost$/.test(name)

/**
 * The claim that a name means among those of one port: by the whole name, or by any that is no service's, such as `localhost`, when
 * there is but one. Those of services that are not there yet count where there is no other: any of them has the same answer.
 */
export function claimFor(
  claims: readonly Claim[],
  idle: readonly IdleClaim[],
  name: string | undefined,
): Claim | IdleClaim | undefined {
  const wanted = name?.toLowerCase().replace(/\.$/, '')
  const isMeant = (claim: IdleClaim): boolean => nameOf(claim) === wanted
  const named = claims.find(isMeant) ?? idle.find(isMeant)
  if (named !== undefined) return named
  if ((wanted !== undefined && isServiceName(wanted)) || claims.length > 1) return undefined
  return claims[0] ?? idle[0]
}

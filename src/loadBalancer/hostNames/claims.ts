/** Which service a connection to a port of this machine is for. Pure. */
import type { Service } from '#api/core/v1/service.ts'
import { canonicalIp } from '#lib/net/ip.ts'
import { addressesOf, wantsLoadBalancer } from '../plan.ts'

/** One port of one service that is reached under a name of this machine. */
export interface Claim {
  readonly cluster: string
  readonly namespace: string
  readonly service: string
  /** The load balancer's address. */
  readonly address: string
  readonly port: number
}

/** `web.default.dev.localhost`: resolvers and browsers take every such name for this machine (RFC 6761). */
export const nameOf = ({ service, namespace, cluster }: Claim): string => `${service}.${namespace}.${cluster}.localhost`

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

export const mostClaims = 10_000

/** Reads claims that came from another process; a text says what is wrong. */
export function readClaims(cluster: string, given: unknown): readonly Claim[] | string {
  if (!Array.isArray(given)) return 'claims must be a list'
  if (given.length > mostClaims) return `there may be no more than ${mostClaims} claims`
  const claims: Claim[] = []
  for (const [index, each] of given.entries()) {
    const { namespace, service, address, port } = (each ?? {}) as Readonly<Record<string, unknown>>
    const isName = (value: unknown): value is string => typeof value === 'string' && /^[a-z0-9.-]{1,253}$/.test(value)
    const ip = typeof address === 'string' ? canonicalIp(address) : undefined
    if (!isName(namespace) || !isName(service) || ip === undefined)
      return `claim ${index} names no service with an address`
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535)
      return `claim ${index} has no port`
    claims.push({ cluster, namespace, service, address: ip, port })
  }
  return claims
}

/**
 * The claim that a name means among those of one port: by the whole name, or by `localhost` and addresses of this machine when
 * there is but one.
 */
export function claimFor(claims: readonly Claim[], name: string | undefined): Claim | undefined {
  const wanted = name?.toLowerCase().replace(/\.$/, '')
  const named = claims.find((claim) => nameOf(claim) === wanted)
  if (named !== undefined) return named
  const isForThisMachine = wanted === undefined || !wanted.endsWith('.localhost')
  return isForThisMachine && claims.length === 1 ? claims[0] : undefined
}

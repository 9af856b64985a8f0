/** What a service's load balancer has to be like. Pure. */
import type { LoadBalancerIngress, Service } from '#api/core/v1/service.ts'
import { canonicalIp, ipFamily, parseIp } from '#lib/net/ip.ts'
import { firstFree, formatPool, poolFamilies, poolHas, type Pool } from './pool.ts'

/** Services that name this class, or none, are ours. */
export const loadBalancerClass = 'k8ts.dev/load-balancer'
/** Asks for certain addresses, one of each family, separated by a comma; goes before `spec.loadBalancerIP`. */
export const wishAnnotation = 'k8ts.dev/load-balancer-ips'
/** Keeps a service until its address has been given back. */
export const cleanupFinalizer = 'service.kubernetes.io/load-balancer-cleanup'

/** Whether we are to give this service an address. */
export function wantsLoadBalancer({ spec, metadata }: Service): boolean {
  return spec.type === 'LoadBalancer' && isOurClass(spec) && metadata.deletionTimestamp === undefined
}

/** Whether the service had an address of ours and is to lose it. */
export function needsCleanup({ spec, metadata }: Service): boolean {
  if (!(metadata.finalizers ?? []).includes(cleanupFinalizer)) return false
  return spec.type !== 'LoadBalancer' || (isOurClass(spec) && metadata.deletionTimestamp !== undefined)
}

const isOurClass = ({ loadBalancerClass: named }: Service['spec']): boolean =>
  named === undefined || named === loadBalancerClass

/** The addresses that the status of a service of ours names, in their canonical form. */
export function addressesOf(service: Service): readonly string[] {
  if (!isOurClass(service.spec) || service.spec.type !== 'LoadBalancer') return []
  return (service.status?.loadBalancer?.ingress ?? []).flatMap(({ ip = '' }) => canonicalIp(ip) ?? [])
}

export interface AddressPlan {
  /** One for each family that can be served; empty while there is none. */
  readonly ingress: readonly LoadBalancerIngress[]
  /** Why an address that should be there is not. */
  readonly problem?: string
}

/** Chooses a service's addresses: those it asks for, those it has, others of the pool. `userOf` names another service that has one. */
export function planAddresses(
  service: Service,
  pool: Pool,
  userOf: (address: string) => string | undefined,
): AddressPlan {
  const wishes = readWishes(service)
  if (typeof wishes === 'string') return { ingress: [], problem: wishes }
  for (const { address, from } of wishes) {
    const user = userOf(address)
    const refused = (why: string): AddressPlan => ({
      ingress: [],
      problem: `the address ${address} that ${from} asks for ${why}`,
    })
    if (!poolHas(pool, parseIp(address)!)) return refused(`is not in the pool ${formatPool(pool)}`)
    if (user !== undefined) return refused(`is that of service ${user}`)
  }
  const present = addressesOf(service).filter(
    (address) => poolHas(pool, parseIp(address)!) && userOf(address) === undefined,
  )
  const families = familiesOf(service)
  const served = families.filter((family) => poolFamilies(pool).has(family))
  if (served.length === 0) {
    return { ingress: [], problem: `the pool ${formatPool(pool)} has no IPv${families.join(' or IPv')} addresses` }
  }
  const isOf = (family: 4 | 6) => (address: string) => ipFamily(parseIp(address)!) === family
  const stranger = wishes.find(({ address }) => !served.some((family) => isOf(family)(address)))
  if (stranger !== undefined) {
    const problem = `the service has no family for the address ${stranger.address} that ${stranger.from} asks for`
    return { ingress: [], problem }
  }
  const ingress: LoadBalancerIngress[] = []
  const exhausted: number[] = []
  for (const family of served) {
    const wished = wishes.find(({ address }) => isOf(family)(address))?.address
    const ip = wished ?? present.find(isOf(family)) ?? firstFree(pool, family, (one) => userOf(one) !== undefined)
    if (ip === undefined) exhausted.push(family)
    else ingress.push({ ip, ipMode: 'VIP' })
  }
  if (exhausted.length === 0) return { ingress }
  const problem = `all IPv${exhausted.join(' and IPv')} addresses of the pool ${formatPool(pool)} are in use`
  return { ingress, problem }
}

function familiesOf({ spec }: Service): readonly (4 | 6)[] {
  const families = (spec.ipFamilies ?? []).map((family) => (family === 'IPv6' ? 6 : 4))
  return families.length === 0 ? [4] : families
}

interface Wish {
  readonly address: string
  readonly from: string
}

const mostWishes = 2

function readWishes({ spec, metadata }: Service): readonly Wish[] | string {
  const annotated = metadata.annotations?.[wishAnnotation]
  const from = annotated === undefined ? 'spec.loadBalancerIP' : `the annotation ${wishAnnotation}`
  const text = annotated ?? spec.loadBalancerIP ?? ''
  if (text.trim() === '') return []
  const shown = JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}...` : text)
  const parts = text.slice(0, 200).split(',')
  const addresses = parts.flatMap((part) => canonicalIp(part.trim()) ?? [])
  const families = new Set(addresses.map((address) => ipFamily(parseIp(address)!)))
  if (text.length > 200 || addresses.length !== parts.length || addresses.length > mostWishes) {
    return `${from} is ${shown}; it must be an address, or one of each family separated by a comma`
  }
  if (families.size !== addresses.length)
    return `${from} is ${shown}; it must be no more than one address of each family`
  return addresses.map((address) => ({ address, from }))
}

/** What of a service load balancers depend on; the same text as long as nothing of it changes. */
export function fingerprintOf({ spec, metadata }: Service): string {
  const ports = (spec.ports ?? []).map((port) => [
    port.name,
    port.protocol,
    port.port,
    port.nodePort,
    port.targetPort,
    port.appProtocol,
  ])
  const { sessionAffinity, sessionAffinityConfig, loadBalancerIP, loadBalancerSourceRanges, externalIPs } = spec
  return JSON.stringify([
    metadata.uid,
    metadata.annotations,
    ports,
    sessionAffinity,
    sessionAffinityConfig,
    loadBalancerIP,
    loadBalancerSourceRanges,
    externalIPs,
    spec.externalTrafficPolicy,
    spec.healthCheckNodePort,
    spec.ipFamilies?.length,
  ])
}

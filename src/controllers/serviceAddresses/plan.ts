import type { Service } from '#api/core/v1/service.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { IPAddress } from '#api/networking/v1/ipAddress.ts'
import type { ServiceCIDR, ServiceCIDRStatus } from '#api/networking/v1/serviceCIDR.ts'
import type { Draft } from '#client/client.ts'
import { cidrContains, parseCidr, type Cidr } from '#lib/net/cidr.ts'
import { canonicalIp, ipBytes, ipFamily, parseIp } from '#lib/net/ip.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { withCondition } from '#machinery/conditions.ts'
import { timeText } from '#machinery/time.ts'

const managedLabel = 'ipaddress.kubernetes.io/managed-by'
const manager = 'ipallocator.k8s.io'
const familyLabel = 'ipaddress.kubernetes.io/ip-family'

/** The addresses that a service has, in the form in which they are names. */
export function addressesOf({ spec }: Service): string[] {
  return (spec.clusterIPs ?? []).flatMap((address) => canonicalIp(address) ?? [])
}

export type AddressPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'create'; readonly address: Draft<IPAddress> }
  /** Removes exactly this object; what has the address then is looked at again. */
  | { readonly do: 'delete'; readonly uid: string }

/** Decides what to do so that there is an object for an address just while a service has it. Others' objects stay. */
export function planAddress(address: string, users: readonly Service[], present: IPAddress | undefined): AddressPlan {
  const [user] = users
  const parentRef = user && {
    resource: 'services',
    ...(user.metadata.namespace === undefined ? {} : { namespace: user.metadata.namespace }),
    name: user.metadata.name,
  }
  if (present !== undefined) {
    const isOurs = present.metadata.labels?.[managedLabel] === manager
    const isGoing = present.metadata.deletionTimestamp !== undefined
    if (!isOurs || isGoing || sameJson(present.spec.parentRef, parentRef)) return { do: 'nothing' }
    return { do: 'delete', uid: present.metadata.uid ?? '' }
  }
  if (parentRef === undefined) return { do: 'nothing' }
  const labels = { [familyLabel]: `IPv${ipFamily(ipBytes(address))}`, [managedLabel]: manager }
  return { do: 'create', address: { metadata: { name: address, labels }, spec: { parentRef } } }
}

export const protectionFinalizer = 'networking.k8s.io/service-cidr-finalizer'
/** How long a deleted block stays that nothing needs, so that whoever hands out addresses has heard of it. */
const graceMs = 10_000

export interface BlockPlan {
  /** What the status is to be, when that is something else. */
  readonly status?: ServiceCIDRStatus
  /** The finalizers to have, when those are others. */
  readonly finalizers?: readonly string[]
  /** Look again after so many milliseconds. */
  readonly after?: number
}

/**
 * Decides about a ServiceCIDR (KEP-1880): it is ready and protected; when it is deleted it stays until no address of a service
 * would be left without a block.
 */
export function planBlock(
  block: ServiceCIDR,
  others: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
  now: number,
): BlockPlan {
  const { metadata, status } = block
  const finalizers = metadata.finalizers ?? []
  const isProtected = finalizers.includes(protectionFinalizer)
  const say = (condition: Omit<Condition, 'type' | 'lastTransitionTime'>): Pick<BlockPlan, 'status'> => {
    const full = { type: 'Ready', ...condition, lastTransitionTime: timeText(now) }
    const conditions = withCondition(status?.conditions, full)
    return conditions === status?.conditions ? {} : { status: { ...status, conditions: [...conditions] } }
  }
  if (metadata.deletionTimestamp === undefined) {
    return {
      ...(isProtected ? {} : { finalizers: [...finalizers, protectionFinalizer] }),
      ...say({ status: 'True', reason: '', message: 'Kubernetes Service CIDR is ready' }),
    }
  }
  if (!isProtected) return {}
  if (isNeeded(block, others, addresses)) {
    const message =
      'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR'
    return say({ status: 'False', reason: 'Terminating', message })
  }
  const left = Date.parse(metadata.deletionTimestamp) + graceMs - now
  return left > 0 ? { after: left } : { finalizers: finalizers.filter((name) => name !== protectionFinalizer) }
}

/** Whether an address of a service would be in no block any more. */
function isNeeded(block: ServiceCIDR, others: readonly ServiceCIDR[], addresses: readonly IPAddress[]): boolean {
  const blocksOf = ({ spec }: ServiceCIDR): readonly Cidr[] =>
    (spec.cidrs ?? []).flatMap((text) => parseCidr(text) ?? [])
  const remaining = others
    .filter(({ metadata }) => metadata.name !== block.metadata.name && metadata.deletionTimestamp === undefined)
    .flatMap(blocksOf)
  const alone = blocksOf(block).filter(
    (own) => !remaining.some((other) => other.prefix <= own.prefix && cidrContains(other, own.base)),
  )
  if (alone.length === 0) return false
  return addresses.some(({ metadata }) => {
    const ip = metadata.labels?.[managedLabel] === manager ? parseIp(metadata.name) : undefined
    if (ip === undefined || !alone.some((cidr) => cidrContains(cidr, ip))) return false
    return !remaining.some((cidr) => cidrContains(cidr, ip))
  })
}

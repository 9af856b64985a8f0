import type { Service } from '#api/core/v1/service.ts'
import type { IPAddress } from '#api/networking/v1/ipAddress.ts'
import type { ServiceCIDR, ServiceCIDRStatus } from '#api/networking/v1/serviceCIDR.ts'
import type { Draft } from '#client/client.ts'
import { canonicalIp, ipBytes, ipFamily } from '#lib/net/ip.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { withCondition } from '#machinery/conditions.ts'
import { timeText } from '#machinery/time.ts'

/** The block out of which the server hands out addresses. */
export const servedBlock = 'kubernetes'

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

/** Whether blocks can be used: one is, as the server was told; undefined when the status says so already. */
export function planBlock({ metadata, status }: ServiceCIDR, now: number): ServiceCIDRStatus | undefined {
  const isServed = metadata.name === servedBlock
  const conditions = withCondition(status?.conditions, {
    type: 'Ready',
    status: isServed ? ('True' as const) : ('False' as const),
    reason: isServed ? '' : 'NotServed',
    message: isServed
      ? 'Kubernetes Service CIDR is ready'
      : `Services get their addresses from the ServiceCIDR "${servedBlock}" alone`,
    lastTransitionTime: timeText(now),
  })
  return conditions === status?.conditions ? undefined : { ...status, conditions: [...conditions] }
}

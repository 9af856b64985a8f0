import type { IPFamily, ServiceSpec } from '#api/core/v1/service.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

export type IpFamily = Exclude<IPFamily, ''>

/** The families of which a cluster has service addresses, the primary one first. */
export type ClusterFamilies = readonly [IpFamily] | readonly [IpFamily, IpFamily]

export const familyOfAddress = (address: string): IpFamily => (address.includes(':') ? 'IPv6' : 'IPv4')

/** Whether a service that prefers both families is as it was: it does not follow the cluster when that gets or loses one. */
function isSettled(spec: ServiceSpec, old: ServiceSpec | undefined): boolean {
  return (
    old !== undefined &&
    old.type !== 'ExternalName' &&
    spec.ipFamilyPolicy === 'PreferDualStack' &&
    old.ipFamilyPolicy === 'PreferDualStack' &&
    sameJson(spec.clusterIPs, old.clusterIPs) &&
    sameJson(spec.ipFamilies, old.ipFamilies)
  )
}

/**
 * Says of which families a service is, where its writer does not (KEP-563): those of the addresses that it has, else the
 * cluster's primary one, and the other one too where it wants both and the cluster has both. Without a policy it keeps the
 * one it had, or is of one family; without an address and a selector it is of both.
 */
export function assignFamilies(spec: ServiceSpec, old: ServiceSpec | undefined, cluster: ClusterFamilies): void {
  if (spec.type === 'ExternalName' || isSettled(spec, old)) return
  const isBare = spec.clusterIP === 'None' && Object.keys(spec.selector ?? {}).length === 0
  spec.ipFamilyPolicy ??= old?.ipFamilyPolicy ?? (isBare ? 'RequireDualStack' : 'SingleStack')
  if (old !== undefined && spec.ipFamilyPolicy === 'SingleStack') {
    // Asking for one family is enough to give up the second; the first never changes.
    if (sameJson(spec.clusterIPs, old.clusterIPs)) spec.clusterIPs?.splice(1)
    if (sameJson(spec.ipFamilies, old.ipFamilies)) spec.ipFamilies?.splice(1)
  }
  const families = (spec.ipFamilies ??= [])
  for (const [index, address] of (spec.clusterIPs ?? []).entries()) {
    if (address === 'None' || index < families.length) continue
    // The rules refuse the address.
    if (!cluster.includes(familyOfAddress(address))) return
    families.push(familyOfAddress(address))
  }
  if (families.length === 0) families.push(cluster[0])
  const wantsBoth = spec.ipFamilyPolicy !== 'SingleStack' && (isBare || cluster.length === 2)
  if (wantsBoth && families.length === 1) families.push(families[0] === 'IPv4' ? 'IPv6' : 'IPv4')
}

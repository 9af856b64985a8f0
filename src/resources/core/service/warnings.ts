import type { Service } from '#api/core/v1/service.ts'
import { olderAddressWarnings, olderBlockWarnings } from '#resources/addresses.ts'

const hintsAnnotation = 'service.kubernetes.io/topology-aware-hints'
const modeAnnotation = 'service.kubernetes.io/topology-mode'

/** What people should know of a service that they may have; texts and order are upstream's (pkg/api/service/warnings.go). */
export function serviceWarnings({ metadata, spec }: Service): string[] {
  const warnings: string[] = []
  const { type, clusterIP = '', clusterIPs = [], externalIPs = [], externalName = '', loadBalancerIP = '' } = spec
  if (metadata.annotations?.[hintsAnnotation] !== undefined) {
    warnings.push(`annotation ${hintsAnnotation} is deprecated, please use ${modeAnnotation} instead`)
  }
  if (clusterIP !== '' && clusterIP !== 'None') warnOfAddresses(clusterIPs, 'spec.clusterIPs', warnings)
  if (type === 'ClusterIP' && clusterIP === 'None') {
    const ignored = 'is ignored for headless services'
    if (loadBalancerIP !== '') warnings.push(`spec.loadBalancerIP ${ignored}`)
    if (externalIPs.length > 0) warnings.push(`spec.externalIPs ${ignored}`)
    // Not for `None`, which every service has that says nothing (kubernetes#134054, since v1.34.2).
    if ((spec.sessionAffinity ?? 'None') !== 'None') warnings.push(`spec.SessionAffinity ${ignored}`)
  }
  warnOfAddresses(externalIPs, 'spec.externalIPs', warnings)
  if (loadBalancerIP !== '') warnings.push(...olderAddressWarnings(loadBalancerIP, 'spec.loadBalancerIP'))
  for (const [index, range] of (spec.loadBalancerSourceRanges ?? []).entries()) {
    warnings.push(...olderBlockWarnings(range, `spec.loadBalancerSourceRanges[${index}]`))
  }
  if (type === 'ExternalName' && externalIPs.length > 0) {
    warnings.push('spec.externalIPs is ignored when spec.type is "ExternalName"')
  }
  if (type !== 'ExternalName' && externalName !== '') {
    warnings.push('spec.externalName is ignored when spec.type is not "ExternalName"')
  }
  return warnings
}

function warnOfAddresses(addresses: readonly string[], place: string, warnings: string[]): void {
  for (const [index, address] of addresses.entries()) {
    warnings.push(...olderAddressWarnings(address, `${place}[${index}]`))
  }
}

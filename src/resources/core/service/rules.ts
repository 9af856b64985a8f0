import type { Service, ServicePort, ServiceSpec } from '#api/core/v1/service.ts'
import { parseCidr } from '#lib/net/cidr.ts'
import { parseIp } from '#lib/net/ip.ts'
import {
  dnsLabelProblems,
  portNameProblems,
  qualifiedNameProblems,
  dnsSubdomainProblems,
} from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { familyOfAddress, type ClusterFamilies, type IpFamily } from './families.ts'
import { checkLabels } from '#resources/metadata.ts'
import { goForm } from '#resources/goForm.ts'
import { checkEndpointAddress, checkPortNumber, checkPortProtocol } from '#resources/network.ts'

const types: readonly string[] = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const affinities: readonly string[] = ['ClientIP', 'None']
const policies: readonly string[] = ['Cluster', 'Local']
const families: readonly string[] = ['IPv4', 'IPv6']
const familyPolicies: readonly string[] = ['PreferDualStack', 'RequireDualStack', 'SingleStack']
const distributions: readonly string[] = ['PreferClose', 'PreferSameZone', 'PreferSameNode']
const longestAffinity = 86_400
const mustBeIp = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

const hintsAnnotation = 'service.kubernetes.io/topology-aware-hints'
const modeAnnotation = 'service.kubernetes.io/topology-mode'
const rangesAnnotation = 'service.beta.kubernetes.io/load-balancer-source-ranges'

/** The rules of a service, in upstream's order. */
export function checkService(service: Service, old: Service | undefined, cluster: ClusterFamilies, root: Report): void {
  const { spec, metadata } = service
  const { annotations = {} } = metadata
  const [hints, mode] = [annotations[hintsAnnotation], annotations[modeAnnotation]]
  if (hints !== undefined && mode !== undefined && hints !== mode) {
    const place = root.at('metadata', 'annotations').key(modeAnnotation)
    place.invalid(mode, `must match annotations[${hintsAnnotation}] when both are specified`)
  }
  const report = root.at('spec')
  const { type = '', ports = [] } = spec
  const place = report.at('ports')
  if (ports.length === 0 && !isHeadless(spec) && type !== 'ExternalName') place.required()
  checkTypeNeeds(spec, report)
  const names = new Set<string>()
  for (const [index, port] of ports.entries()) checkPort(port, ports.length > 1, names, place.at(index))
  checkLabels(spec.selector, report.at('selector'))
  if (!affinities.includes(spec.sessionAffinity ?? '')) {
    if ((spec.sessionAffinity ?? '') === '') report.at('sessionAffinity').required()
    else report.at('sessionAffinity').notSupported(spec.sessionAffinity, affinities)
  }
  if (spec.sessionAffinity === 'ClientIP') checkAffinity(spec, report.at('sessionAffinityConfig'))
  if (type !== 'ExternalName') checkClusterAddresses(spec, old?.spec.clusterIPs ?? [], cluster, report)
  for (const [index, address] of (spec.externalIPs ?? []).entries())
    checkEndpointAddress(address, report.at('externalIPs', index))
  if (type === '') report.at('type').required()
  else if (!types.includes(type)) report.at('type').notSupported(type, types)
  checkNodePortUse(spec, place)
  checkRepeatedPorts(ports, place)
  checkSourceRanges(service, old, root)
  if (spec.allocateLoadBalancerNodePorts !== undefined && type !== 'LoadBalancer') {
    report.at('allocateLoadBalancerNodePorts').forbidden("may only be used when `type` is 'LoadBalancer'")
  }
  const { loadBalancerClass } = spec
  if (loadBalancerClass !== undefined) {
    const at = report.at('loadBalancerClass')
    if (type !== 'LoadBalancer') at.forbidden("may only be used when `type` is 'LoadBalancer'")
    else at.invalidBecause(loadBalancerClass, qualifiedNameProblems(loadBalancerClass))
  }
  checkTrafficPolicies(spec, report)
}

/** Whether a service has no address of its own. */
function isHeadless({ clusterIPs = [] }: ServiceSpec): boolean {
  return clusterIPs.length === 1 && clusterIPs[0] === 'None'
}

function checkAffinity({ sessionAffinityConfig }: ServiceSpec, report: Report): void {
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds
  const when = 'when session affinity type is ClientIP'
  if (sessionAffinityConfig === undefined) report.required(when)
  else if (sessionAffinityConfig.clientIP === undefined) report.at('clientIP').required(when)
  else if (seconds === undefined) report.at('clientIP', 'timeoutSeconds').required(when)
  else if (seconds <= 0 || seconds > longestAffinity) {
    const at = report.at('clientIP', 'timeoutSeconds')
    at.invalid(seconds, `must be greater than 0 and less than ${longestAffinity}`)
  }
}

function checkTypeNeeds(spec: ServiceSpec, report: Report): void {
  if (spec.type === 'LoadBalancer' && isHeadless(spec)) {
    report.at('clusterIPs', 0).invalid('None', "may not be set to 'None' for LoadBalancer services")
  }
  if (spec.type === 'NodePort' && isHeadless(spec)) {
    report.at('clusterIPs', 0).invalid('None', "may not be set to 'None' for NodePort services")
  }
  if (spec.type !== 'ExternalName') return
  for (const field of ['clusterIPs', 'ipFamilies'] as const) {
    if ((spec[field] ?? []).length > 0) report.at(field).forbidden('may not be set for ExternalName services')
  }
  if (spec.ipFamilyPolicy !== undefined)
    report.at('ipFamilyPolicy').forbidden('may not be set for ExternalName services')
  const name = spec.externalName ?? ''
  if (name === '') report.at('externalName').required()
  else report.at('externalName').invalidBecause(name, dnsSubdomainProblems(name.replace(/\.$/, '')))
}

function checkPort(port: ServicePort, several: boolean, names: Set<string>, report: Report): void {
  const { name = '', targetPort, appProtocol } = port
  if (several && name === '') report.at('name').required()
  else if (name !== '') {
    report.at('name').invalidBecause(name, dnsLabelProblems(name))
    if (names.has(name)) report.at('name').duplicate(name)
    names.add(name)
  }
  checkPortNumber(port.port, report.at('port'))
  checkPortProtocol(port.protocol, report.at('protocol'))
  if (typeof targetPort === 'string') report.at('targetPort').invalidBecause(targetPort, portNameProblems(targetPort))
  else if (targetPort !== undefined) checkPortNumber(targetPort, report.at('targetPort'))
  if (appProtocol !== undefined)
    report.at('appProtocol').invalidBecause(appProtocol, qualifiedNameProblems(appProtocol))
}

function checkClusterAddresses(
  spec: ServiceSpec,
  before: readonly string[],
  cluster: ClusterFamilies,
  report: Report,
): void {
  const { clusterIP = '', clusterIPs = [], ipFamilies = [], ipFamilyPolicy } = spec
  const place = report.at('clusterIPs')
  if (clusterIP !== '') {
    if (clusterIPs.length === 0) place.required()
    else if (clusterIPs[0] !== clusterIP) place.invalid(clusterIPs, 'first value must match `clusterIP`')
  } else if (clusterIPs.length > 0) place.invalid(clusterIPs, 'must be empty when `clusterIP` is not specified')
  for (const [index, family] of ipFamilies.entries()) {
    const at = report.at('ipFamilies', index)
    if (!families.includes(family)) at.notSupported(family, families)
    if (ipFamilies.indexOf(family) < index) at.duplicate(family)
  }
  if (ipFamilyPolicy !== undefined && !familyPolicies.includes(ipFamilyPolicy)) {
    report.at('ipFamilyPolicy').notSupported(ipFamilyPolicy, familyPolicies)
  }
  let isWrong = false
  for (const [index, address] of clusterIPs.entries()) {
    if (index === 0 && address === 'None') {
      if (clusterIPs.length === 1) continue
      isWrong = true
      place.invalid(clusterIPs, "'None' must be the first and only value")
    } else if (!before.includes(address) && parseIp(address) === undefined) {
      isWrong = true
      place.at(index).invalid(address, mustBeIp)
    }
  }
  if (clusterIPs.length > 2) place.invalid(clusterIPs, 'may only hold up to 2 values')
  const isFit = !isWrong && checkAddressFamilies(spec, report)
  if (isHeadless(spec)) return
  const policy = report.at('ipFamilyPolicy')
  if (isFit && ipFamilyPolicy === 'SingleStack' && (clusterIPs.length === 2 || ipFamilies.length === 2)) {
    const several = "must be 'RequireDualStack' or 'PreferDualStack' when multiple"
    if (clusterIPs.length === 2) policy.invalid(ipFamilyPolicy, `${several} cluster IPs are specified`)
    if (ipFamilies.length === 2) policy.invalid(ipFamilyPolicy, `${several} IP families are specified`)
    return
  }
  for (const [index, family] of ipFamilies.entries()) {
    if (families.includes(family) && !cluster.includes(family as IpFamily))
      report.at('ipFamilies', index).invalid(family, 'not configured on this cluster')
  }
  for (const [index, address] of clusterIPs.entries()) {
    if (index < ipFamilies.length || parseIp(address) === undefined) continue
    const family = familyOfAddress(address)
    if (!cluster.includes(family)) place.at(index).invalid(clusterIPs, `${family} is not configured on this cluster`)
  }
  if (ipFamilyPolicy === 'RequireDualStack' && cluster.length === 1) {
    policy.invalid(ipFamilyPolicy, 'this cluster is not configured for dual-stack services')
  }
}

/** Two addresses are of two families, each of the one that stands at its place; says whether they are. */
function checkAddressFamilies(spec: ServiceSpec, report: Report): boolean {
  const { clusterIPs = [], ipFamilies = [] } = spec
  let isFit = true
  const found = clusterIPs.map((address) => (address.includes(':') ? 'IPv6' : 'IPv4'))
  if (clusterIPs.length > 1 && new Set(found).size < 2) {
    report.at('clusterIPs').invalid(clusterIPs, 'may specify no more than one IP for each IP family')
    isFit = false
  }
  if (isHeadless(spec)) return isFit
  for (const [index, address] of clusterIPs.entries()) {
    const family = ipFamilies[index]
    if (family === undefined || !families.includes(family) || family === found[index]) continue
    const problem = `expected an ${family} value as indicated by \`ipFamilies[${index}]\``
    report.at('clusterIPs', index).invalid(address, problem)
    isFit = false
  }
  return isFit
}

function checkNodePortUse({ type, ports = [] }: ServiceSpec, report: Report): void {
  const seen = new Set<string>()
  for (const [index, { nodePort = 0 }] of ports.entries()) {
    if (nodePort === 0) continue
    if (type === 'ClusterIP' || type === 'ExternalName') {
      report.at(index, 'nodePort').forbidden(`may not be used when \`type\` is '${type}'`)
    }
  }
  for (const [index, { nodePort = 0, protocol }] of ports.entries()) {
    if (nodePort === 0) continue
    const key = `${protocol}/${nodePort}`
    if (seen.has(key)) report.at(index, 'nodePort').duplicate(nodePort)
    seen.add(key)
  }
}

function checkRepeatedPorts(ports: readonly ServicePort[], report: Report): void {
  const seen = new Set<string>()
  for (const [index, { port, protocol }] of ports.entries()) {
    const key = `${protocol}/${port}`
    if (seen.has(key)) report.at(index).duplicate(goForm('io.k8s.api.core.v1.ServicePort', { protocol, port }))
    seen.add(key)
  }
}

/** From where a load balancer may be reached; an annotation said it before there was a field. */
function checkSourceRanges({ spec, metadata }: Service, old: Service | undefined, root: Report): void {
  const { type, loadBalancerSourceRanges: ranges = [] } = spec
  const check = (text: string, before: readonly string[], report: Report): void => {
    const range = text.trim()
    if (before.includes(range) || parseCidr(range) !== undefined) return
    report.invalid(range, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')
  }
  const only = "may only be used when `type` is 'LoadBalancer'"
  if (ranges.length > 0) {
    const place = root.at('spec', 'LoadBalancerSourceRanges')
    if (type !== 'LoadBalancer') place.forbidden(only)
    const before = (old?.spec.loadBalancerSourceRanges ?? []).map((range) => range.trim())
    for (const [index, range] of ranges.entries()) check(range, before, place.at(index))
    return
  }
  const text = metadata.annotations?.[rangesAnnotation]
  if (text === undefined) return
  const place = root.at('metadata', 'annotations').key(rangesAnnotation)
  if (type !== 'LoadBalancer') place.forbidden(only)
  if (old?.metadata.annotations?.[rangesAnnotation] === text || text.trim() === '') return
  for (const range of text.trim().split(',')) check(range, [], place)
}

function checkTrafficPolicies(spec: ServiceSpec, report: Report): void {
  const external =
    spec.type === 'NodePort' ||
    spec.type === 'LoadBalancer' ||
    (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
  const policy = spec.externalTrafficPolicy as string | undefined
  const place = report.at('externalTrafficPolicy')
  if (policy !== undefined && policy !== '') {
    if (!external) place.invalid(policy, 'may only be set for externally-accessible services')
    else if (!policies.includes(policy)) place.notSupported(policy, policies)
  } else if (external) place.required()
  const { healthCheckNodePort = 0 } = spec
  if (healthCheckNodePort !== 0) {
    const problem = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    const at = report.at('healthCheckNodePort')
    if (hasHealthPort(spec)) checkPortNumber(healthCheckNodePort, at)
    else at.invalid(healthCheckNodePort, problem)
  }
  const internal = spec.internalTrafficPolicy as string | undefined
  if (internal !== undefined && !policies.includes(internal))
    report.at('internalTrafficPolicy').notSupported(internal, policies)
  const { trafficDistribution } = spec
  if (trafficDistribution !== undefined && !distributions.includes(trafficDistribution)) {
    report.at('trafficDistribution').notSupported(trafficDistribution, distributions)
  }
}

/** Whether nodes tell on a port of its own whether they have pods of the service. */
export function hasHealthPort({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === 'LoadBalancer' && externalTrafficPolicy === 'Local'
}

/** What of a service may not change while it lives. */
export function checkServiceUpdate(spec: ServiceSpec, old: ServiceSpec, report: Report): void {
  if (old.type !== 'ExternalName' && spec.type !== 'ExternalName') {
    if (!isHeadless(spec) || !isHeadless(old)) checkSteady('clusterIPs', spec, old, report)
    if (!isHeadless(spec) && !isHeadless(old)) checkSteady('ipFamilies', spec, old, report)
  }
  const areBalanced = old.type === 'LoadBalancer' && spec.type === 'LoadBalancer'
  if (areBalanced && spec.loadBalancerClass !== old.loadBalancerClass) {
    report.at('loadBalancerClass').invalid(spec.loadBalancerClass ?? null, 'may not change once set')
  }
  if (hasHealthPort(old) && hasHealthPort(spec) && spec.healthCheckNodePort !== old.healthCheckNodePort) {
    report.at('healthCheckNodePort').forbidden('field is immutable')
  }
}

/** The second address, or its family, may come and go, not the first. */
function checkSteady(member: 'clusterIPs' | 'ipFamilies', spec: ServiceSpec, old: ServiceSpec, report: Report): void {
  const [now, before] = [spec[member] ?? [], old[member] ?? []] as [readonly string[], readonly string[]]
  const word = member === 'clusterIPs' ? 'clusterIP' : 'ipFamily'
  if (now.length === before.length) {
    for (const [index, one] of before.entries()) {
      // Upstream always names the first family.
      const at = report.at(member, member === 'clusterIPs' ? index : 0)
      if (one !== now[index]) at.invalid(now, 'may not change once set')
    }
    return
  }
  if (now.length < before.length && (spec.clusterIPs ?? []).length === 0) {
    report.at(member, 0).invalid(now, `primary ${word} can not be unset`)
  }
  if (now.length > 0 && before.length > 0 && now[0] !== before[0]) {
    report.at(member, 0).invalid(spec.clusterIPs ?? null, 'may not change once set')
  }
  if (now.length === 1 && before.length > 1 && spec.ipFamilyPolicy !== 'SingleStack') {
    const problem = `must be set to 'SingleStack' when releasing the secondary ${word}`
    report.at('ipFamilyPolicy').invalid(spec.ipFamilyPolicy ?? null, problem)
  }
}

const mustBeName = 'must be a DNS name, not an IP address'
const modes: readonly string[] = ['Proxy', 'VIP']

/** What a load balancer tells of itself. */
export function checkServiceStatus({ spec, status }: Service, old: Service, report: Report): void {
  const { ingress = [] } = status?.loadBalancer ?? {}
  const place = report.at('status', 'loadBalancer', 'ingress')
  if (spec.type !== 'LoadBalancer' && ingress.length > 0) {
    place.forbidden("may only be used when `spec.type` is 'LoadBalancer'")
    return
  }
  const before = (old.status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip)
  for (const [index, { ip = '', ipMode, hostname = '' }] of ingress.entries()) {
    const at = place.at(index)
    if (ip !== '' && !before.includes(ip) && parseIp(ip) === undefined) at.at('ip').invalid(ip, mustBeIp)
    if (ipMode === undefined) {
      if (ip !== '') at.at('ipMode').required('must be specified when `ip` is set')
    } else if (ip === '') at.at('ipMode').forbidden('may not be specified when `ip` is not set')
    else if (!modes.includes(ipMode)) at.at('ipMode').notSupported(ipMode, modes)
    if (hostname === '') continue
    at.at('hostname').invalidBecause(hostname, dnsSubdomainProblems(hostname))
    if (parseIp(hostname) !== undefined) at.at('hostname').invalid(hostname, mustBeName)
  }
}

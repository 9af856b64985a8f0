import type { ServicePort, ServiceSpec } from '#api/core/v1/service.ts'
import { parseCidr } from '#lib/net/cidr.ts'
import { parseIp } from '#lib/net/ip.ts'
import {
  dnsLabelProblems,
  portNameProblems,
  qualifiedNameProblems,
  dnsSubdomainProblems,
} from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkLabels } from '#resources/metadata.ts'
import { goForm } from '#resources/goForm.ts'
import { checkEndpointAddress, checkPortNumber, checkPortProtocol } from '#resources/network.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

const types: readonly string[] = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort']
const affinities: readonly string[] = ['ClientIP', 'None']
const policies: readonly string[] = ['Cluster', 'Local']
const families: readonly string[] = ['IPv4', 'IPv6']
const longestAffinity = 86_400
const mustBeIp = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'

/** The rules of a service, in upstream's order. */
export function checkServiceSpec(spec: ServiceSpec, report: Report, _ranges: { readonly addresses: string }): void {
  const { type = '', clusterIP = '', ports = [] } = spec
  const headless = clusterIP === 'None'
  const place = report.at('ports')
  if (ports.length === 0 && !headless && type !== 'ExternalName') place.required()
  checkTypeNeeds(spec, report)
  const names = new Set<string>()
  for (const [index, port] of ports.entries()) checkPort(port, ports.length > 1, headless, names, place.at(index))
  checkLabels(spec.selector, report.at('selector'))
  if (!affinities.includes(spec.sessionAffinity ?? '')) {
    if ((spec.sessionAffinity ?? '') === '') report.at('sessionAffinity').required()
    else report.at('sessionAffinity').notSupported(spec.sessionAffinity, affinities)
  }
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
    if (seconds === undefined || seconds <= 0 || seconds > longestAffinity) {
      const at = report.at('sessionAffinityConfig', 'clientIP', 'timeoutSeconds')
      at.invalid(seconds ?? 0, `must be greater than 0 and less than ${longestAffinity}`)
    }
  }
  checkClusterAddresses(spec, report)
  for (const [index, address] of (spec.externalIPs ?? []).entries())
    checkEndpointAddress(address, report.at('externalIPs', index))
  if (type === '') report.at('type').required()
  else if (!types.includes(type)) report.at('type').notSupported(type, types)
  checkNodePortUse(spec, place)
  checkRepeatedPorts(ports, place)
  checkSourceRanges(spec, report)
  checkTrafficPolicies(spec, report)
}

function checkTypeNeeds(spec: ServiceSpec, report: Report): void {
  if (spec.type === 'LoadBalancer' && spec.clusterIP === 'None') {
    report.at('clusterIPs', 0).invalid('None', "may not be set to 'None' for LoadBalancer services")
  }
  if (spec.type === 'NodePort' && spec.clusterIP === 'None') {
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

function checkPort(port: ServicePort, several: boolean, headless: boolean, names: Set<string>, report: Report): void {
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
  // Clients of a headless service speak to the pods' own ports, so another target would never be seen.
  if (headless && (port.nodePort ?? 0) !== 0)
    report.at('nodePort').forbidden("may not be used when `clusterIP` is 'None'")
}

function checkClusterAddresses(spec: ServiceSpec, report: Report): void {
  for (const [index, address] of (spec.clusterIPs ?? []).entries()) {
    if (address === 'None') {
      if (index > 0) report.at('clusterIPs', index).invalid(address, "'None' must be the first and only value")
    } else if (parseIp(address) === undefined) report.at('clusterIPs', index).invalid(address, mustBeIp)
  }
  if (spec.clusterIPs !== undefined && (spec.clusterIP ?? '') !== spec.clusterIPs[0]) {
    report.at('clusterIPs').invalid(spec.clusterIPs, 'first value must match `clusterIP`')
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    if (!families.includes(family)) report.at('ipFamilies', index).notSupported(family, families)
    else if (family === 'IPv6' && spec.clusterIP !== 'None') {
      report.at('ipFamilies', index).invalid(family, 'not configured on this cluster')
    }
  }
  if (spec.ipFamilyPolicy === 'RequireDualStack' && spec.clusterIP !== 'None') {
    report.at('ipFamilyPolicy').invalid(spec.ipFamilyPolicy, 'this cluster is not configured for dual-stack services')
  }
}

function checkNodePortUse({ type, ports = [] }: ServiceSpec, report: Report): void {
  const seen = new Set<string>()
  for (const [index, { nodePort = 0, protocol }] of ports.entries()) {
    if (nodePort === 0) continue
    if (type === 'ClusterIP' || type === 'ExternalName') {
      report.at(index, 'nodePort').forbidden(`may not be used when \`type\` is '${type}'`)
      continue
    }
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

function checkSourceRanges({ type, loadBalancerSourceRanges: ranges = [] }: ServiceSpec, report: Report): void {
  if (ranges.length === 0) return
  const place = report.at('LoadBalancerSourceRanges')
  if (type !== 'LoadBalancer') place.forbidden("may only be used when `type` is 'LoadBalancer'")
  for (const [index, range] of ranges.entries()) {
    if (parseCidr(range.trim()) === undefined) {
      report
        .at('loadBalancerSourceRanges', index)
        .invalid(range, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')
    }
  }
}

function checkTrafficPolicies(spec: ServiceSpec, report: Report): void {
  const external = spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.externalIPs ?? []).length > 0
  const policy = spec.externalTrafficPolicy as string | undefined
  const place = report.at('externalTrafficPolicy')
  if (policy !== undefined && policy !== '') {
    if (!external) place.invalid(policy, 'may only be set for externally-accessible services')
    else if (!policies.includes(policy)) place.notSupported(policy, policies)
  } else if (external) place.required()
  if ((spec.healthCheckNodePort ?? 0) !== 0 && !(spec.type === 'LoadBalancer' && policy === 'Local')) {
    const problem = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    report.at('healthCheckNodePort').invalid(spec.healthCheckNodePort, problem)
  }
  if (spec.type !== 'LoadBalancer') {
    for (const field of ['allocateLoadBalancerNodePorts', 'loadBalancerClass'] as const) {
      if (spec[field] !== undefined) report.at(field).forbidden("may only be used when `type` is 'LoadBalancer'")
    }
  }
  const internal = spec.internalTrafficPolicy as string | undefined
  if (internal !== undefined && !policies.includes(internal))
    report.at('internalTrafficPolicy').notSupported(internal, policies)
}

/** What of a service may not change while it lives. */
export function checkServiceUpdate(spec: ServiceSpec, old: ServiceSpec, report: Report): void {
  if (old.type === 'ExternalName' || spec.type === 'ExternalName') return
  if ((old.clusterIP ?? '') !== '' && !sameJson(spec.clusterIPs, old.clusterIPs)) {
    report.at('clusterIPs', 0).invalid(spec.clusterIPs ?? null, 'may not change once set')
  }
}

import type { PodDNSConfig, PodSpec } from '#api/core/v1/pod.ts'
import { parseIp } from '#lib/net/ip.ts'
import { dnsLabelProblems, qualifiedNameProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkAffinity, checkSpreadConstraints, checkTolerations } from '#resources/core/pod/rules/placement.ts'
import { checkPodClaims } from '#resources/core/pod/rules/claims.ts'
import { checkContainers, checkImageSpaces } from '#resources/core/pod/rules/containers.ts'
import { checkHostNetwork, checkHostUsers, checkOs } from '#resources/core/pod/rules/host.ts'
import { checkPodResources, checkResources } from '#resources/core/pod/rules/resources.ts'
import { checkPodSecurityContext } from '#resources/core/pod/rules/security.ts'
import { checkHostProcesses } from '#resources/core/pod/rules/windows.ts'
import { checkVolumes } from '#resources/core/pod/rules/volumes.ts'
import { checkLabels } from '#resources/metadata.ts'
import { checkAtLeast } from '#resources/rules.ts'

const restartPolicies: readonly string[] = ['Always', 'OnFailure', 'Never']
const dnsPolicies: readonly string[] = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']
const mostInt32 = 2 ** 31 - 1

export interface PodSpecOptions {
  /** Of a pod more is asked than of a template, which may be older than a rule. */
  readonly isPod?: boolean
  /** Claims that are made for it have its name in theirs. */
  readonly podName?: string
  /** Claims that become volumes beside those of the spec. */
  readonly furtherVolumes?: readonly string[]
}

/**
 * The rules of what a pod asks for, in upstream's order: people read the first problem first. `old` is what an update
 * started from: what was valid once stays valid.
 */
export function checkPodSpec(
  spec: PodSpec,
  old: PodSpec | undefined,
  report: Report,
  { isPod = false, podName = '', furtherVolumes }: PodSpecOptions = {},
): void {
  let volumes = checkVolumes(spec.volumes ?? [], podName, report.at('volumes'))
  if (furtherVolumes !== undefined && furtherVolumes.length > 0) {
    volumes = new Map([...volumes, ...furtherVolumes.map((name) => [name, undefined] as const)])
  }
  const claims = checkPodClaims(spec.resourceClaims, report.at('resourceClaims'))
  checkContainers(spec, { volumes, claims }, report)
  checkPodResources(spec, report)
  checkHostNetwork(spec, isPod, report)
  checkRestartPolicy(spec.restartPolicy, report.at('restartPolicy'))
  checkDnsPolicy(spec.dnsPolicy, report.at('dnsPolicy'))
  checkLabels(spec.nodeSelector, report.at('nodeSelector'))
  checkPodSecurityContext(spec, report.at('securityContext'))
  for (const [index, { name = '' }] of (spec.imagePullSecrets ?? []).entries()) {
    if (name === '') report.at('imagePullSecrets', index, 'name').required()
  }
  checkAffinity(spec.affinity, report.at('affinity'))
  checkDnsConfig(spec, report.at('dnsConfig'))
  for (const [index, { conditionType }] of (spec.readinessGates ?? []).entries()) {
    report
      .at('readinessGates', index, 'conditionType')
      .invalidBecause(conditionType, qualifiedNameProblems(conditionType))
  }
  checkSchedulingGates(spec, report.at('schedulingGates'))
  checkSpreadConstraints(spec.topologySpreadConstraints ?? [], report.at('topologySpreadConstraints'))
  checkHostUsers(spec, report)
  checkNames(spec, report)
  if (spec.activeDeadlineSeconds !== undefined) {
    const { activeDeadlineSeconds } = spec
    if (activeDeadlineSeconds < 1 || activeDeadlineSeconds > mostInt32) {
      const problem = `must be between 1 and ${mostInt32}, inclusive`
      report.at('activeDeadlineSeconds').invalid(activeDeadlineSeconds, problem)
    }
  }
  for (const field of ['hostname', 'subdomain'] as const) {
    const value = spec[field] ?? ''
    if (value !== '') report.at(field).invalidBecause(value, dnsLabelProblems(value))
  }
  checkTolerations(spec.tolerations ?? [], report.at('tolerations'))
  for (const [index, alias] of (spec.hostAliases ?? []).entries()) {
    const place = report.at('hostAliases', index)
    if (parseIp(alias.ip) === undefined) {
      place.at('ip').invalid(alias.ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')
    }
    for (const [position, name] of (alias.hostnames ?? []).entries()) {
      place.at('hostnames', position).invalidBecause(name, dnsSubdomainProblems(name))
    }
  }
  for (const field of ['priorityClassName', 'runtimeClassName'] as const) {
    const value = spec[field] ?? ''
    if (value !== '') report.at(field).invalidBecause(value, dnsSubdomainProblems(value))
  }
  checkPreemption(spec.preemptionPolicy, report.at('preemptionPolicy'))
  if (spec.overhead !== undefined) checkResources({ limits: spec.overhead }, report.at('overhead'))
  checkHostProcesses(spec, report)
  checkOs(spec, report)
  if (old === undefined)
    checkAtLeast(report.at('terminationGracePeriodSeconds'), -1, spec.terminationGracePeriodSeconds)
  if (isPod) checkPodAlone(spec, report)
}

/** What of a pod is refused, but not of a template. */
function checkPodAlone(spec: PodSpec, report: Report): void {
  if ((spec.serviceAccountName ?? '') === '') {
    for (const [index, { projected }] of (spec.volumes ?? []).entries()) {
      for (const [position, { serviceAccountToken }] of (projected?.sources ?? []).entries()) {
        if (serviceAccountToken === undefined) continue
        const place = report.at('volumes', index, 'projected', 'sources', position, 'serviceAccountToken')
        place.forbidden('must not be specified when serviceAccountName is not set')
      }
    }
  }
  for (const kind of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (spec[kind] ?? []).entries()) checkImageSpaces(container, report.at(kind, index))
  }
}

function checkPreemption(policy: string | undefined, report: Report): void {
  if (policy === undefined || policy === 'PreemptLowerPriority' || policy === 'Never') return
  if (policy === '') report.required()
  else report.notSupported(policy, ['PreemptLowerPriority', 'Never'])
}

function checkRestartPolicy(policy: string | undefined, report: Report): void {
  if (policy === undefined || policy === '') report.required()
  else if (!restartPolicies.includes(policy)) report.notSupported(policy, restartPolicies)
}

function checkDnsPolicy(policy: string | undefined, report: Report): void {
  if (policy === undefined || policy === '') report.required()
  else if (!dnsPolicies.includes(policy)) report.notSupported(policy, dnsPolicies)
}

const mostNameservers = 3
const mostSearches = 32
const mostSearchLength = 2048

function checkDnsConfig({ dnsPolicy, dnsConfig }: PodSpec, report: Report): void {
  const { nameservers = [], searches = [], options = [] }: PodDNSConfig = dnsConfig ?? {}
  if (dnsPolicy === 'None') {
    if (dnsConfig === undefined) return report.required('must provide `dnsConfig` when `dnsPolicy` is None')
    if (nameservers.length === 0) {
      const problem = 'must provide at least one DNS nameserver when `dnsPolicy` is None'
      return report.at('nameservers').required(problem)
    }
  }
  if (nameservers.length > mostNameservers) {
    report.at('nameservers').invalid(nameservers, `must not have more than ${mostNameservers} nameservers`)
  }
  for (const [index, server] of nameservers.entries()) {
    if (parseIp(server) === undefined) {
      report.at('nameservers', index).invalid(server, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')
    }
  }
  if (searches.length > mostSearches) {
    report.at('searches').invalid(searches, `must not have more than ${mostSearches} search paths`)
  }
  if (searches.join(' ').length > mostSearchLength) {
    report
      .at('searches')
      .invalid(searches, `must not have more than ${mostSearchLength} characters (including spaces) in the search list`)
  }
  for (const [index, search] of searches.entries()) {
    const name = search.replace(/\.$/, '')
    if (search !== '.')
      report.at('searches', index).invalidBecause(search, dnsSubdomainProblems(name.replaceAll('_', '-')))
  }
  for (const [index, { name = '' }] of options.entries()) {
    if (name === '') report.at('options', index).required('must not be empty')
  }
}

function checkSchedulingGates(spec: PodSpec, report: Report): void {
  const seen = new Set<string>()
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    report.at(index).invalidBecause(name, qualifiedNameProblems(name))
    if (seen.has(name)) report.at(index).duplicate(name)
    seen.add(name)
  }
}

function checkNames(spec: PodSpec, report: Report): void {
  for (const field of ['serviceAccountName', 'nodeName'] as const) {
    const value = spec[field] ?? ''
    if (value !== '') report.at(field).invalidBecause(value, dnsSubdomainProblems(value))
  }
}

import type { Container, ContainerPort, ContainerResizePolicy } from '#api/core/v1/container.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import { parseIp } from '#lib/net/ip.ts'
import { dnsLabelProblems, portNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkClaimReferences, type ClaimNames } from './claims.ts'
import { checkEnvironment } from './environment.ts'
import { checkDevices, checkMounts } from './mounts.ts'
import { checkLifecycle, checkProbes } from './probes.ts'
import { checkResources } from './resources.ts'
import { checkSecurityContext } from './security.ts'
import type { KnownVolumes } from './volumes.ts'
import { protocols } from '#resources/network.ts'

const pullPolicies: readonly string[] = ['Always', 'IfNotPresent', 'Never']

/** What containers may refer to. */
export interface KnownParts {
  readonly volumes: KnownVolumes
  readonly claims: ClaimNames
}

/** The rules of all containers of a pod: the main ones, those that start before them, and those added to debug. */
export function checkContainers(spec: PodSpec, parts: KnownParts, report: Report): void {
  const names = new Set<string>()
  checkMainContainers(spec, parts, names, report.at('containers'))
  checkInitContainers(spec, parts, names, report.at('initContainers'))
  checkEphemeralContainers(spec, parts, names, report.at('ephemeralContainers'))
}

function checkMainContainers(spec: PodSpec, parts: KnownParts, names: Set<string>, report: Report): void {
  if (spec.containers.length === 0) return report.required()
  const hostPorts = new Set<string>()
  for (const [index, container] of spec.containers.entries()) {
    const at = report.at(index)
    checkContainer(container, spec, parts, at)
    takeName(container.name, names, at)
    checkLifecycle(container.lifecycle, spec, at.at('lifecycle'))
    checkProbes(container, spec, at)
    if (container.restartPolicy !== undefined)
      at.at('restartPolicy').forbidden('may not be set for non-init containers')
  }
  // Ports of the node cannot be had twice by containers that run together.
  for (const [index, container] of spec.containers.entries()) {
    checkHostPorts(container, hostPorts, report.at(index, 'ports'))
  }
}

function checkInitContainers(spec: PodSpec, parts: KnownParts, names: Set<string>, report: Report): void {
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const at = report.at(index)
    checkContainer(container, spec, parts, at)
    const policy = container.restartPolicy as string | undefined
    if (policy !== undefined && policy !== 'Always') at.at('restartPolicy').notSupported(policy, ['Always'])
    takeName(container.name, names, at)
    // They run one by one. Upstream names the first of them whichever it is.
    checkHostPorts(container, new Set(), report.at(0, 'ports'))
    // Only a native sidecar (KEP-753) lives on beside the others, so only it may be probed.
    if (policy === 'Always') {
      checkLifecycle(container.lifecycle, spec, at.at('lifecycle'))
      checkProbes(container, spec, at)
      continue
    }
    for (const field of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[field] === undefined) continue
      at.at(field).forbidden('may not be set for init containers without restartPolicy=Always')
    }
  }
}

const notForEphemeral = 'cannot be set for an Ephemeral Container'

/** What a container that was added to debug cannot have, in the order in which upstream looks. */
const fieldsOfOthers = [
  'ports',
  'resources',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
] as const

function checkEphemeralContainers(spec: PodSpec, parts: KnownParts, names: Set<string>, report: Report): void {
  const others = new Set(names)
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = report.at(index)
    checkContainer(container, spec, parts, at)
    checkImageSpaces(container, at)
    takeName(container.name, names, at)
    const target = container.targetContainerName ?? ''
    if (target !== '' && !others.has(target)) at.at('targetContainerName').notFound(target)
    for (const field of fieldsOfOthers) if (isGiven(container[field])) at.at(field).forbidden(notForEphemeral)
    for (const [position, { subPath = '', subPathExpr = '' }] of (container.volumeMounts ?? []).entries()) {
      const mount = at.at('volumeMounts', position)
      if (subPath !== '') mount.at('subPath').forbidden(notForEphemeral)
      if (subPathExpr !== '') mount.at('subPathExpr').forbidden(notForEphemeral)
    }
  }
}

/** An empty list or object says nothing. */
const isGiven = (value: unknown): boolean =>
  typeof value === 'object' && value !== null ? Object.keys(value).length > 0 : value !== undefined

function takeName(name: string, names: Set<string>, report: Report): void {
  if (names.has(name)) report.at('name').duplicate(name)
  else if (name !== '') names.add(name)
}

/** The image of a container of a pod has no spaces around it; templates may have them, for the sake of older ones. */
export function checkImageSpaces({ image = '' }: Container, report: Report): void {
  if (image !== image.trim()) report.at('image').invalid(image, 'must not have leading or trailing whitespace')
}

function checkContainer(container: Container, spec: PodSpec, parts: KnownParts, report: Report): void {
  const { name, image = '', ports = [], resources, resizePolicy } = container
  if ((name as string | undefined) === undefined || name === '') report.at('name').required()
  else report.at('name').invalidBecause(name, dnsLabelProblems(name))
  if (image === '') report.at('image').required()
  const policy = container.terminationMessagePolicy as string | undefined
  if (policy === undefined || policy === '') report.at('terminationMessagePolicy').required()
  else if (policy !== 'File' && policy !== 'FallbackToLogsOnError') {
    report.at('terminationMessagePolicy').notSupported(policy, ['File', 'FallbackToLogsOnError'])
  }
  checkPorts(ports, report.at('ports'))
  checkEnvironment(container, report)
  checkMounts(container, parts.volumes, report.at('volumeMounts'))
  if (container.volumeDevices !== undefined) checkDevices(container, parts.volumes, report.at('volumeDevices'))
  const pull = container.imagePullPolicy as string | undefined
  if (pull === undefined || pull === '') report.at('imagePullPolicy').required()
  else if (!pullPolicies.includes(pull)) report.at('imagePullPolicy').notSupported(pull, pullPolicies)
  checkResources(resources, report.at('resources'))
  if (resources?.claims !== undefined) {
    checkClaimReferences(resources.claims, parts.claims, report.at('resources', 'claims'))
  }
  if (resizePolicy !== undefined) checkResizePolicy(resizePolicy, spec, report.at('resizePolicy'))
  checkSecurityContext(container.securityContext, spec, report.at('securityContext'))
}

/** Of each resource that can change while the container runs, whether the container restarts then. */
function checkResizePolicy(policies: readonly ContainerResizePolicy[], spec: PodSpec, report: Report): void {
  const seen = new Set<string>()
  for (const [index, { resourceName = '', restartPolicy }] of policies.entries()) {
    const restart = (restartPolicy ?? '') as string
    if (seen.has(resourceName)) report.at(index).duplicate(resourceName)
    seen.add(resourceName)
    if (resourceName === '') report.required()
    else if (resourceName !== 'cpu' && resourceName !== 'memory') report.notSupported(resourceName, ['cpu', 'memory'])
    if (restart === '') report.required()
    else if (restart !== 'NotRequired' && restart !== 'RestartContainer') {
      report.notSupported(restart, ['NotRequired', 'RestartContainer'])
    }
    if (spec.restartPolicy === 'Never' && restart !== 'NotRequired') {
      report.invalid(restart, "must be 'NotRequired' when `restartPolicy` is 'Never'")
    }
  }
}

function checkPorts(ports: readonly ContainerPort[], report: Report): void {
  const names = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const { name = '', containerPort, hostPort = 0, protocol = '', hostIP = '' } = port
    const place = report.at(index)
    if (name !== '') {
      const problems = portNameProblems(name)
      place.at('name').invalidBecause(name, problems)
      if (problems.length === 0) {
        if (names.has(name)) place.at('name').duplicate(name)
        names.add(name)
      }
    }
    if ((containerPort as number | undefined) === undefined || containerPort === 0) place.at('containerPort').required()
    else checkPort(containerPort, place.at('containerPort'))
    if (hostPort !== 0) checkPort(hostPort, place.at('hostPort'))
    if ((protocol as string) === '') place.at('protocol').required()
    else if (!protocols.includes(protocol)) place.at('protocol').notSupported(protocol, protocols)
    if (hostIP !== '' && parseIp(hostIP) === undefined) {
      place.at('hostIP').invalid(hostIP, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')
    }
  }
}

function checkPort(port: number, report: Report): void {
  if (port < 1 || port > 65535) report.invalid(port, 'must be between 1 and 65535, inclusive')
}

/** Two containers of a pod cannot both have the same port of the node. */
function checkHostPorts({ ports = [] }: Container, taken: Set<string>, report: Report): void {
  for (const [index, { hostPort = 0, protocol = 'TCP', hostIP = '' }] of ports.entries()) {
    if (hostPort === 0) continue
    const key = `${protocol}/${hostIP}/${hostPort}`
    if (taken.has(key)) report.at(index, 'hostPort').duplicate(key)
    taken.add(key)
  }
}

import type { Container, ContainerPort, VolumeMount } from '#api/core/v1/container.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import { parseIp } from '#lib/net/ip.ts'
import { dnsLabelProblems, portNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkEnvironment } from './environment.ts'
import { checkLifecycle, checkProbes } from './probes.ts'
import { checkResources } from './resources.ts'
import { checkSecurityContext } from './security.ts'
import type { KnownVolumes } from './volumes.ts'
import { checkRelativePath } from '#resources/core/storage.ts'
import { protocols } from '#resources/network.ts'

const pullPolicies: readonly string[] = ['Always', 'IfNotPresent', 'Never']
const mountPropagations: readonly string[] = ['Bidirectional', 'HostToContainer', 'None']

/** The rules of all containers of a pod: the main ones, those that start before them, and those added to debug. */
export function checkContainers(spec: PodSpec, volumes: KnownVolumes, report: Report): void {
  const place = report.at('containers')
  if (spec.containers.length === 0) return place.required()
  const names = new Set<string>()
  const hostPorts = new Set<string>()
  for (const [index, container] of spec.containers.entries()) {
    const at = place.at(index)
    checkContainer(container, spec, volumes, at)
    if (names.has(container.name)) at.at('name').duplicate(container.name)
    names.add(container.name)
    checkHostPorts(container, hostPorts, at.at('ports'))
    checkProbes(container, spec, at)
    checkLifecycle(container.lifecycle, spec, at.at('lifecycle'))
  }
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const at = report.at('initContainers', index)
    checkContainer(container, spec, volumes, at)
    checkInitContainer(container, spec, at)
    if (names.has(container.name)) at.at('name').duplicate(container.name)
    names.add(container.name)
  }
  for (const [index, container] of (spec.ephemeralContainers ?? []).entries()) {
    const at = report.at('ephemeralContainers', index)
    checkContainer(container, spec, volumes, at)
    if (names.has(container.name)) at.at('name').duplicate(container.name)
    names.add(container.name)
    const target = container.targetContainerName ?? ''
    if (target !== '' && !spec.containers.some(({ name }) => name === target))
      at.at('targetContainerName').notFound(target)
    for (const field of ['ports', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const) {
      if (container[field] !== undefined) at.at(field).forbidden('cannot be set for an Ephemeral Container')
    }
  }
}

function checkContainer(container: Container, spec: PodSpec, volumes: KnownVolumes, report: Report): void {
  const { name, image = '', ports = [], volumeMounts = [] } = container
  if ((name as string | undefined) === undefined || name === '') report.at('name').required()
  else report.at('name').invalidBecause(name, dnsLabelProblems(name))
  if (image === '') report.at('image').required()
  else if (image !== image.trim()) report.at('image').invalid(image, 'must not have leading or trailing whitespace')
  const policy = container.terminationMessagePolicy as string | undefined
  if (policy === undefined || policy === '') report.at('terminationMessagePolicy').required()
  else if (policy !== 'File' && policy !== 'FallbackToLogsOnError') {
    report.at('terminationMessagePolicy').invalid(policy, "must be 'File' or 'FallbackToLogsOnError'")
  }
  checkPorts(ports, report.at('ports'))
  checkEnvironment(container, report)
  checkMounts(volumeMounts, container, volumes, report.at('volumeMounts'))
  const pull = container.imagePullPolicy as string | undefined
  if (pull === undefined || pull === '') report.at('imagePullPolicy').required()
  else if (!pullPolicies.includes(pull)) report.at('imagePullPolicy').notSupported(pull, pullPolicies)
  checkResources(container.resources, report.at('resources'))
  checkSecurityContext(container.securityContext, spec, report.at('securityContext'))
}

/** Only a native sidecar (KEP-753) lives on beside the others, so only it may be probed. */
function checkInitContainer(container: Container, spec: PodSpec, report: Report): void {
  if (container.restartPolicy === 'Always') {
    checkProbes(container, spec, report)
    checkLifecycle(container.lifecycle, spec, report.at('lifecycle'))
    return
  }
  if (
    container.restartPolicy !== undefined &&
    (container.restartPolicyRules ?? []).length === 0 &&
    (container.restartPolicy as string) === ''
  ) {
    report.at('restartPolicy').notSupported(container.restartPolicy, ['Always'])
  }
  if (container.lifecycle !== undefined)
    report.at('lifecycle').forbidden('may not be set for init containers without restartPolicy=Always')
  for (const probe of ['livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
    if (container[probe] !== undefined)
      report.at(probe).forbidden('may not be set for init containers without restartPolicy=Always')
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

function checkMounts(
  mounts: readonly VolumeMount[],
  container: Container,
  volumes: KnownVolumes,
  report: Report,
): void {
  const paths = new Set<string>()
  for (const [index, mount] of mounts.entries()) {
    const place = report.at(index)
    const { name = '', mountPath = '', subPath = '', subPathExpr = '', mountPropagation } = mount
    if (name === '') place.at('name').required()
    if (!volumes.has(name)) place.at('name').notFound(name)
    if (mountPath === '') place.at('mountPath').required()
    else if (paths.has(mountPath)) place.at('mountPath').invalid(mountPath, 'must be unique')
    paths.add(mountPath)
    if (subPath !== '') checkRelativePath(subPath, place.at('subPath'))
    if (subPathExpr !== '') {
      if (subPath !== '') place.at('subPathExpr').invalid(subPathExpr, 'subPathExpr and subPath are mutually exclusive')
      checkRelativePath(subPathExpr, place.at('subPathExpr'))
    }
    if (mountPropagation !== undefined) {
      const at = place.at('mountPropagation')
      if (!mountPropagations.includes(mountPropagation)) at.notSupported(mountPropagation, mountPropagations)
      if (mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
        at.forbidden('Bidirectional mount propagation is available only to privileged containers')
      }
    }
  }
}

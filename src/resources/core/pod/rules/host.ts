import type { Container } from '#api/core/v1/container.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import type { Report } from '#machinery/validate/report.ts'

// What a pod shares with its node, and what its operating system knows.

/** All containers, each with its place, in the order in which upstream visits them. */
export function* containersOf(spec: PodSpec, report: Report): Generator<[Container, Report]> {
  for (const kind of ['initContainers', 'containers', 'ephemeralContainers'] as const) {
    for (const [index, container] of (spec[kind] ?? []).entries()) yield [container, report.at(kind, index)]
  }
}

/** In the node's network a container's port is the node's; `isPod` is false of templates, whose ports are filled in later. */
export function checkHostNetwork(spec: PodSpec, isPod: boolean, report: Report): void {
  if (spec.hostNetwork !== true) return
  for (const [index, { ports = [] }] of spec.containers.entries()) {
    for (const [position, { hostPort = 0, containerPort }] of ports.entries()) {
      if (hostPort === containerPort || (!isPod && hostPort === 0)) continue
      const place = report.at('containers', index, 'ports', position, 'hostPort')
      place.invalid(hostPort, 'must match `containerPort` when `hostNetwork` is true')
    }
  }
}

/** With users of its own, a pod has no other namespace of the node (KEP-127). Upstream's capitals. */
export function checkHostUsers(spec: PodSpec, report: Report): void {
  if (spec.hostUsers !== false) return
  const why = 'when `hostUsers` is false'
  if (spec.hostNetwork === true) report.at('hostNetwork').forbidden(why)
  if (spec.hostPID === true) report.at('HostPID').forbidden(why)
  if (spec.hostIPC === true) report.at('HostIPC').forbidden(why)
  for (const [container, place] of containersOf(spec, report)) {
    if ((container.volumeDevices ?? []).length > 0) place.at('volumeDevices').forbidden(why)
  }
}

/** The operating system, and nothing of another one. */
export function checkOs(spec: PodSpec, report: Report): void {
  if (spec.os === undefined) return
  const name = (spec.os.name ?? '') as string
  if (name === '') report.at('os', 'name').required()
  else if (name === 'linux') checkLinux(spec, report)
  else if (name === 'windows') checkWindows(spec, report)
  else report.at('os').notSupported(name, ['linux', 'windows'])
}

function checkLinux(spec: PodSpec, report: Report): void {
  const check = (context: { readonly windowsOptions?: unknown } | undefined, place: Report): void => {
    if (context?.windowsOptions === undefined) return
    place.at('securityContext', 'windowsOptions').forbidden('windows options cannot be set for a linux pod')
  }
  check(spec.securityContext, report)
  for (const [container, place] of containersOf(spec, report)) check(container.securityContext, place)
}

const notOnWindows = 'cannot be set for a windows pod'

function checkWindows(spec: PodSpec, report: Report): void {
  const { securityContext: context = {} } = spec
  const place = report.at('securityContext')
  const ofContext = (...fields: readonly (keyof typeof context)[]): void => {
    for (const field of fields) {
      const value = context[field]
      const isEmpty = field === 'sysctls' && Array.isArray(value) && value.length === 0
      if (value !== undefined && !isEmpty) place.at(field).forbidden(notOnWindows)
    }
  }
  ofContext('appArmorProfile', 'seLinuxOptions')
  if (spec.hostUsers !== undefined) report.at('hostUsers').forbidden(notOnWindows)
  if (spec.hostPID === true) report.at('hostPID').forbidden(notOnWindows)
  if (spec.hostIPC === true) report.at('hostIPC').forbidden(notOnWindows)
  ofContext('seccompProfile', 'fsGroup', 'fsGroupChangePolicy', 'sysctls')
  if (spec.shareProcessNamespace !== undefined) report.at('shareProcessNamespace').forbidden(notOnWindows)
  ofContext('runAsUser', 'runAsGroup', 'supplementalGroups', 'supplementalGroupsPolicy', 'seLinuxChangePolicy')
  for (const [container, at] of containersOf(spec, report)) {
    for (const field of ofContainer) {
      if (container.securityContext?.[field] !== undefined) at.at('securityContext', field).forbidden(notOnWindows)
    }
  }
}

const ofContainer = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const

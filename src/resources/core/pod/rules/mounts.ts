import type { Container, VolumeMount } from '#api/core/v1/container.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkRelativePath } from '#resources/core/storage.ts'
import type { KnownVolumes } from './volumes.ts'

// Where a container sees the volumes of its pod: as folders or, of claims, as devices.

const propagations: readonly string[] = ['Bidirectional', 'HostToContainer', 'None']
const recursions: readonly string[] = ['Disabled', 'Enabled', 'IfPossible']

/** The rules of mounts. Upstream names some of their fields without the position. */
export function checkMounts(container: Container, volumes: KnownVolumes, report: Report): void {
  const { volumeMounts = [], volumeDevices = [] } = container
  const paths = new Set<string>()
  for (const [index, mount] of volumeMounts.entries()) {
    const place = report.at(index)
    const { name = '', mountPath = '', subPath = '', subPathExpr = '' } = mount
    if (name === '') place.at('name').required()
    if (!volumes.has(name)) place.at('name').notFound(name)
    if (mountPath === '') place.at('mountPath').required()
    if (paths.has(mountPath)) place.at('mountPath').invalid(mountPath, 'must be unique')
    paths.add(mountPath)
    for (const device of volumeDevices) {
      if (device.name === name) place.at('name').invalid(name, 'must not already exist in volumeDevices')
      if (device.devicePath === mountPath) {
        place.at('mountPath').invalid(mountPath, 'must not already exist as a path in volumeDevices')
      }
    }
    if (subPath !== '') checkRelativePath(subPath, report.at('subPath'))
    if (subPathExpr !== '') {
      if (subPath !== '') place.at('subPathExpr').invalid(subPathExpr, 'subPathExpr and subPath are mutually exclusive')
      checkRelativePath(subPathExpr, report.at('subPathExpr'))
    }
    checkPropagation(mount, container, report)
  }
}

function checkPropagation(
  { mountPropagation, recursiveReadOnly, readOnly }: VolumeMount,
  container: Container,
  report: Report,
): void {
  if (mountPropagation !== undefined) {
    const at = report.at('mountPropagation')
    if (!propagations.includes(mountPropagation)) at.notSupported(mountPropagation, propagations)
    if (mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
      at.forbidden('Bidirectional mount propagation is available only to privileged containers')
    }
  }
  if (recursiveReadOnly === undefined || recursiveReadOnly === 'Disabled') return
  const at = report.at('recursiveReadOnly')
  if (!recursions.includes(recursiveReadOnly)) return at.notSupported(recursiveReadOnly, recursions)
  if (readOnly !== true) at.forbidden('may only be specified when readOnly is true')
  if (mountPropagation !== undefined && mountPropagation !== 'None') {
    at.forbidden('may only be specified when mountPropagation is None or not specified')
  }
}

/** A volume of a claim: of one that there is, or of one that is made for the pod. */
const isOfClaim = (volume: Volume | undefined): boolean =>
  volume === undefined || volume.persistentVolumeClaim !== undefined || volume.ephemeral !== undefined

/** The rules of devices. */
export function checkDevices(container: Container, volumes: KnownVolumes, report: Report): void {
  const { volumeMounts = [], volumeDevices = [] } = container
  const [names, paths] = [new Set<string>(), new Set<string>()]
  for (const [index, { name = '', devicePath = '' }] of volumeDevices.entries()) {
    const [ofName, ofPath] = [report.at(index, 'name'), report.at(index, 'devicePath')]
    if (name === '') ofName.required()
    if (names.has(name)) ofName.invalid(name, 'must be unique')
    if (!volumes.has(name)) ofName.notFound(name)
    else if (!isOfClaim(volumes.get(name))) {
      ofName.invalid(name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode')
    }
    if (devicePath === '') ofPath.required()
    if (paths.has(devicePath)) ofPath.invalid(devicePath, 'must be unique')
    if (devicePath.split('/').includes('..')) ofPath.invalid(devicePath, "can not contain backsteps ('..')")
    else paths.add(devicePath)
    if (volumeMounts.some((mount) => mount.name === name)) {
      ofName.invalid(name, 'must not already exist in volumeMounts')
    }
    if (volumeMounts.some((mount) => mount.mountPath === devicePath)) {
      ofPath.invalid(devicePath, 'must not already exist as a path in volumeMounts')
    }
    if (name !== '') names.add(name)
  }
}

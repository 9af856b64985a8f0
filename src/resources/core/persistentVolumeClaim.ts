import {
  persistentVolumeClaims,
  type PersistentVolumeClaim,
  type PersistentVolumeClaimSpec,
} from '#api/core/v1/persistentVolumeClaim.ts'
import type { ResourceList } from '#api/core/v1/container.ts'
import { compareQuantities, quantityValue } from '#machinery/quantity.ts'
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { accessModesText, attributesClassColumn, checkAccessModes, checkVolumeMode } from './storage.ts'
import { difference } from '#resources/difference.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { isNativeResource } from '#resources/resourceNames.ts'
import { checkImmutable } from '#resources/rules.ts'
import { checkSelector } from '#resources/selector.ts'
import { statusSubresource } from '#resources/status.ts'
import { claimWarnings } from './pod/warnings.ts'
import type { Strategy } from '#server/strategy.ts'

const betaClass = 'volume.beta.kubernetes.io/storage-class'

/** Claims: storage that a pod asks for, and the volume that it got. */
export const persistentVolumeClaimStrategy: Strategy<PersistentVolumeClaim> = {
  resource: persistentVolumeClaims,
  reserved: ['status'],
  unconditionalUpdate: true,
  answersDeleted: true,
  generation: false,
  columns: [
    nameColumn,
    {
      name: 'Status',
      description: 'Whether the claim has a volume.',
      value: ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    },
    { name: 'Volume', description: 'Volume that the claim is bound to.', value: ({ spec }) => spec.volumeName ?? '' },
    {
      name: 'Capacity',
      description: 'Size of that volume.',
      value: ({ spec, status }) => ((spec.volumeName ?? '') === '' ? '' : (status?.capacity?.['storage'] ?? '')),
    },
    {
      name: 'Access Modes',
      description: 'How that volume may be mounted.',
      value: ({ spec, status }) => ((spec.volumeName ?? '') === '' ? '' : accessModesText(status?.accessModes)),
    },
    {
      name: 'StorageClass',
      description: 'Class of storage asked for.',
      value: ({ spec }) => spec.storageClassName ?? '',
    },
    attributesClassColumn,
    ageColumn,
    {
      name: 'VolumeMode',
      wide: true,
      description: 'File system or block device.',
      value: ({ spec }) => spec.volumeMode ?? '<unset>',
    },
  ],
  subresources: { status: { ...statusSubresource, validate: checkStatus } },
  default: ({ spec }) => defaultClaimSpec(spec),
  prepare(claim, old) {
    if (old === undefined) claim.status = { phase: 'Pending' }
    alignSources(claim.spec, old?.spec)
  },
  warnings: ({ metadata, spec }) => [
    ...(metadata.annotations?.[betaClass] === undefined
      ? []
      : [`metadata.annotations[${betaClass}]: deprecated since v1.8; use "storageClassName" attribute instead`]),
    ...claimWarnings(spec, 'spec'),
  ],
  validate({ metadata, spec }, old, report) {
    const place = report.at('spec')
    checkClaimSpec(spec, place)
    if (old === undefined) return
    const before = old.metadata.annotations?.[betaClass]
    const isSettledClass = isClassOfAnnotation(spec, metadata.annotations?.[betaClass], old)
    if (!isSettledClass && (metadata.annotations?.[betaClass] ?? '') !== (before ?? '')) {
      const at = report.at('metadata', 'annotations', betaClass)
      at.invalid(metadata.annotations?.[betaClass] ?? '', 'field is immutable')
    }
    const fixed = withoutAllowedChanges(spec, old)
    // Stored objects may be older than the second field.
    const stored = withBothSources(old.spec)
    if (!sameJson(fixed, stored)) {
      const text =
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
      place.forbidden(`${text}\n${difference(fixed, stored)}`)
    }
    const [asked, had] = [spec.resources?.requests?.['storage'], old.spec.resources?.requests?.['storage']]
    const given = old.status?.capacity?.['storage'] ?? '0'
    // Whoever asked for more than there is may ask for less, but not for less than there is.
    const isLess = asked !== undefined && had !== undefined && compareQuantities(asked, had) < 0
    if (isLess && compareQuantities(asked, given) <= 0) {
      place.at('resources', 'requests', 'storage').forbidden('field can not be less than status.capacity')
    }
    checkImmutable(report.at('volumeMode'), spec.volumeMode, old.spec.volumeMode)
    checkClassChange(spec.volumeAttributesClassName, old, place.at('volumeAttributesClassName'))
  },
}

/** The class of a volume's attributes can be exchanged, not given up. */
/** Amounts that there can be, and growth of storage alone of what Kubernetes itself knows. */
function checkStatus({ status = {} }: PersistentVolumeClaim, _old: PersistentVolumeClaim, root: Report): void {
  const report = root.at('status')
  checkPresent(status.capacity, report.at('capacity'))
  const growing = report.at('allocatedResourceStatuses')
  for (const name of Object.keys(status.allocatedResourceStatuses ?? {})) checkGrowing(name, growing)
  const allocated = report.at('allocatedResources')
  const amounts = Object.entries(status.allocatedResources ?? {})
  checkPresent(Object.fromEntries(amounts.filter(([name]) => checkGrowing(name, allocated))), allocated)
}

function checkPresent(amounts: ResourceList = {}, report: Report): void {
  for (const [name, amount] of Object.entries(amounts)) {
    const whole = quantityValue(amount)
    if (whole < 0) report.key(name).invalid(whole, 'must be a valid resource quantity')
  }
}

/** Whether it can be told how far a resource has grown. */
function checkGrowing(name: string, report: Report): boolean {
  const problems = qualifiedNameProblems(name)
  report.invalidBecause(name, problems)
  const isOther = problems.length === 0 && isNativeResource(name) && name !== 'storage'
  if (isOther) report.notSupported(name, ['storage'])
  return problems.length === 0 && !isOther
}

function checkClassChange(name: string | undefined, { spec, status }: PersistentVolumeClaim, report: Report): void {
  if (name === spec.volumeAttributesClassName || status?.currentVolumeAttributesClassName === undefined) return
  if (name !== undefined && name !== '') return
  const what = name === undefined ? 'nil' : 'empty string'
  report.forbidden(`update to ${what} is forbidden when status.currentVolumeAttributesClassName is not nil`)
}

/** Whether a claim whose class was told by an annotation now tells it in its field. */
function isClassOfAnnotation(
  { storageClassName }: PersistentVolumeClaimSpec,
  annotation: string | undefined,
  { metadata, spec }: PersistentVolumeClaim,
): boolean {
  const before = metadata.annotations?.[betaClass]
  if (before === undefined || spec.storageClassName !== undefined) return false
  return storageClassName === before && (annotation === undefined || annotation === before)
}

const snapshotGroup = 'snapshot.storage.k8s.io'

/**
 * What a new volume is filled from can be said in two fields, of which one follows the other (KEP-1495). What the older does
 * not know is ignored there, and what is in another namespace altogether: that is a feature which is off.
 */
function alignSources(spec: PersistentVolumeClaimSpec, old: PersistentVolumeClaimSpec | undefined): void {
  if ((spec.dataSourceRef?.namespace ?? '') !== '' && old?.dataSourceRef === undefined) delete spec.dataSourceRef
  const { dataSource, dataSourceRef } = spec
  if (old?.dataSource === undefined && old?.dataSourceRef === undefined && dataSourceRef === undefined) {
    const [kind, group] = [dataSource?.kind, dataSource?.apiGroup ?? '']
    const isKnown =
      (kind === 'PersistentVolumeClaim' && group === '') || (kind === 'VolumeSnapshot' && group === snapshotGroup)
    if (!isKnown) delete spec.dataSource
  }
  const { dataSource: one, dataSourceRef: other } = withBothSources(spec)
  if (one !== undefined) spec.dataSource = one
  if (other !== undefined) spec.dataSourceRef = other
}

function withBothSources(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource, dataSourceRef } = spec
  if (dataSource !== undefined) return { ...spec, dataSourceRef: dataSourceRef ?? { ...dataSource } }
  if (dataSourceRef === undefined || (dataSourceRef.namespace ?? '') !== '') return spec
  const { namespace: _, ...rest } = dataSourceRef
  return { ...spec, dataSource: rest }
}

/** The claim with what may change as it was: a claim may get a volume, once; one that has it may ask for more. */
function withoutAllowedChanges(
  spec: PersistentVolumeClaimSpec,
  { metadata, spec: before, status }: PersistentVolumeClaim,
): PersistentVolumeClaimSpec {
  const fixed = { ...spec }
  const keep = (field: 'volumeName' | 'volumeAttributesClassName' | 'storageClassName'): void => {
    if (before[field] === undefined) delete fixed[field]
    else fixed[field] = before[field]
  }
  if ((before.volumeName ?? '') === '') keep('volumeName')
  // A class is found for a claim that names none; one that an annotation named is written where it belongs.
  const annotation = metadata.annotations?.[betaClass]
  if (before.storageClassName === undefined && (annotation === undefined || annotation === spec.storageClassName)) {
    keep('storageClassName')
  }
  if (status?.phase !== 'Bound') return fixed
  const storage = before.resources?.requests?.['storage']
  if (storage !== undefined && spec.resources?.requests !== undefined) {
    fixed.resources = { ...spec.resources, requests: { ...spec.resources.requests, storage } }
  }
  keep('volumeAttributesClassName')
  return fixed
}

/** Fills in what a claim leaves out; also for the claims of a stateful set. */
export function defaultClaimSpec(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem'
}

/** The rules of what a claim asks for; also of the claims of a stateful set. */
export function checkClaimSpec(spec: PersistentVolumeClaimSpec, report: Report): void {
  const modes = report.at('accessModes')
  if ((spec.accessModes ?? []).length === 0) modes.required('at least 1 access mode is required')
  else checkAccessModes(spec.accessModes ?? [], modes)
  if (spec.selector !== undefined) checkSelector(spec.selector, report.at('selector'))
  const storage = spec.resources?.requests?.['storage']
  const place = report.at('resources').key('storage')
  if (storage === undefined) place.required()
  else if (compareQuantities(storage, '0') <= 0) place.invalid(storage, 'must be greater than zero')
  if ((spec.storageClassName ?? '') !== '') {
    report.at('storageClassName').invalidBecause(spec.storageClassName, dnsSubdomainProblems(spec.storageClassName!))
  }
  checkVolumeMode(spec.volumeMode, report.at('volumeMode'))
  checkSources(spec, report)
  const { volumeAttributesClassName = '' } = spec
  if (volumeAttributesClassName !== '') {
    const at = report.at('volumeAttributesClassName')
    at.invalidBecause(volumeAttributesClassName, dnsSubdomainProblems(volumeAttributesClassName))
  }
}

function checkSources({ dataSource, dataSourceRef }: PersistentVolumeClaimSpec, report: Report): void {
  for (const [member, source] of [
    ['dataSource', dataSource],
    ['dataSourceRef', dataSourceRef],
  ] as const) {
    if (source === undefined) continue
    const { name = '', kind = '', apiGroup = '' } = source
    const place = report.at(member)
    if (name === '') place.at('name').required()
    if (kind === '') place.at('kind').required()
    if (apiGroup === '' && kind !== 'PersistentVolumeClaim') {
      place.invalid(kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
    }
    if (apiGroup !== '') place.at('apiGroup').invalidBecause(apiGroup, dnsSubdomainProblems(apiGroup))
  }
  const namespace = dataSourceRef?.namespace ?? ''
  if (namespace !== '') {
    report.at('dataSourceRef', 'namespace').invalidBecause(namespace, dnsLabelProblems(namespace))
    if (dataSource !== undefined) {
      report.invalid(`${report.path}.dataSource`, 'may not be specified when dataSourceRef.namespace is specified')
    }
  } else if (dataSource !== undefined && dataSourceRef !== undefined && !sameJson(dataSource, dataSourceRef)) {
    report.invalid(`${report.path}.dataSource`, 'must match dataSourceRef')
  }
}

import {
  persistentVolumeClaims,
  type PersistentVolumeClaim,
  type PersistentVolumeClaimSpec,
} from '#api/core/v1/persistentVolumeClaim.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { accessModesText, checkAccessModes, checkVolumeMode } from './storage.ts'
import { difference } from '#resources/difference.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
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
    ageColumn,
    {
      name: 'VolumeMode',
      wide: true,
      description: 'File system or block device.',
      value: ({ spec }) => spec.volumeMode ?? '<unset>',
    },
  ],
  subresources: { status: statusSubresource },
  default: ({ spec }) => defaultClaimSpec(spec),
  prepare(claim, old) {
    if (old === undefined) claim.status = { phase: 'Pending' }
  },
  warnings: ({ metadata, spec }) => [
    ...(metadata.annotations?.[betaClass] === undefined
      ? []
      : [`metadata.annotations[${betaClass}]: deprecated since v1.8; use "storageClassName" attribute instead`]),
    ...claimWarnings(spec, 'spec'),
  ],
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkClaimSpec(spec, place)
    if (old === undefined) return
    const fixed = withoutAllowedChanges(spec, old)
    if (!sameJson(fixed, old.spec)) {
      const text =
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
      place.forbidden(`${text}\n${difference(fixed, old.spec)}`)
    }
    const [asked, before] = [spec.resources?.requests?.['storage'], old.spec.resources?.requests?.['storage']]
    if (asked !== undefined && before !== undefined && compareQuantities(asked, before) < 0) {
      place.at('resources', 'requests', 'storage').forbidden('field can not be less than status.capacity')
    }
  },
}

/** The claim with what may change as it was: a claim may get a volume, once; one that has it may ask for more. */
function withoutAllowedChanges(
  spec: PersistentVolumeClaimSpec,
  { spec: before, status }: PersistentVolumeClaim,
): PersistentVolumeClaimSpec {
  const fixed = { ...spec }
  const keep = (field: 'volumeName' | 'volumeAttributesClassName'): void => {
    if (before[field] === undefined) delete fixed[field]
    else fixed[field] = before[field]
  }
  if ((before.volumeName ?? '') === '') keep('volumeName')
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
}

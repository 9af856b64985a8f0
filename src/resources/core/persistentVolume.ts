import { posix } from 'node:path'
import { persistentVolumes, type PersistentVolume, type PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { timeText } from '#machinery/time.ts'
import { dnsLabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import {
  accessModesText,
  attributesClassColumn,
  checkAccessModes,
  checkNoBacksteps,
  checkVolumeMode,
} from './storage.ts'
import { checkOutsideSource } from './volumeSources.ts'
import { checkNodeSelector } from './pod/rules/placement.ts'
import { checkHostPath, checkNfs } from './pod/rules/volumes.ts'
import { goForm } from '#resources/goForm.ts'
import { checkDriverName } from '#resources/storage/rules.ts'
import { nodeExpressionWarnings } from '#resources/nodeLabels.ts'
import { checkImmutable, checkOneOf } from '#resources/rules.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { difference } from '#resources/difference.ts'
import { statusSubresource } from '#resources/status.ts'
import type { ServingContext, Strategy } from '#server/strategy.ts'

/** The fields of a volume that say where its data is. */
const sources = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const satisfies readonly (keyof PersistentVolumeSpec)[]

/** Volumes: storage of the cluster, whoever claims it. */
export const persistentVolumeStrategy: Strategy<PersistentVolume> = {
  resource: persistentVolumes,
  reserved: ['status'],
  unconditionalUpdate: true,
  answersDeleted: true,
  generation: false,
  columns: [
    nameColumn,
    { name: 'Capacity', description: 'Size of the volume.', value: ({ spec }) => spec.capacity?.['storage'] ?? '' },
    {
      name: 'Access Modes',
      description: 'How it may be mounted.',
      value: ({ spec }) => accessModesText(spec.accessModes),
    },
    {
      name: 'Reclaim Policy',
      description: 'What becomes of it when its claim is gone.',
      value: ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '',
    },
    {
      name: 'Status',
      description: 'Whether it is claimed.',
      value: ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    },
    {
      name: 'Claim',
      description: 'Claim that has it.',
      value: ({ spec }) =>
        spec.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
    },
    {
      name: 'StorageClass',
      description: 'Class of storage that it belongs to.',
      value: ({ spec }) => spec.storageClassName ?? '',
    },
    attributesClassColumn,
    { name: 'Reason', description: 'Why it is in a bad state.', value: ({ status }) => status?.reason ?? '' },
    ageColumn,
    {
      name: 'VolumeMode',
      wide: true,
      description: 'File system or block device.',
      value: ({ spec }) => spec.volumeMode ?? '<unset>',
    },
  ],
  subresources: { status: { ...statusSubresource, prepare: noteTransition } },
  default({ spec }) {
    spec.persistentVolumeReclaimPolicy ??= 'Retain'
    spec.volumeMode ??= 'Filesystem'
    if (spec.hostPath !== undefined) spec.hostPath.type ??= ''
    if (spec.claimRef !== undefined) {
      spec.claimRef.kind ??= 'PersistentVolumeClaim'
      spec.claimRef.apiVersion ??= 'v1'
    }
  },
  prepare(volume, old, { now }) {
    if (old === undefined) volume.status = { phase: 'Pending', lastPhaseTransitionTime: timeText(now) }
  },
  warnings: volumeWarnings,
  validate({ metadata, spec }, old, report) {
    const place = report.at('spec')
    checkVolumeSpec(spec, metadata.name, place)
    if (old === undefined) return
    const [now, before] = [sourcesOf(withoutNewSecret(spec, old.spec)), sourcesOf(old.spec)]
    if (!sameJson(now, before)) {
      const text = `spec.persistentvolumesource is immutable after creation\n${difference(now, before)}`
      place.at('persistentvolumesource').forbidden(text)
    }
    checkImmutable(report.at('volumeMode'), spec.volumeMode, old.spec.volumeMode)
    if (old.spec.nodeAffinity !== undefined && !sameJson(spec.nodeAffinity, old.spec.nodeAffinity)) {
      const shown =
        spec.nodeAffinity === undefined ? null : goForm('io.k8s.api.core.v1.VolumeNodeAffinity', spec.nodeAffinity)
      report.at('nodeAffinity').invalid(shown, 'field is immutable, except for updating from beta label to GA')
    }
    if (old.spec.volumeAttributesClassName !== undefined && spec.volumeAttributesClassName === undefined) {
      place.at('volumeAttributesClassName').forbidden('update from non-nil value to nil is forbidden')
    }
  },
}

const deprecatedAnnotations = [
  ['volume.beta.kubernetes.io/storage-class', 'deprecated since v1.8; use "storageClassName" attribute instead'],
  ['volume.beta.kubernetes.io/mount-options', 'deprecated since v1.31; use "mountOptions" attribute instead'],
] as const

/** Kinds of volumes that no node mounts any more, with what is said of them. */
const deprecatedSources = [
  ['cephfs', 'cephfs', 'v1.28', 'v1.31'],
  ['photonPersistentDisk', 'photonPersistentDisk', 'v1.11', 'v1.16'],
  ['scaleIO', 'scaleIO', 'v1.16', 'v1.22'],
  ['storageos', 'storageOS', 'v1.22', 'v1.25'],
  ['glusterfs', 'glusterfs', 'v1.25', 'v1.26'],
  ['rbd', 'rbd', 'v1.28', 'v1.31'],
] as const

/** What people should know of a volume (upstream: pkg/api/persistentvolume/util.go). */
function volumeWarnings({ metadata, spec }: PersistentVolume): string[] {
  const warnings: string[] = []
  for (const [annotation, text] of deprecatedAnnotations) {
    if (metadata.annotations?.[annotation] !== undefined) warnings.push(`metadata.annotations[${annotation}]: ${text}`)
  }
  if (spec.persistentVolumeReclaimPolicy === 'Recycle') {
    const instead = 'Instead, the recommended approach is to use dynamic provisioning.'
    warnings.push(`spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. ${instead}`)
  }
  for (const [index, term] of (spec.nodeAffinity?.required?.nodeSelectorTerms ?? []).entries()) {
    warnings.push(
      ...nodeExpressionWarnings(term.matchExpressions, `spec.nodeAffinity.required.nodeSelectorTerms[${index}]`),
    )
  }
  for (const [source, shown, since, until] of deprecatedSources) {
    if (spec[source] !== undefined) warnings.push(`spec.${shown}: deprecated in ${since}, non-functional in ${until}+`)
  }
  return warnings
}

/** The secret with which a volume grows may be named later. */
function withoutNewSecret(spec: PersistentVolumeSpec, old: PersistentVolumeSpec): PersistentVolumeSpec {
  if (spec.csi === undefined || old.csi === undefined || old.csi.controllerExpandSecretRef !== undefined) return spec
  const { controllerExpandSecretRef: _, ...csi } = spec.csi
  return { ...spec, csi }
}

function sourcesOf(spec: PersistentVolumeSpec): object {
  return Object.fromEntries(sources.map((source) => [source, spec[source]]))
}

function checkVolumeSpec(spec: PersistentVolumeSpec, volumeName: string, report: Report): void {
  const modes = report.at('accessModes')
  if ((spec.accessModes ?? []).length === 0) modes.required()
  else checkAccessModes(spec.accessModes ?? [], modes)
  const capacity = report.at('capacity')
  const storage = spec.capacity?.['storage']
  if (Object.keys(spec.capacity ?? {}).length === 0) capacity.required()
  if (storage === undefined || Object.keys(spec.capacity ?? {}).length > 1)
    capacity.problem('NotSupported', 'supported values: "storage"', spec.capacity ?? null)
  for (const [name, quantity] of Object.entries(spec.capacity ?? {})) {
    if (compareQuantities(quantity, '0') <= 0) capacity.key(name).invalid(quantity, 'must be greater than zero')
  }
  checkOneOf(
    report.at('persistentVolumeReclaimPolicy'),
    ['Delete', 'Recycle', 'Retain'],
    spec.persistentVolumeReclaimPolicy,
  )
  if (spec.nodeAffinity !== undefined) {
    const required = report.at('nodeAffinity', 'required')
    if (spec.nodeAffinity.required === undefined) required.required('must specify required node constraints')
    else checkNodeSelector(spec.nodeAffinity.required, required)
  }
  checkSources(spec, volumeName, report)
  const isRoot = spec.hostPath !== undefined && posix.normalize(spec.hostPath.path).replace(/(.)\/$/, '$1') === '/'
  if (isRoot && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    report.at('persistentVolumeReclaimPolicy').forbidden("may not be 'recycle' for a hostPath mount of '/'")
  }
  if ((spec.storageClassName ?? '') !== '') {
    report.at('storageClassName').invalidBecause(spec.storageClassName, dnsSubdomainProblems(spec.storageClassName!))
  }
  checkVolumeMode(spec.volumeMode, report.at('volumeMode'))
  const { volumeAttributesClassName } = spec
  if (volumeAttributesClassName === undefined) return
  const place = report.at('volumeAttributesClassName')
  if (volumeAttributesClassName === '') place.required('an empty string is disallowed')
  else place.invalidBecause(volumeAttributesClassName, dnsSubdomainProblems(volumeAttributesClassName))
  if (spec.csi === undefined) report.at('csi').required('has to be specified when using volumeAttributesClassName')
}

/** Where the data is: in one place. */
function checkSources(spec: PersistentVolumeSpec, volumeName: string, report: Report): void {
  const [first, ...others] = sources.filter((source) => spec[source] !== undefined)
  if (first === undefined) report.required('must specify a volume type')
  else {
    // Upstream has another name for this one.
    const place = report.at(first === 'gcePersistentDisk' ? 'persistentDisk' : first)
    checkSource(first, spec, place, report)
    checkOutsideSource(first, spec[first], place, { volumeName })
  }
  for (const source of others) report.at(source).forbidden('may not specify more than 1 volume type')
}

const secrets = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const

function checkSource(kind: (typeof sources)[number], spec: PersistentVolumeSpec, place: Report, report: Report): void {
  const { hostPath, local, nfs, csi } = spec
  if (kind === 'hostPath' && hostPath !== undefined) checkHostPath(hostPath, place)
  if (kind === 'nfs' && nfs !== undefined) checkNfs(nfs, place)
  if (kind === 'local' && local !== undefined) {
    if (local.path === '') place.at('path').required()
    else checkNoBacksteps(local.path, place.at('path'))
    if (spec.nodeAffinity === undefined) report.at('nodeAffinity').required('Local volume requires node affinity')
  }
  if (kind !== 'csi' || csi === undefined) return
  checkDriverName(csi.driver, place.at('driver'))
  if (csi.volumeHandle === '') place.at('volumeHandle').required()
  for (const member of secrets) {
    const secret = csi[member]
    if (secret === undefined) continue
    const { name = '', namespace = '' } = secret
    if (name === '') place.at(member, 'name').required()
    else place.at(member, 'name').invalidBecause(name, dnsSubdomainProblems(name))
    if (namespace === '') place.at(member, 'namespace').required()
    else place.at(member, 'namespace').invalidBecause(namespace, dnsLabelProblems(namespace))
  }
}

/** When the phase changes, that is noted, unless whoever writes says himself when it did (KEP-3762). */
function noteTransition({ status }: PersistentVolume, old: PersistentVolume, { now }: ServingContext): void {
  if (status === undefined || status.phase === old.status?.phase) return
  const isTold = status.lastPhaseTransitionTime !== old.status?.lastPhaseTransitionTime
  if (status.lastPhaseTransitionTime === undefined || !isTold) status.lastPhaseTransitionTime = timeText(now)
}

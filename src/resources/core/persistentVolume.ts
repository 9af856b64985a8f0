import { persistentVolumes, type PersistentVolume, type PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { accessModesText, checkAccessModes, checkNoBacksteps, checkVolumeMode } from './storage.ts'
import { nodeExpressionWarnings } from '#resources/nodeLabels.ts'
import { checkImmutable, checkOneOf } from '#resources/rules.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { difference } from '#resources/difference.ts'
import { statusSubresource } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'

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
    { name: 'Reason', description: 'Why it is in a bad state.', value: ({ status }) => status?.reason ?? '' },
    ageColumn,
    {
      name: 'VolumeMode',
      wide: true,
      description: 'File system or block device.',
      value: ({ spec }) => spec.volumeMode ?? '<unset>',
    },
  ],
  subresources: { status: statusSubresource },
  default({ spec }) {
    spec.persistentVolumeReclaimPolicy ??= 'Retain'
    spec.volumeMode ??= 'Filesystem'
    if (spec.hostPath !== undefined) spec.hostPath.type ??= ''
    if (spec.claimRef !== undefined) {
      spec.claimRef.kind ??= 'PersistentVolumeClaim'
      spec.claimRef.apiVersion ??= 'v1'
    }
  },
  prepare(volume, old) {
    if (old === undefined) volume.status = { phase: 'Pending' }
  },
  warnings: volumeWarnings,
  validate({ spec }, old, report) {
    const place = report.at('spec')
    checkVolumeSpec(spec, place)
    if (old === undefined) return
    const [now, before] = [sourcesOf(spec), sourcesOf(old.spec)]
    if (!sameJson(now, before)) {
      const text = `spec.persistentvolumesource is immutable after creation\n${difference(now, before)}`
      place.at('persistentvolumesource').forbidden(text)
    }
    checkImmutable(place.at('volumeMode'), spec.volumeMode, old.spec.volumeMode)
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

function sourcesOf(spec: PersistentVolumeSpec): object {
  return Object.fromEntries(sources.map((source) => [source, spec[source]]))
}

function checkVolumeSpec(spec: PersistentVolumeSpec, report: Report): void {
  const modes = report.at('accessModes')
  if ((spec.accessModes ?? []).length === 0) modes.required()
  else checkAccessModes(spec.accessModes ?? [], modes)
  const capacity = report.at('capacity')
  const storage = spec.capacity?.['storage']
  if (spec.capacity === undefined) capacity.required()
  if (storage === undefined || Object.keys(spec.capacity ?? {}).length > 1)
    capacity.problem('NotSupported', 'supported values: "storage"', spec.capacity ?? null)
  if (storage !== undefined && compareQuantities(storage, '0') <= 0)
    capacity.key('storage').invalid(storage, 'must be greater than zero')
  const given = sources.filter((source) => spec[source] !== undefined)
  if (given.length === 0) report.required('must specify a volume type')
  for (const source of given.slice(1)) report.at(source).forbidden('may not specify more than 1 volume type')
  if (spec.hostPath !== undefined) {
    if (spec.hostPath.path === '') report.at('hostPath', 'path').required()
    checkNoBacksteps(spec.hostPath.path, report.at('hostPath', 'path'))
  }
  if (spec.local !== undefined) {
    if (spec.local.path === '') report.at('local', 'path').required()
    checkNoBacksteps(spec.local.path, report.at('local', 'path'))
    if (spec.nodeAffinity?.required === undefined)
      report.at('nodeAffinity').required('Local volume requires node affinity')
  }
  checkOneOf(
    report.at('persistentVolumeReclaimPolicy'),
    ['Delete', 'Recycle', 'Retain'],
    spec.persistentVolumeReclaimPolicy,
  )
  if ((spec.storageClassName ?? '') !== '') {
    report.at('storageClassName').invalidBecause(spec.storageClassName, dnsSubdomainProblems(spec.storageClassName!))
  }
  checkVolumeMode(spec.volumeMode, report.at('volumeMode'))
}

import type { DownwardAPIVolumeFile, KeyToPath, VolumeProjection } from '#api/core/v1/projectedVolume.ts'
import type { NFSVolumeSource } from '#api/core/v1/networkVolume.ts'
import type { HostPathVolumeSource, Volume } from '#api/core/v1/volume.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { dnsLabelProblems, dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkFieldRef, checkResourceFieldRef } from './environment.ts'
import { checkClaimSpec } from '#resources/core/persistentVolumeClaim.ts'
import { checkNoBacksteps, checkRelativePath } from '#resources/core/storage.ts'
import { checkOutsideSource } from '#resources/core/volumeSources.ts'
import { checkAnnotations, checkLabels } from '#resources/metadata.ts'
import { checkDriverName } from '#resources/storage/rules.ts'

/** A pod's volumes by name, for the mounts that refer to them; undefined is one that will be made of a claim. */
export type KnownVolumes = ReadonlyMap<string, Volume | undefined>

/** The rules of a pod's volumes. Returns those with which nothing is wrong. `podName` is not known of templates. */
export function checkVolumes(volumes: readonly Volume[], podName: string, report: Report): KnownVolumes {
  const known = new Map<string, Volume>()
  const made = new Set(
    podName === ''
      ? []
      : volumes.flatMap(({ name, ephemeral }) => (ephemeral === undefined ? [] : `${podName}-${name}`)),
  )
  for (const [index, volume] of volumes.entries()) {
    const place = report.at(index)
    const name = (volume.name ?? '') as string
    checkSource(volume, place)
    if (name === '') place.at('name').required()
    else place.at('name').invalidBecause(name, dnsLabelProblems(name))
    if (known.has(name)) place.at('name').duplicate(name)
    else if (!place.isReported()) known.set(name, volume)
    const claimName = volume.persistentVolumeClaim?.claimName
    if (claimName !== undefined && made.has(claimName)) {
      const problem = 'must not reference a PVC that gets created for an ephemeral volume'
      place.at('persistentVolumeClaim', 'claimName').invalid(claimName, problem)
    }
  }
  return known
}

const hostPathTypes: readonly string[] = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
]

/** A place on the node. */
export function checkHostPath({ path, type }: HostPathVolumeSource, report: Report): void {
  if (path === '') return report.at('path').required()
  checkNoBacksteps(path, report.at('path'))
  if (type !== undefined && !hostPathTypes.includes(type)) report.at('type').notSupported(type, hostPathTypes)
}

/** A place on another host. */
export function checkNfs({ server, path }: NFSVolumeSource, report: Report): void {
  if (server === '') report.at('server').required()
  if (path === '') report.at('path').required()
  if (!path.startsWith('/')) report.at('path').invalid(path, 'must be an absolute path')
}

/** The rules of each kind of volume that has some, in the order in which upstream asks. */
const sourceRules: { readonly [Kind in keyof Volume]?: (source: NonNullable<Volume[Kind]>, report: Report) => void } = {
  emptyDir({ sizeLimit }, report) {
    if (sizeLimit !== undefined && compareQuantities(sizeLimit, '0') < 0) {
      report.at('sizeLimit').forbidden('SizeLimit field must be a valid resource quantity')
    }
  },
  hostPath: checkHostPath,
  secret({ secretName = '', defaultMode, items = [] }, report) {
    if (secretName === '') report.at('secretName').required()
    checkMode(defaultMode, report.at('defaultMode'))
    checkItems(items, report.at('items'))
  },
  nfs: checkNfs,
  persistentVolumeClaim({ claimName = '' }, report) {
    if (claimName === '') report.at('claimName').required()
  },
  downwardAPI({ defaultMode, items = [] }, report) {
    checkMode(defaultMode, report.at('defaultMode'))
    // Upstream names the volume, not the item.
    for (const item of items) checkDownwardItem(item, report)
  },
  configMap({ name = '', defaultMode, items = [] }, report) {
    if (name === '') report.at('name').required()
    checkMode(defaultMode, report.at('defaultMode'))
    checkItems(items, report.at('items'))
  },
  projected({ defaultMode, sources }, report) {
    checkMode(defaultMode, report.at('defaultMode'))
    checkProjections(sources ?? [], report)
  },
  csi({ driver = '', nodePublishSecretRef }, report) {
    checkDriverName(driver, report.at('driver'))
    if (nodePublishSecretRef === undefined) return
    const { name = '' } = nodePublishSecretRef
    if (name === '') report.at('nodePublishSecretRef', 'name').required()
    else report.at('name').invalidBecause(name, dnsSubdomainProblems(name))
  },
  ephemeral({ volumeClaimTemplate: template }, report) {
    const place = report.at('volumeClaimTemplate')
    if (template === undefined) return place.required()
    const { annotations, labels, ...others } = template.metadata ?? {}
    checkAnnotations(annotations, place.at('metadata', 'annotations'))
    checkLabels(labels, place.at('metadata', 'labels'))
    for (const name of Object.keys(others)) place.at('metadata', name).forbidden('cannot be set')
    checkClaimSpec(template.spec, place.at('spec'))
  },
  image({ reference = '' }, report) {
    if (reference === '') report.at('reference').required()
  },
}

/** The order in which a volume's sources are looked at: the first is the one, the others are too many. */
const sourceOrder: readonly (keyof Volume)[] = [
  'emptyDir',
  'hostPath',
  'gitRepo',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'secret',
  'nfs',
  'iscsi',
  'glusterfs',
  'flocker',
  'persistentVolumeClaim',
  'rbd',
  'cinder',
  'cephfs',
  'quobyte',
  'downwardAPI',
  'fc',
  'flexVolume',
  'configMap',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'storageos',
  'projected',
  'scaleIO',
  'csi',
  'ephemeral',
  'image',
]

function checkSource(volume: Volume, report: Report): void {
  let given = 0
  for (const kind of sourceOrder) {
    const source = volume[kind]
    if (source === undefined) continue
    given++
    if (given > 1) {
      report.at(kind).forbidden('may not specify more than 1 volume type')
      continue
    }
    const check = sourceRules[kind] as ((source: unknown, report: Report) => void) | undefined
    if (check === undefined) checkOutsideSource(kind, source, report.at(kind), { pod: true })
    else check(source, report.at(kind))
  }
  if (given === 0) report.required('must specify a volume type')
}

function checkMode(mode: number | undefined, report: Report): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) {
    report.invalid(mode, 'must be a number between 0 and 0777 (octal), both inclusive')
  }
}

function checkItems(items: readonly KeyToPath[], report: Report): void {
  for (const [index, { key, path, mode }] of items.entries()) {
    const place = report.at(index)
    if (key === '') place.at('key').required()
    checkFilePath(path, place.at('path'))
    checkMode(mode, place.at('mode'))
  }
}

/** A path below a volume that does not collide with the volume's own bookkeeping. */
function checkFilePath(path: string, report: Report): void {
  if (path === '') return report.required()
  checkRelativePath(path, report)
  if (path.startsWith('..') && !path.startsWith('../') && path !== '..')
    report.invalid(path, "must not start with '..'")
}

const fileFields: readonly string[] = [
  'metadata.name',
  'metadata.namespace',
  'metadata.labels',
  'metadata.annotations',
  'metadata.uid',
]

function checkDownwardItem({ path, fieldRef, resourceFieldRef, mode }: DownwardAPIVolumeFile, report: Report): void {
  checkFilePath(path, report.at('path'))
  if (fieldRef !== undefined) {
    checkFieldRef(fieldRef, fileFields, report.at('fieldRef'))
    if (resourceFieldRef !== undefined)
      report.invalid('resource', 'fieldRef and resourceFieldRef can not be specified simultaneously')
  } else if (resourceFieldRef !== undefined) {
    if ((resourceFieldRef.containerName ?? '') === '') report.at('resourceFieldRef', 'containerName').required()
    checkResourceFieldRef(resourceFieldRef, report.at('resourceFieldRef'))
  } else report.required('one of fieldRef and resourceFieldRef is required')
  checkMode(mode, report.at('mode'))
}

const shortestToken = 600
const longestToken = 2 ** 32

/** What goes into one folder. Some of what is wrong is said of the folder, as upstream does. */
function checkProjections(sources: readonly VolumeProjection[], report: Report): void {
  const paths = new Set<string>()
  const takePath = (path: string, place: Report): void => {
    if (path === '') return
    if (paths.has(path)) place.invalid(path, 'conflicting duplicate paths')
    paths.add(path)
  }
  for (const [index, source] of sources.entries()) {
    const place = report.at('sources', index)
    if (source.secret !== undefined) {
      if ((source.secret.name ?? '') === '') place.at('secret', 'name').required()
      checkItems(source.secret.items ?? [], place.at('secret', 'items'))
      for (const { path } of source.secret.items ?? []) takePath(path, report)
    }
    if (source.configMap !== undefined) {
      if ((source.configMap.name ?? '') === '') place.at('configMap', 'name').required()
      checkItems(source.configMap.items ?? [], place.at('configMap', 'items'))
      for (const { path } of source.configMap.items ?? []) takePath(path, report)
    }
    for (const item of source.downwardAPI?.items ?? []) {
      checkDownwardItem(item, place.at('downwardAPI'))
      takePath(item.path, report)
    }
    const token = source.serviceAccountToken
    if (token !== undefined) {
      const at = place.at('serviceAccountToken')
      if ((token.expirationSeconds ?? 3600) < shortestToken) {
        at.at('expirationSeconds').invalid(token.expirationSeconds, 'may not specify a duration less than 10 minutes')
      }
      if ((token.expirationSeconds ?? 3600) > longestToken) {
        at.at('expirationSeconds').invalid(
          token.expirationSeconds,
          'may not specify a duration larger than 2^32 seconds',
        )
      }
      checkFilePath(token.path, report.at('path'))
    }
    if (Object.keys(source).length > 1) place.forbidden('may not specify more than 1 volume type per source')
  }
}

import type { PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { dnsLabelProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkOneOf } from '#resources/rules.ts'
import { checkRelativePath } from './storage.ts'

// Rules of disks and shares of networks and of single providers, as pods name them and as volumes of the cluster do
// (upstream: pkg/apis/core/validation). Those of the cluster name the namespace of their secrets too.

type Source<Kind extends string> =
  | (Kind extends keyof Volume ? NonNullable<Volume[Kind]> : never)
  | (Kind extends keyof PersistentVolumeSpec ? NonNullable<PersistentVolumeSpec[Kind]> : never)

/** Whose source is checked: a pod's, or that of a volume of the cluster, with its name. */
export type SourceOwner = { readonly pod: true } | { readonly volumeName: string }

type Check<Kind extends string> = (source: Source<Kind>, report: Report, owner: SourceOwner) => void

/** Each of these members must say something. */
function checkSaid(...names: readonly string[]): (source: object, report: Report) => void {
  return (source, report) => {
    for (const name of names) {
      const value = (source as Readonly<Record<string, string | readonly string[] | undefined>>)[name] ?? ''
      if (value.length === 0) report.at(name).required()
    }
  }
}

const initiatorForms = {
  iqn: /^iqn\.\d{4}-\d{2}\.[0-9A-Za-z.-]+:[^,;*&$|\s]+$/,
  eui: /^eui.[0-9A-Za-z]{16}$/,
  naa: /^naa.[0-9A-Za-z]{32}$/,
}

/** The name of an iSCSI target or initiator. `wrongStart` is said of names that begin like none. */
function checkInitiator(name: string, wrongStart: string, report: Report): void {
  const form = initiatorForms[name.slice(0, 3) as keyof typeof initiatorForms] as RegExp | undefined
  if (form === undefined) report.invalid(name, wrongStart)
  else if (!form.test(name)) report.invalid(name, 'must be valid format')
}

function checkUnit(unit: number, report: Report): void {
  if (unit < 0 || unit > 255) report.invalid(unit, 'must be between 0 and 255, inclusive')
}

function checkPartition({ partition = 0 }: { readonly partition?: number }, report: Report): void {
  if (partition >= 0 && partition <= 255) return
  report.at('partition').invalid(partition, 'must be between 1 and 255, inclusive')
}

/** The secret, where one is named; of volumes of the cluster with its namespace. */
function checkSecret(
  secret: { readonly name?: string; readonly namespace?: string } | undefined,
  report: Report,
  owner: SourceOwner,
): void {
  if (secret === undefined) return
  if ((secret.name ?? '') === '') report.at('secretRef', 'name').required()
  if (!('pod' in owner) && (secret.namespace ?? '') === '') report.at('secretRef', 'namespace').required()
}

const pairs = 'must be a host:port pair or multiple pairs separated by commas'
const hostAndPort = /^(\[[^[\]]*\]|[^:[\]]*):[^:[\]]*$/
const reserved = /(^|\.)(kubernetes|k8s)\.io$/

const blobUri = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd'
const managedUri = '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}'

const checks: { readonly [Kind in SourceKind]: Check<Kind> } = {
  gitRepo({ repository, directory = '' }, report) {
    if (repository === '') report.at('repository').required()
    checkRelativePath(directory, report.at('directory'))
  },
  gcePersistentDisk(disk, report) {
    if (disk.pdName === '') report.at('pdName').required()
    checkPartition(disk, report)
  },
  awsElasticBlockStore(disk, report) {
    if (disk.volumeID === '') report.at('volumeID').required()
    checkPartition(disk, report)
  },
  iscsi(source, report, owner) {
    const { targetPortal, iqn, lun, initiatorName, chapAuthDiscovery, chapAuthSession, secretRef } = source
    const wrongStart = 'pod' in owner ? 'must be valid format starting with iqn, eui, or naa' : 'must be valid format'
    if (targetPortal === '') report.at('targetPortal').required()
    if (!('pod' in owner) && initiatorName !== undefined && `${owner.volumeName}:${targetPortal}`.length > 64) {
      const limit = 'must be under 64 characters if iscsi.initiatorName is specified.'
      const problem = `Total length of <volume name>:<iscsi.targetPortal> ${limit}`
      report.at('targetportal').invalid(targetPortal, problem)
    }
    if (iqn === '') report.at('iqn').required()
    else checkInitiator(iqn, wrongStart, report.at('iqn'))
    checkUnit(lun, report.at('lun'))
    const needsSecret = chapAuthDiscovery === true || chapAuthSession === true
    if (needsSecret && secretRef === undefined) report.at('secretRef').required()
    if (!('pod' in owner) && secretRef !== undefined && (secretRef.name ?? '') === '') {
      report.at('secretRef', 'name').required()
    }
    if (initiatorName !== undefined) checkInitiator(initiatorName, wrongStart, report.at('initiatorname'))
  },
  glusterfs(source, report) {
    checkSaid('endpoints', 'path')(source, report)
    if (!('endpointsNamespace' in source) || source.endpointsNamespace === undefined) return
    const place = report.at('endpointsNamespace')
    if (source.endpointsNamespace === '') {
      place.invalid('', 'if the endpointnamespace is set, it must be a valid namespace name')
    } else place.invalidBecause(source.endpointsNamespace, dnsLabelProblems(source.endpointsNamespace))
  },
  flocker({ datasetName = '', datasetUUID = '' }, report) {
    if (datasetName === '' && datasetUUID === '') report.required('one of datasetName and datasetUUID is required')
    if (datasetName !== '' && datasetUUID !== '') {
      report.invalid('resource', 'datasetName and datasetUUID can not be specified simultaneously')
    }
    if (datasetName.includes('/')) report.at('datasetName').invalid(datasetName, "must not contain '/'")
  },
  rbd: checkSaid('monitors', 'image'),
  cinder(disk, report, owner) {
    if (disk.volumeID === '') report.at('volumeID').required()
    checkSecret(disk.secretRef, report, owner)
  },
  cephfs: checkSaid('monitors'),
  quobyte({ registry, tenant = '', volume }, report) {
    if (registry === '') report.at('registry').required(pairs)
    else if (tenant.length >= 65) {
      report.at('tenant').required('must be a UUID and may not exceed a length of 64 characters')
    } else {
      for (const pair of registry.split(',')) {
        if (!hostAndPort.test(pair)) report.at('registry').invalid(registry, pairs)
      }
    }
    if (volume === '') report.at('volume').required()
  },
  fc({ targetWWNs = [], wwids = [], lun }, report) {
    const names = report.at('targetWWNs')
    if (targetWWNs.length === 0 && wwids.length === 0) {
      names.required('must specify either targetWWNs or wwids, but not both')
    }
    if (targetWWNs.length === 0) return
    if (wwids.length > 0) names.invalid(targetWWNs, 'targetWWNs and wwids can not be specified simultaneously')
    if (lun === undefined) report.at('lun').required('lun is required if targetWWNs is specified')
    else checkUnit(lun, report.at('lun'))
  },
  flexVolume({ driver, options = {} }, report) {
    if (driver === '') report.at('driver').required()
    for (const name of Object.keys(options)) {
      if (!reserved.test(name.split('/', 1)[0]!.toLowerCase())) continue
      report.at('options').key(name).invalid(name, 'kubernetes.io and k8s.io namespaces are reserved')
    }
  },
  azureFile(source, report) {
    checkSaid('secretName', 'shareName')(source, report)
    if ('secretNamespace' in source && source.secretNamespace === '') report.at('secretNamespace').required()
  },
  vsphereVolume: checkSaid('volumePath'),
  photonPersistentDisk: checkSaid('pdID'),
  portworxVolume: checkSaid('volumeID'),
  azureDisk(disk, report) {
    checkSaid('diskName', 'diskURI')(disk, report)
    checkOneOf(report.at('cachingMode'), ['None', 'ReadOnly', 'ReadWrite'], disk.cachingMode)
    checkOneOf(report.at('kind'), ['Dedicated', 'Managed', 'Shared'], disk.kind)
    if (disk.kind === undefined) return
    const [start, form] = disk.kind === 'Managed' ? ['/subscriptions/', managedUri] : ['https://', blobUri]
    if (!disk.diskURI.startsWith(start)) report.at('diskURI').notSupported(disk.diskURI, [form])
  },
  storageos({ volumeName = '', volumeNamespace = '', secretRef }, report, owner) {
    if (volumeName === '') report.at('volumeName').required()
    else report.at('volumeName').invalidBecause(volumeName, dnsLabelProblems(volumeName))
    if (volumeNamespace !== '') {
      report.at('volumeNamespace').invalidBecause(volumeNamespace, dnsLabelProblems(volumeNamespace))
    }
    checkSecret(secretRef, report, owner)
  },
  scaleIO: checkSaid('gateway', 'system', 'volumeName'),
}

/** Members of `Volume` and of `PersistentVolumeSpec` that are checked here. */
type SourceKind =
  | 'gitRepo'
  | 'gcePersistentDisk'
  | 'awsElasticBlockStore'
  | 'iscsi'
  | 'glusterfs'
  | 'flocker'
  | 'rbd'
  | 'cinder'
  | 'cephfs'
  | 'quobyte'
  | 'fc'
  | 'flexVolume'
  | 'azureFile'
  | 'vsphereVolume'
  | 'photonPersistentDisk'
  | 'portworxVolume'
  | 'azureDisk'
  | 'storageos'
  | 'scaleIO'

/** The rules of a source of a network or provider; of other kinds nothing is said. */
export function checkOutsideSource(kind: string, source: unknown, report: Report, owner: SourceOwner): void {
  if (!Object.hasOwn(checks, kind)) return
  const check = checks[kind as SourceKind] as (source: unknown, report: Report, owner: SourceOwner) => void
  check(source, report, owner)
}

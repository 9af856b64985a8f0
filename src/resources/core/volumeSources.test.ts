/** Rules of disks and shares of networks and providers. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import type { Volume } from '#api/core/v1/volume.ts'
import { dnsLabelProblems } from '#machinery/validate/names.ts'
import { refusals } from '#resources/testReport.ts'
import { checkVolumes } from './pod/rules/volumes.ts'
import { checkOutsideSource } from './volumeSources.ts'

const pairs = 'must be a host:port pair or multiple pairs separated by commas'
const started = 'must be valid format starting with iqn, eui, or naa'

describe('a source of a pod', () => {
  const secretRef = { name: 's' }
  const rows: readonly [string, Omit<Volume, 'name'>, readonly string[]][] = [
    ['that is right', { iscsi: { targetPortal: 'h', iqn: 'iqn.2001-04.com.example:disk', lun: 0 } }, []],
    ['of a disk by its numbers', { iscsi: { targetPortal: 'h', iqn: 'eui.0123456789abcdef', lun: 255 } }, []],
    [
      'over iSCSI with nothing right',
      {
        iscsi: { targetPortal: '', iqn: 'disk', lun: 300, chapAuthSession: true, initiatorName: 'iqn.2001-04.com' },
      },
      [
        'iscsi.targetPortal: Required value',
        `iscsi.iqn: Invalid value: "disk": ${started}`,
        'iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive',
        'iscsi.secretRef: Required value',
        'iscsi.initiatorname: Invalid value: "iqn.2001-04.com": must be valid format',
      ],
    ],
    [
      'over Fibre Channel, twice',
      { fc: { targetWWNs: ['a'], wwids: ['b'] } },
      [
        'fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously',
        'fc.lun: Required value: lun is required if targetWWNs is specified',
      ],
    ],
    [
      'over Fibre Channel',
      { fc: {} },
      ['fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not both'],
    ],
    [
      'of a repository',
      { gitRepo: { repository: '', directory: '../a' } },
      ['gitRepo.repository: Required value', `gitRepo.directory: Invalid value: "../a": must not contain '..'`],
    ],
    [
      'of Google',
      { gcePersistentDisk: { pdName: '', partition: 900 } },
      [
        'gcePersistentDisk.pdName: Required value',
        'gcePersistentDisk.partition: Invalid value: 900: must be between 1 and 255, inclusive',
      ],
    ],
    [
      'of Amazon',
      { awsElasticBlockStore: { volumeID: 'v', partition: -1 } },
      ['awsElasticBlockStore.partition: Invalid value: -1: must be between 1 and 255, inclusive'],
    ],
    [
      'of Azure',
      { azureDisk: { diskName: '', diskURI: 'a', kind: 'Managed', cachingMode: 'x' as never } },
      [
        'azureDisk.diskName: Required value',
        'azureDisk.cachingMode: Unsupported value: "x": supported values: "None", "ReadOnly", "ReadWrite"',
        'azureDisk.diskURI: Unsupported value: "a": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"',
      ],
    ],
    [
      'of Flocker, by no name',
      { flocker: {} },
      ['flocker: Required value: one of datasetName and datasetUUID is required'],
    ],
    [
      'of Flocker, by two names',
      { flocker: { datasetName: 'a/b', datasetUUID: 'c' } },
      [
        'flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously',
        `flocker.datasetName: Invalid value: "a/b": must not contain '/'`,
      ],
    ],
    [
      'of Quobyte',
      { quobyte: { registry: 'a:1,b', volume: '' } },
      [`quobyte.registry: Invalid value: "a:1,b": ${pairs}`, 'quobyte.volume: Required value'],
    ],
    [
      'of a plugin',
      { flexVolume: { driver: '', options: { 'a.KUBERNETES.io/x': '1', 'b/kubernetes.io': '1', 'k8s.io': '1' } } },
      [
        'flexVolume.driver: Required value',
        'flexVolume.options[a.KUBERNETES.io/x]: Invalid value: "a.KUBERNETES.io/x": kubernetes.io and k8s.io namespaces are reserved',
        'flexVolume.options[k8s.io]: Invalid value: "k8s.io": kubernetes.io and k8s.io namespaces are reserved',
      ],
    ],
    [
      'of StorageOS',
      { storageos: { volumeNamespace: 'A', secretRef: {} } },
      [
        'storageos.volumeName: Required value',
        `storageos.volumeNamespace: Invalid value: "A": ${dnsLabelProblems('A').join('; ')}`,
        'storageos.secretRef.name: Required value',
      ],
    ],
    ['of Ceph', { rbd: { monitors: [], image: '' } }, ['rbd.monitors: Required value', 'rbd.image: Required value']],
    ['of OpenStack', { cinder: { volumeID: '', secretRef } }, ['cinder.volumeID: Required value']],
  ]
  for (const [name, source, expected] of rows) {
    test(name, () => {
      const found = refusals((report) => void checkVolumes([{ name: 'v', ...source }], '', report.at('')))
      assert.deepEqual(
        found,
        expected.map((text) => `[0].${text}`),
      )
    })
  }
})

describe('a source of a volume of the cluster', () => {
  const rows: readonly [string, Partial<PersistentVolumeSpec>, readonly string[]][] = [
    [
      'over iSCSI',
      {
        iscsi: {
          targetPortal: 'h'.repeat(64),
          iqn: 'disk',
          lun: 0,
          initiatorName: 'eui.0123456789abcdef',
          secretRef: {},
        },
      },
      [
        `targetportal: Invalid value: "${'h'.repeat(64)}": Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.`,
        'iqn: Invalid value: "disk": must be valid format',
        'secretRef.name: Required value',
      ],
    ],
    ['of OpenStack', { cinder: { volumeID: 'v', secretRef: { name: 's' } } }, ['secretRef.namespace: Required value']],
    [
      'of Gluster',
      { glusterfs: { endpoints: 'e', path: 'p', endpointsNamespace: '' } },
      ['endpointsNamespace: Invalid value: "": if the endpointnamespace is set, it must be a valid namespace name'],
    ],
    [
      'of Azure',
      { azureFile: { secretName: '', shareName: 's', secretNamespace: '' } },
      ['secretName: Required value', 'secretNamespace: Required value'],
    ],
  ]
  for (const [name, source, expected] of rows) {
    test(name, () => {
      const [kind, value] = Object.entries(source)[0]!
      assert.deepEqual(
        refusals((report) => checkOutsideSource(kind, value, report, { volumeName: 'v' })),
        expected,
      )
    })
  }
})

test('what is wrong with what goes into one folder is said of the folder or of the source', () => {
  const sources = [
    { secret: { name: 's', items: [{ key: 'a', path: 'p' }] }, configMap: { name: 'c' } },
    { downwardAPI: { items: [{ path: 'p' }] } },
    { serviceAccountToken: { path: '' } },
  ]
  const found = refusals(
    (report) => void checkVolumes([{ name: 'v', projected: { sources } }], '', report.at('volumes')),
  )
  assert.deepEqual(found, [
    'volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source',
    'volumes[0].projected.sources[1].downwardAPI: Required value: one of fieldRef and resourceFieldRef is required',
    'volumes[0].projected: Invalid value: "p": conflicting duplicate paths',
    'volumes[0].projected.path: Required value',
  ])
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PersistentVolume, PersistentVolumeSpec } from '#api/core/v1/persistentVolume.ts'
import type {
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimStatus,
} from '#api/core/v1/persistentVolumeClaim.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import { refusals, servingContext } from '#resources/testReport.ts'
import { persistentVolumeStrategy } from './persistentVolume.ts'
import { persistentVolumeClaimStrategy } from './persistentVolumeClaim.ts'

const notDns = (name: string): string => dnsSubdomainProblems(name).join('; ')

describe('a volume', () => {
  const volume = (own: Partial<PersistentVolumeSpec>): PersistentVolume => ({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'v' },
    spec: {
      accessModes: ['ReadWriteOnce'],
      capacity: { storage: '1Gi' },
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
      ...own,
    },
  })
  const hostPath = { path: '/data', type: '' as const }
  const csi = { driver: 'd.example', volumeHandle: 'h' }
  const nodeAffinity = {
    required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'a', operator: 'Exists' as const }] }] },
  }
  const rows: readonly [string, Partial<PersistentVolumeSpec>, readonly string[]][] = [
    ['that is right', { hostPath }, []],
    ['of a driver', { csi, volumeAttributesClassName: 'gold' }, []],
    [
      'of no size, mounted in ways that do not go together',
      { hostPath, capacity: {}, accessModes: ['ReadWriteOncePod', 'ReadWriteMany', 'Some' as never] },
      [
        'spec.accessModes: Unsupported value: "Some": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"',
        'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
        'spec.capacity: Required value',
        'spec.capacity: Unsupported value: {}: supported values: "storage"',
      ],
    ],
    [
      'that is the whole node, and is emptied',
      { hostPath: { path: '/a/..', type: '' }, persistentVolumeReclaimPolicy: 'Recycle' },
      [
        `spec.hostPath.path: Invalid value: "/a/..": must not contain '..'`,
        `spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'`,
      ],
    ],
    [
      'in two places, of which only the first is looked at',
      { hostPath: { path: '', type: 'No' as never }, csi: { driver: '', volumeHandle: '' } },
      ['spec.hostPath.path: Required value', 'spec.csi: Forbidden: may not specify more than 1 volume type'],
    ],
    [
      'of a driver without what it needs',
      {
        csi: {
          driver: 'd_',
          volumeHandle: '',
          controllerPublishSecretRef: {},
          nodeExpandSecretRef: { name: 'A', namespace: 'a' },
        },
      },
      [
        `spec.csi.driver: Invalid value: "d_": ${notDns('d_')}`,
        'spec.csi.volumeHandle: Required value',
        'spec.csi.controllerPublishSecretRef.name: Required value',
        'spec.csi.controllerPublishSecretRef.namespace: Required value',
        `spec.csi.nodeExpandSecretRef.name: Invalid value: "A": ${notDns('A')}`,
      ],
    ],
    [
      'of another host that is not there',
      { nfs: { server: '', path: '' } },
      [
        'spec.nfs.server: Required value',
        'spec.nfs.path: Required value',
        'spec.nfs.path: Invalid value: "": must be an absolute path',
      ],
    ],
    [
      'of a node that is not said',
      { local: { path: '/a' }, nodeAffinity: {} },
      ['spec.nodeAffinity.required: Required value: must specify required node constraints'],
    ],
    [
      'of no node',
      { local: { path: '/a' } },
      ['spec.nodeAffinity: Required value: Local volume requires node affinity'],
    ],
    [
      'with a class of attributes that no driver knows',
      { hostPath, volumeAttributesClassName: '' },
      [
        'spec.volumeAttributesClassName: Required value: an empty string is disallowed',
        'spec.csi: Required value: has to be specified when using volumeAttributesClassName',
      ],
    ],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        refusals((report) => persistentVolumeStrategy.validate!(volume(own), undefined, report)),
        expected,
      ),
    )
  }

  const secret = { name: 's', namespace: 'n' }
  const updates: readonly [string, Partial<PersistentVolumeSpec>, Partial<PersistentVolumeSpec>, readonly string[]][] =
    [
      ['a secret to grow with', { csi: { ...csi, controllerExpandSecretRef: secret } }, { csi }, []],
      ['the nodes, once', { hostPath, nodeAffinity }, { hostPath }, []],
      [
        'the nodes, again, and how it is used',
        { hostPath, volumeMode: 'Block' },
        { hostPath, nodeAffinity },
        [
          'volumeMode: Invalid value: "Block": field is immutable',
          'nodeAffinity: Invalid value: null: field is immutable, except for updating from beta label to GA',
        ],
      ],
      [
        'no class of attributes any more',
        { csi },
        { csi, volumeAttributesClassName: 'gold' },
        ['spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden'],
      ],
    ]
  for (const [name, now, before, expected] of updates) {
    test(`gets ${name}`, () =>
      assert.deepEqual(
        refusals((report) => persistentVolumeStrategy.validate!(volume(now), volume(before), report)),
        expected,
      ))
  }
})

describe('a claim', () => {
  const claim = (
    own: Partial<PersistentVolumeClaimSpec>,
    status: PersistentVolumeClaimStatus = {},
    annotations?: Record<string, string>,
  ): PersistentVolumeClaim => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'c', ...(annotations && { annotations }) },
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage: '2Gi' } },
      volumeMode: 'Filesystem',
      ...structuredClone(own),
    },
    status,
  })
  const other = { kind: 'PersistentVolumeClaim', name: 'd' }
  const populated = { apiGroup: 'a.example', kind: 'Image', name: 'i' }
  const rows: readonly [string, Partial<PersistentVolumeClaimSpec>, readonly string[]][] = [
    ['that is right', { dataSource: other, dataSourceRef: other, volumeAttributesClassName: 'gold' }, []],
    [
      'of two sources that are none',
      {
        dataSource: { kind: 'Pod', name: '' },
        dataSourceRef: { ...populated, apiGroup: '_' },
        volumeAttributesClassName: '_',
      },
      [
        'spec.dataSource.name: Required value',
        `spec.dataSource: Invalid value: "Pod": must be 'PersistentVolumeClaim' when referencing the default apiGroup`,
        `spec.dataSourceRef.apiGroup: Invalid value: "_": ${notDns('_')}`,
        'spec: Invalid value: "spec.dataSource": must match dataSourceRef',
        `spec.volumeAttributesClassName: Invalid value: "_": ${notDns('_')}`,
      ],
    ],
  ]
  for (const [name, own, expected] of rows) {
    test(name, () =>
      assert.deepEqual(
        refusals((report) => persistentVolumeClaimStrategy.validate!(claim(own), undefined, report)),
        expected,
      ),
    )
  }

  type Sources = Pick<PersistentVolumeClaimSpec, 'dataSource' | 'dataSourceRef'>
  const sources: readonly [string, Sources, Sources | undefined, Sources][] = [
    ['the older field', { dataSource: other }, undefined, { dataSource: other, dataSourceRef: other }],
    ['the newer field', { dataSourceRef: populated }, undefined, { dataSource: populated, dataSourceRef: populated }],
    ['what the older field does not know', { dataSource: populated }, undefined, {}],
    [
      'what the older field says of a newer one',
      { dataSource: populated },
      { dataSource: populated, dataSourceRef: populated },
      { dataSource: populated, dataSourceRef: populated },
    ],
    ['another namespace', { dataSourceRef: { ...other, namespace: 'n' } }, undefined, {}],
  ]
  for (const [name, own, old, expected] of sources) {
    test(`filled from ${name}`, () => {
      const one = claim(own)
      persistentVolumeClaimStrategy.prepare!(one, old && claim(old), servingContext)
      const { dataSource, dataSourceRef } = one.spec
      assert.deepEqual({ ...(dataSource && { dataSource }), ...(dataSourceRef && { dataSourceRef }) }, expected)
    })
  }

  const beta = 'volume.beta.kubernetes.io/storage-class'
  const bound = { phase: 'Bound', capacity: { storage: '1Gi' }, currentVolumeAttributesClassName: 'gold' } as const
  const asking = (storage: string): Partial<PersistentVolumeClaimSpec> => ({ resources: { requests: { storage } } })
  const fixed =
    'spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims'
  const updates: readonly [string, PersistentVolumeClaim, PersistentVolumeClaim, readonly string[]][] = [
    ['more', claim(asking('3Gi'), bound), claim({}, bound), []],
    ['less than it asked for, but has', claim(asking('1500Mi'), bound), claim({}, bound), []],
    [
      'less than it has',
      claim(asking('1Gi'), bound),
      claim({}, bound),
      ['spec.resources.requests.storage: Forbidden: field can not be less than status.capacity'],
    ],
    ['a class, having none', claim({ storageClassName: 'fast' }), claim({}), []],
    ['the class that an annotation named', claim({ storageClassName: 'fast' }), claim({}, {}, { [beta]: 'fast' }), []],
    [
      'another class than an annotation named',
      claim({ storageClassName: 'slow' }, {}, { [beta]: 'slow' }),
      claim({}, {}, { [beta]: 'fast' }),
      [`metadata.annotations.${beta}: Invalid value: "slow": field is immutable`, fixed],
    ],
    [
      'its source in the second field',
      claim({ dataSource: other, dataSourceRef: other }),
      claim({ dataSource: other }),
      [],
    ],
    [
      'no class of attributes any more',
      claim({}, bound),
      claim({ volumeAttributesClassName: 'gold' }, bound),
      [
        'spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil',
      ],
    ],
    [
      'an empty class of attributes',
      claim({ volumeAttributesClassName: '' }, bound),
      claim({ volumeAttributesClassName: 'gold' }, bound),
      [
        'spec.volumeAttributesClassName: Forbidden: update to empty string is forbidden when status.currentVolumeAttributesClassName is not nil',
      ],
    ],
    [
      'another mode',
      claim({ volumeMode: 'Block' }),
      claim({}),
      [fixed, 'volumeMode: Invalid value: "Block": field is immutable'],
    ],
  ]
  for (const [name, now, before, expected] of updates) {
    test(`gets ${name}`, () => {
      const found = refusals((report) => persistentVolumeClaimStrategy.validate!(now, before, report))
      assert.deepEqual(
        found.map((text) => text.split('\n')[0]),
        expected,
      )
    })
  }
})

test('the status of a claim tells how far its storage has grown, and of nothing else that Kubernetes knows', () => {
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'a' },
    spec: {},
    status: {
      capacity: { storage: '-1' },
      allocatedResources: { storage: '1Gi', cpu: '1', 'example.com/iops': '-5' },
      allocatedResourceStatuses: { memory: 'NodeResizePending', storage: 'NodeResizePending' },
    },
  } satisfies PersistentVolumeClaim
  const { validate } = persistentVolumeClaimStrategy.subresources!['status']!
  assert.deepEqual(
    refusals((report) => validate!(claim, claim, report, servingContext)),
    [
      'status.capacity[storage]: Invalid value: -1: must be a valid resource quantity',
      'status.allocatedResourceStatuses: Unsupported value: "memory": supported values: "storage"',
      'status.allocatedResources: Unsupported value: "cpu": supported values: "storage"',
      'status.allocatedResources[example.com/iops]: Invalid value: -5: must be a valid resource quantity',
    ],
  )
})

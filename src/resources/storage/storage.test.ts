import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CSIDriver } from '#api/storage/v1/csiDriver.ts'
import type { CSINode } from '#api/storage/v1/csiNode.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import type { VolumeAttachment, VolumeAttachmentSource } from '#api/storage/v1/volumeAttachment.ts'
import type { VolumeAttributesClass } from '#api/storage/v1/volumeAttributesClass.ts'
import { seededRandom } from '#lib/random.ts'
import { createReport, problemMessage, type Report } from '#machinery/validate/report.ts'
import { csiDriverStrategy } from './csiDriver.ts'
import { csiNodeStrategy } from './csiNode.ts'
import { storageClassStrategy } from './storageClass.ts'
import { volumeAttachmentStrategy } from './volumeAttachment.ts'
import { volumeAttributesClassStrategy } from './volumeAttributesClass.ts'

function refusals(check: (report: Report) => void): string[] {
  const { report, problems } = createReport()
  check(report)
  return problems.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}

const names = { apiVersion: 'storage.k8s.io/v1', kind: '', metadata: { name: 'a' } }

describe('a storage class', () => {
  const one = (own: Partial<StorageClass>): StorageClass => ({
    ...names,
    provisioner: 'p',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    ...own,
  })
  const zone = (...values: string[]) => ({ matchLabelExpressions: [{ key: 'zone', values }] })
  const rows: readonly [string, StorageClass, StorageClass | undefined, readonly string[]][] = [
    ['that is right', one({ allowedTopologies: [zone('a'), zone('b')] }), undefined, []],
    [
      'with one place twice',
      one({ allowedTopologies: [zone('a', 'b'), zone('b', 'a')] }),
      undefined,
      ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
    ],
    [
      'that changes',
      one({ provisioner: 'q', parameters: { a: 'b' }, reclaimPolicy: 'Retain', allowVolumeExpansion: true }),
      one({}),
      [
        'parameters: Forbidden: updates to parameters are forbidden.',
        'provisioner: Forbidden: updates to provisioner are forbidden.',
        'reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.',
      ],
    ],
  ]
  for (const [name, now, before, expected] of rows) {
    test(name, () => {
      const found = refusals((report) => storageClassStrategy.validate?.(now, before, report))
      assert.deepEqual(found, expected)
    })
  }
  test('is shown as the one for claims without a class', () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' }
    const [name] = storageClassStrategy.columns!
    assert.equal(name!.value(one({ metadata: { name: 'a', annotations } }), 0), 'a (default)')
  })
})

describe('an attachment', () => {
  const one = (source: VolumeAttachmentSource): VolumeAttachment => ({
    ...names,
    spec: { attacher: 'd', nodeName: 'n', source },
  })
  const exactlyOne = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName'
  const rows: readonly [string, VolumeAttachmentSource, readonly string[]][] = [
    ['of a volume', { persistentVolumeName: 'v' }, []],
    ['of nothing', {}, [`spec.source: Required value: ${exactlyOne}`]],
    [
      'of a volume without a driver',
      { inlineVolumeSpec: { accessModes: ['ReadWriteOnce'] } },
      ['spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes'],
    ],
  ]
  for (const [name, source, expected] of rows) {
    test(name, () => {
      const found = refusals((report) => volumeAttachmentStrategy.validate?.(one(source), undefined, report))
      assert.deepEqual(found, expected)
    })
  }
})

test('a driver has a generation once it has changed', () => {
  const driver = (requiresRepublish: boolean, generation?: number): CSIDriver => ({
    ...names,
    metadata: { name: 'a', ...(generation === undefined ? {} : { generation }) },
    spec: { requiresRepublish },
  })
  const context = { caller: { name: 'a', groups: [] }, now: 0, random: seededRandom(1), dryRun: false }
  const after = (now: CSIDriver, before?: CSIDriver): number | undefined => {
    csiDriverStrategy.prepare?.(now, before, context)
    return now.metadata.generation
  }
  assert.equal(after(driver(true)), undefined)
  assert.equal(after(driver(true), driver(true)), undefined)
  assert.equal(after(driver(true), driver(false)), 1)
  assert.equal(after(driver(true, 4), driver(false, 4)), 5)
})

test('what a driver said about a node stays', () => {
  const node = (nodeID: string): CSINode => ({ ...names, spec: { drivers: [{ name: 'd', nodeID }] } })
  assert.deepEqual(
    refusals((report) => csiNodeStrategy.validate?.(node('b'), node('a'), report)),
    [
      'spec.drivers: Invalid value: {"Name":"d","NodeID":"b","TopologyKeys":null,"Allocatable":null}: field is immutable',
    ],
  )
})

describe('a class of attributes', () => {
  const one = (own: Partial<VolumeAttributesClass>): VolumeAttributesClass => ({
    ...names,
    driverName: 'd',
    parameters: { iops: '1' },
    ...own,
  })
  const rows: readonly [string, VolumeAttributesClass, VolumeAttributesClass | undefined, readonly string[]][] = [
    ['that is right', one({}), undefined, []],
    [
      'that gives nothing',
      one({ parameters: {} }),
      undefined,
      ['parameters: Required value: must contain at least one key/value pair'],
    ],
    [
      'of another driver',
      one({ driverName: 'e' }),
      one({}),
      ['driverName: Forbidden: updates to driverName are forbidden.'],
    ],
  ]
  for (const [name, now, old, expected] of rows) {
    test(name, () => {
      const found = refusals((report) => volumeAttributesClassStrategy.validate!(now, old, report))
      assert.deepEqual(found, expected)
    })
  }
})

test('a driver says of a node what fits', () => {
  const driver = { name: 'd', nodeID: 'n'.repeat(257), topologyKeys: ['a', 'a', '/b'], allocatable: { count: -1 } }
  const node: CSINode = { ...names, spec: { drivers: [{ name: 'd', nodeID: 'n' }, driver] } }
  const found = refusals((report) => csiNodeStrategy.validate!(node, undefined, report))
  assert.deepEqual(
    found.map((line) => line.replace(/"n+"/, '"n…"')),
    [
      'spec.drivers[1].nodeID: Invalid value: "n…": must be 256 characters or less',
      'spec.drivers[1].allocatable.count: Invalid value: -1: must be greater than or equal to 0',
      'spec.drivers[1].name: Duplicate value: "d"',
      'spec.drivers[1]: Duplicate value: "a"',
      'spec.drivers[1]: Invalid value: "/b": prefix part must be non-empty',
    ],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import { bindCompleted, boundByController, provisionedBy, selectedNode } from '#machinery/volumeBinding.ts'
import { boundClaim, claimStatus, planClaim, type ClaimSurroundings } from './planClaim.ts'
import { boundVolume, givesUpClaim, planVolume, unboundVolume } from './planVolume.ts'

interface ClaimSketch {
  readonly annotations?: Record<string, string>
  readonly spec?: Partial<PersistentVolumeClaim['spec']>
  readonly status?: PersistentVolumeClaim['status']
}

function claim({ annotations, spec, status }: ClaimSketch = {}): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default', uid: 'u1', ...(annotations && { annotations }) },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } }, ...spec },
    status: status ?? { phase: 'Pending' },
  }
}

interface VolumeSketch {
  readonly metadata?: Partial<PersistentVolume['metadata']>
  readonly phase?: NonNullable<PersistentVolume['status']>['phase']
}

function volume(
  name: string,
  spec: Partial<PersistentVolume['spec']> = {},
  sketch: VolumeSketch = {},
): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, ...sketch.metadata },
    spec: { accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' }, ...spec },
    status: { phase: sketch.phase ?? 'Available' },
  }
}

function storageClass(name: string, rest: Partial<StorageClass> = {}): StorageClass {
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name }, provisioner: 'x.com/y', ...rest }
}

const forData = { name: 'data', namespace: 'default' }
const nothing: ClaimSurroundings = {
  named: undefined,
  reserved: [],
  free: [],
  storageClass: undefined,
  defaultClass: undefined,
  waitingPods: [],
}

/** `bind v`, `tell Pending FailedBinding`: what the plan comes to. */
function textOf(plan: ReturnType<typeof planClaim>): string {
  switch (plan.do) {
    case 'bind':
      return `bind ${plan.volume.metadata.name}`
    case 'setClass':
      return `setClass ${plan.storageClass}`
    case 'handOver':
      return `handOver ${plan.provisioner}`
    case 'tell':
      return ['tell', plan.phase ?? '-', plan.note.reason].join(' ')
  }
}

const late = storageClass('late', { volumeBindingMode: 'WaitForFirstConsumer' })
const claims: readonly {
  readonly name: string
  readonly claim?: ClaimSketch
  readonly around: Partial<ClaimSurroundings>
  readonly plan: string
}[] = [
  { name: 'nothing there', around: {}, plan: 'tell Pending FailedBinding' },
  { name: 'one that fits', around: { free: [volume('v')] }, plan: 'bind v' },
  {
    name: 'the smallest that fits',
    around: { free: [volume('l', { capacity: { storage: '9Gi' } }), volume('m', { capacity: { storage: '3Gi' } })] },
    plan: 'bind m',
  },
  {
    name: 'too small',
    around: { free: [volume('s', { capacity: { storage: '1Gi' } })] },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'few access modes before few bytes',
    around: {
      free: [
        volume('many', { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] }),
        volume('few', { capacity: { storage: '9Gi' } }),
      ],
    },
    plan: 'bind few',
  },
  {
    name: 'an access mode that none has',
    claim: { spec: { accessModes: ['ReadWriteOnce', 'ReadWriteMany'] } },
    around: { free: [volume('v')] },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'a block device',
    around: { free: [volume('v', { volumeMode: 'Block' })] },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'other attributes',
    around: { free: [volume('v', { volumeAttributesClassName: 'fast' })] },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'chosen by labels',
    claim: { spec: { selector: { matchLabels: { tier: 'a' } } } },
    around: {
      free: [volume('b'), volume('a', { capacity: { storage: '5Gi' } }, { metadata: { labels: { tier: 'a' } } })],
    },
    plan: 'bind a',
  },
  {
    name: 'a volume on its way out',
    around: { free: [volume('v', {}, { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })] },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'one that is not ready yet',
    around: { free: [volume('v', {}, { phase: 'Pending' })] },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'reserved for it, before those that fit better',
    around: { free: [volume('v')], reserved: [volume('r', { capacity: { storage: '9Gi' }, claimRef: forData })] },
    plan: 'bind r',
  },
  {
    name: 'reserved for an earlier claim of this name',
    around: { reserved: [volume('r', { claimRef: { ...forData, uid: 'u0' } })] },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'of a class for which something is there',
    claim: { spec: { storageClassName: 'late' } },
    around: { storageClass: late, free: [volume('v', { storageClassName: 'late' })] },
    plan: 'tell Pending WaitForFirstConsumer',
  },
  {
    name: 'with a pod that waits too',
    claim: { spec: { storageClassName: 'late' } },
    around: { storageClass: late, waitingPods: ['p'] },
    plan: 'tell Pending WaitForPodScheduled',
  },
  {
    name: 'whose pod has a node',
    claim: { spec: { storageClassName: 'late' }, annotations: { [selectedNode]: 'n1' } },
    around: { storageClass: late },
    plan: 'handOver x.com/y',
  },
  {
    name: 'of a class that makes volumes at once',
    claim: { spec: { storageClassName: 'now' } },
    around: { storageClass: storageClass('now') },
    plan: 'handOver x.com/y',
  },
  {
    name: 'of a plugin that became a driver',
    claim: { spec: { storageClassName: 'old' } },
    around: { storageClass: storageClass('old', { provisioner: 'kubernetes.io/aws-ebs' }) },
    plan: 'handOver ebs.csi.aws.com',
  },
  {
    name: 'of a class by hand',
    claim: { spec: { storageClassName: 'hand' } },
    around: { storageClass: storageClass('hand', { provisioner: 'kubernetes.io/no-provisioner' }) },
    plan: 'tell - ProvisioningFailed',
  },
  {
    name: 'of no known class',
    claim: { spec: { storageClassName: 'x' } },
    around: {},
    plan: 'tell - ProvisioningFailed',
  },
  { name: 'without a class', around: { defaultClass: late }, plan: 'setClass late' },
  { name: 'without a class, while one fits', around: { defaultClass: late, free: [volume('v')] }, plan: 'bind v' },
  {
    name: 'that wants no class',
    claim: { spec: { storageClassName: '' } },
    around: { defaultClass: late },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'that names a volume',
    claim: { spec: { volumeName: 'v' } },
    around: { named: volume('v') },
    plan: 'bind v',
  },
  {
    name: 'that names a volume of another class',
    claim: { spec: { volumeName: 'v', storageClassName: 'x' } },
    around: { named: volume('v') },
    plan: 'tell Pending VolumeMismatch',
  },
  {
    name: 'that names what another one has',
    claim: { spec: { volumeName: 'v' } },
    around: { named: volume('v', { claimRef: { name: 'other', namespace: 'default' } }) },
    plan: 'tell Pending FailedBinding',
  },
  {
    name: 'that was bound and is',
    claim: { spec: { volumeName: 'v' }, annotations: { [bindCompleted]: 'yes' } },
    around: { named: volume('v', { claimRef: { ...forData, uid: 'u1' } }) },
    plan: 'bind v',
  },
  {
    name: 'that was bound, though the volume knows nothing of it',
    claim: { spec: { volumeName: 'v' }, annotations: { [bindCompleted]: 'yes' } },
    around: { named: volume('v') },
    plan: 'bind v',
  },
  {
    name: 'that was bound to what another one has',
    claim: { spec: { volumeName: 'v' }, annotations: { [bindCompleted]: 'yes' } },
    around: { named: volume('v', { claimRef: { ...forData, uid: 'u0' } }) },
    plan: 'tell Lost ClaimMisbound',
  },
  {
    name: 'that was bound to what is gone',
    claim: { spec: { volumeName: 'v' }, annotations: { [bindCompleted]: 'yes' } },
    around: {},
    plan: 'tell Lost ClaimLost',
  },
]

for (const row of claims) {
  test(`a claim: ${row.name}`, () => {
    assert.equal(textOf(planClaim(claim(row.claim), { ...nothing, ...row.around })), row.plan)
  })
}

const reference = { ...forData, uid: 'u1' }
const released = { claimRef: { ...forData, uid: 'u0' } }
const volumes: readonly {
  readonly name: string
  readonly volume: PersistentVolume
  readonly claim?: ClaimSketch
  readonly users?: readonly string[]
  readonly plan: string
}[] = [
  { name: 'new', volume: volume('v', {}, { phase: 'Pending' }), plan: 'setPhase Available' },
  { name: 'free', volume: volume('v'), plan: 'nothing' },
  { name: 'reserved', volume: volume('v', { claimRef: forData }, { phase: 'Pending' }), plan: 'setPhase Available' },
  {
    name: 'had by its claim',
    volume: volume('v', { claimRef: reference }),
    claim: { spec: { volumeName: 'v' } },
    plan: 'setPhase Bound',
  },
  { name: 'half bound', volume: volume('v', { claimRef: reference }), claim: {}, plan: 'nothing' },
  {
    name: 'half bound in another mode',
    volume: volume('v', { claimRef: reference, volumeMode: 'Block' }),
    claim: {},
    plan: 'tell VolumeMismatch',
  },
  {
    name: 'its claim has another',
    volume: volume('v', { claimRef: reference }),
    claim: { spec: { volumeName: 'w' } },
    plan: 'unbind',
  },
  {
    name: 'made for a claim that has another',
    volume: volume(
      'v',
      { claimRef: reference, persistentVolumeReclaimPolicy: 'Delete' },
      { metadata: { annotations: { [provisionedBy]: 'x.com/y' } } },
    ),
    claim: { spec: { volumeName: 'w' } },
    plan: 'setPhase Released',
  },
  { name: 'left behind', volume: volume('v', released, { phase: 'Bound' }), plan: 'setPhase Released' },
  { name: 'left to an heir', volume: volume('v', released, { phase: 'Bound' }), claim: {}, plan: 'setPhase Released' },
  { name: 'kept', volume: volume('v', released, { phase: 'Released' }), plan: 'nothing' },
  {
    name: 'deleted by nobody',
    volume: volume('v', { ...released, persistentVolumeReclaimPolicy: 'Delete' }, { phase: 'Released' }),
    plan: 'setPhase Failed VolumeFailedDelete',
  },
  {
    name: 'deleted, and nothing is left of it',
    volume: volume(
      'v',
      { ...released, persistentVolumeReclaimPolicy: 'Delete', hostPath: { path: '/tmp/v' } },
      { phase: 'Released' },
    ),
    plan: 'delete',
  },
  {
    name: 'deleted by its driver',
    volume: volume(
      'v',
      { ...released, persistentVolumeReclaimPolicy: 'Delete', csi: { driver: 'x', volumeHandle: 'h' } },
      { phase: 'Released' },
    ),
    plan: 'nothing',
  },
  {
    name: 'recycled while pods use it',
    volume: volume('v', { ...released, persistentVolumeReclaimPolicy: 'Recycle' }, { phase: 'Released' }),
    users: ['default/p'],
    plan: 'wait VolumeFailedRecycle',
  },
  {
    name: 'recycled',
    volume: volume('v', { ...released, persistentVolumeReclaimPolicy: 'Recycle' }, { phase: 'Released' }),
    plan: 'setPhase Failed VolumeFailedRecycle',
  },
  {
    name: 'failed before',
    volume: volume('v', { ...released, persistentVolumeReclaimPolicy: 'Recycle' }, { phase: 'Failed' }),
    plan: 'nothing',
  },
]

for (const row of volumes) {
  test(`a volume: ${row.name}`, () => {
    const found = row.claim === undefined ? undefined : claim(row.claim)
    const plan = planVolume(row.volume, found, row.users ?? [])
    const phase = plan.do === 'setPhase' ? [plan.phase] : []
    const note = 'note' in plan && plan.note !== undefined ? [plan.note.reason] : []
    assert.equal([plan.do, ...phase, ...note].join(' '), row.plan)
  })
}

test('a claim is looked up again before its volume is given up, once', () => {
  const bound = volume('v', released, { phase: 'Bound' })
  assert.equal(givesUpClaim(bound, undefined), true)
  assert.equal(givesUpClaim(bound, claim()), true)
  assert.equal(givesUpClaim(volume('v', released, { phase: 'Released' }), undefined), false)
  assert.equal(givesUpClaim(volume('v', { claimRef: reference }, { phase: 'Bound' }), claim()), false)
  assert.equal(givesUpClaim(volume('v', { claimRef: forData }), undefined), false)
})

test('what binds is written down once, and taken back to what a person wished', () => {
  const free = boundVolume(volume('v'), claim(), reference)
  assert.deepEqual([free.spec.claimRef, free.metadata.annotations], [reference, { [boundByController]: 'yes' }])
  assert.equal(boundVolume(free, claim(), reference), free)
  assert.deepEqual(unboundVolume(free), volume('v'))
  const kept = boundVolume(volume('v', { claimRef: forData }), claim(), reference)
  assert.deepEqual([kept.spec.claimRef, kept.metadata.annotations], [reference, undefined])
  assert.deepEqual(unboundVolume(kept), volume('v', { claimRef: forData }))
  const bound = boundClaim(claim(), volume('v'))
  assert.deepEqual(
    [bound.spec.volumeName, bound.metadata.annotations],
    ['v', { [boundByController]: 'yes', [bindCompleted]: 'yes' }],
  )
  assert.equal(boundClaim(bound, volume('v')), bound)
  const wished = boundClaim(claim({ spec: { volumeName: 'v' } }), volume('v'))
  assert.deepEqual(wished.metadata.annotations, { [bindCompleted]: 'yes' })
})

test('a bound claim keeps its size when the volume grows, for its file system grows later', () => {
  const bound = claimStatus(claim(), 'Bound', volume('v'))
  assert.deepEqual(bound, { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage: '2Gi' } })
  const grown = volume('v', { capacity: { storage: '4Gi' } })
  assert.deepEqual(claimStatus(claim({ status: bound }), 'Bound', grown), bound)
  assert.deepEqual(claimStatus(claim({ status: bound }), 'Lost'), { phase: 'Lost' })
})

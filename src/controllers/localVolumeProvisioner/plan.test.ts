import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Node } from '#api/core/v1/node.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import { directoryRemoved, nodeAnnotation } from '#machinery/localVolumes.ts'
import { provisionedBy, provisionerFinalizer, selectedNode, storageProvisioner } from '#machinery/volumeBinding.ts'
import { planProvisioning, planReclaim } from './plan.ts'

const provisioner = 'k8ts.dev/local'

function claim(
  spec: Partial<PersistentVolumeClaim['spec']> = {},
  annotations: Record<string, string> = {},
): PersistentVolumeClaim {
  const asked = { [storageProvisioner]: provisioner, [selectedNode]: 'n1', ...annotations }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default', uid: 'u1', annotations: asked },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } }, ...spec },
  }
}

function storageClass(rest: Partial<StorageClass> = {}): StorageClass {
  return { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'standard' }, provisioner, ...rest }
}

const nodes: Readonly<Record<string, Node>> = {
  n1: {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: 'n1', labels: { 'kubernetes.io/hostname': 'host-1' } },
    spec: {},
  },
}
const around = (is: StorageClass | undefined = storageClass()) => ({
  storageClass: is,
  nodeOf: (name: string) => nodes[name],
  folderOf: (node: string) => `/volumes/${node}`,
})

test('a directory of the chosen node is made for a claim', () => {
  const plan = planProvisioning(claim(), around(storageClass({ mountOptions: ['noatime'] })))
  assert.deepEqual(plan, {
    do: 'create',
    volume: {
      metadata: {
        name: 'pvc-u1',
        annotations: { [provisionedBy]: provisioner, [nodeAnnotation]: 'n1' },
        finalizers: [provisionerFinalizer],
      },
      spec: {
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '2Gi' },
        claimRef: { kind: 'PersistentVolumeClaim', namespace: 'default', name: 'data', uid: 'u1', apiVersion: 'v1' },
        local: { path: '/volumes/n1/pvc-u1' },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['host-1'] }] },
            ],
          },
        },
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: 'standard',
        volumeMode: 'Filesystem',
        mountOptions: ['noatime'],
      },
    },
  })
})

const refusals: readonly { readonly name: string; readonly claim: PersistentVolumeClaim; readonly plan: string }[] = [
  { name: 'for another provisioner', claim: claim({}, { [storageProvisioner]: 'x' }), plan: 'nothing' },
  { name: 'that has a volume', claim: claim({ volumeName: 'v' }), plan: 'nothing' },
  { name: 'of raw storage', claim: claim({ volumeMode: 'Block' }), plan: 'refuse' },
  { name: 'for many nodes', claim: claim({ accessModes: ['ReadOnlyMany'] }), plan: 'refuse' },
  { name: 'with a selector', claim: claim({ selector: {} }), plan: 'refuse' },
  { name: 'with a source', claim: claim({ dataSource: { kind: 'PersistentVolumeClaim', name: 'c' } }), plan: 'refuse' },
  { name: 'on a node that is not there', claim: claim({}, { [selectedNode]: 'n9' }), plan: 'refuse reschedule' },
]

for (const row of refusals) {
  test(`a claim ${row.name}`, () => {
    const plan = planProvisioning(row.claim, around())
    assert.equal(plan.do === 'refuse' && plan.reschedule === true ? 'refuse reschedule' : plan.do, row.plan)
  })
}

test('without a node a claim is refused, unless one is about to be chosen', () => {
  const { [selectedNode]: _node, ...annotations } = claim().metadata.annotations!
  const unplaced = { ...claim(), metadata: { ...claim().metadata, annotations } }
  assert.equal(planProvisioning(unplaced, around()).do, 'refuse')
  const later = storageClass({ volumeBindingMode: 'WaitForFirstConsumer' })
  assert.equal(planProvisioning(unplaced, around(later)).do, 'nothing')
})

const held = [provisionerFinalizer]
const going = { deletionTimestamp: '2026-01-01T00:00:00Z' }
const volumes: readonly {
  readonly name: string
  readonly metadata?: Partial<PersistentVolume['metadata']>
  readonly policy?: 'Delete' | 'Retain'
  readonly status: PersistentVolume['status']
  readonly plan: object
}[] = [
  { name: 'in use', metadata: { finalizers: held }, status: { phase: 'Bound' }, plan: { do: 'nothing' } },
  { name: 'in use and not held', status: { phase: 'Bound' }, plan: { do: 'setFinalizers', finalizers: held } },
  {
    name: 'to be kept',
    metadata: { finalizers: ['x', ...held] },
    policy: 'Retain',
    status: { phase: 'Bound' },
    plan: { do: 'setFinalizers', finalizers: ['x'] },
  },
  {
    name: 'waiting for its node',
    metadata: { finalizers: held },
    status: { phase: 'Released' },
    plan: { do: 'nothing' },
  },
  {
    name: 'removed',
    metadata: { finalizers: held },
    status: { phase: 'Released', reason: directoryRemoved },
    plan: { do: 'delete' },
  },
  {
    name: 'removed and deleted',
    metadata: { finalizers: held, ...going },
    status: { phase: 'Released', reason: directoryRemoved },
    plan: { do: 'setFinalizers', finalizers: [] },
  },
  {
    name: 'said to be removed while in use',
    metadata: { finalizers: held, ...going },
    status: { phase: 'Bound', reason: directoryRemoved },
    plan: { do: 'nothing' },
  },
  {
    name: 'of a node that is gone',
    metadata: { finalizers: held, annotations: { [provisionedBy]: provisioner, [nodeAnnotation]: 'n9' } },
    status: { phase: 'Released' },
    plan: { do: 'lament', node: 'n9' },
  },
  {
    name: "somebody else's",
    metadata: { finalizers: held, annotations: { [provisionedBy]: 'x' } },
    status: { phase: 'Released', reason: directoryRemoved },
    plan: { do: 'nothing' },
  },
]

for (const { name, metadata, policy = 'Delete', status, plan } of volumes) {
  test(`a volume ${name}`, () => {
    const annotations = { [provisionedBy]: provisioner, [nodeAnnotation]: 'n1' }
    const volume: PersistentVolume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'v', annotations, ...metadata },
      spec: { local: { path: '/v' }, persistentVolumeReclaimPolicy: policy },
      ...(status && { status }),
    }
    assert.deepEqual(
      planReclaim(volume, (node) => nodes[node] !== undefined),
      plan,
    )
  })
}

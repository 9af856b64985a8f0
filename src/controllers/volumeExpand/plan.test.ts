import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { provisionedBy } from '#machinery/volumeBinding.ts'
import { grownStatus, isSmaller, planExpansion } from './plan.ts'

function claim(storage: string, status: PersistentVolumeClaim['status']): PersistentVolumeClaim {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'data', namespace: 'default', uid: 'u1' },
    spec: { volumeName: 'v', resources: { requests: { storage } } },
    ...(status && { status }),
  }
}

function volume(provisioner: string, uid = 'u1'): PersistentVolume {
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'v', annotations: { [provisionedBy]: provisioner } },
    spec: { capacity: { storage: '1Gi' }, claimRef: { name: 'data', namespace: 'default', uid } },
  }
}

const bound = { phase: 'Bound', capacity: { storage: '1Gi' } } as const
const ours = volume('k8ts.dev/local')
const rows = [
  { name: 'as large as asked for', claim: claim('1Gi', bound), volume: ours, plan: 'nothing' },
  { name: 'larger than asked for', claim: claim('1Mi', bound), volume: ours, plan: 'nothing' },
  { name: 'not bound', claim: claim('2Gi', { phase: 'Pending' }), volume: ours, plan: 'nothing' },
  { name: 'whose volume is gone', claim: claim('2Gi', bound), volume: undefined, plan: 'nothing' },
  {
    name: "whose volume is another's",
    claim: claim('2Gi', bound),
    volume: volume('k8ts.dev/local', 'u2'),
    plan: 'nothing',
  },
  { name: 'on a directory', claim: claim('2Gi', bound), volume: ours, plan: 'grow' },
  { name: 'of a driver', claim: claim('2Gi', bound), volume: volume('example.com/disks'), plan: 'wait' },
] as const

for (const row of rows) {
  test(`a claim ${row.name}`, () => {
    assert.equal(planExpansion(row.claim, row.volume).do, row.plan)
  })
}

test('a grown claim says how large it is, and that nothing is left to do', () => {
  const growing = claim('2Gi', {
    ...bound,
    conditions: [
      { type: 'Resizing', status: 'True' },
      { type: 'Other', status: 'True' },
    ],
    allocatedResourceStatuses: { storage: 'ControllerResizeInProgress' },
  })
  assert.deepEqual(grownStatus(growing, '2Gi'), {
    phase: 'Bound',
    capacity: { storage: '2Gi' },
    allocatedResources: { storage: '2Gi' },
    conditions: [{ type: 'Other', status: 'True' }],
  })
  assert.equal(isSmaller(ours, '2Gi'), true)
  assert.equal(isSmaller(ours, '1Gi'), false)
})

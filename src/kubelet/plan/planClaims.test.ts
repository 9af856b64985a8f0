import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import {
  bindingProblem,
  claimNameOf,
  claimProblem,
  isOfNode,
  modeProblem,
  ownerProblem,
  sourceOf,
  unprocessedMessage,
} from './planClaims.ts'

const claim = (
  metadata: Partial<PersistentVolumeClaim['metadata']> = {},
  phase: 'Bound' | 'Pending' = 'Bound',
  volumeName = 'pv',
): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name: 'c', namespace: 'ns', uid: 'claim', ...metadata },
  spec: { volumeName },
  status: { phase },
})
const volume = (spec: Partial<PersistentVolume['spec']>): PersistentVolume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name: 'pv' },
  spec,
})
const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'ns', uid: 'pod' },
  spec: {
    containers: [
      {
        name: 'c',
        volumeMounts: [{ name: 'files', mountPath: '/f' }],
        volumeDevices: [{ name: 'disk', devicePath: '/d' }],
      },
    ],
  },
}

const problems: readonly [string, string | undefined, string | undefined][] = [
  ['a bound claim', claimProblem(claim()), undefined],
  ['a claim that waits', claimProblem(claim({}, 'Pending')), 'PVC is not bound'],
  [
    'a claim that is being deleted',
    claimProblem(claim({ deletionTimestamp: '2026-01-01T00:00:00Z' })),
    'PVC is being deleted',
  ],
  ['a claim without a volume', claimProblem(claim({}, 'Bound', '')), 'PVC has empty pvc.Spec.VolumeName'],
  ['a volume of the claim', bindingProblem(claim(), volume({ claimRef: { uid: 'claim' } })), undefined],
  [
    'a volume of no claim',
    bindingProblem(claim(), volume({})),
    'found PV object pv but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim',
  ],
  [
    'a volume of an earlier claim of the name',
    bindingProblem(claim(), volume({ claimRef: { uid: 'earlier' } })),
    'found PV object pv but its pv.Spec.ClaimRef.UID earlier does not point to claim.UID claim',
  ],
  [
    'an ephemeral claim of the pod',
    ownerProblem(
      pod,
      claim({ ownerReferences: [{ apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'pod', controller: true }] }),
    ),
    undefined,
  ],
  [
    'a claim that only has the name of an ephemeral one',
    ownerProblem(pod, claim({ name: 'p-v' })),
    'PVC ns/p-v was not created for pod ns/p (pod is not owner)',
  ],
  ['files that are mounted', modeProblem(pod, 'files', {}), undefined],
  ['a device that is a device', modeProblem(pod, 'disk', { volumeMode: 'Block' }), undefined],
  [
    'a device that is mounted',
    modeProblem(pod, 'files', { volumeMode: 'Block' }),
    'volume files has volumeMode Block, but is specified in volumeMounts',
  ],
  [
    'files that are a device',
    modeProblem(pod, 'disk', { volumeMode: 'Filesystem' }),
    'volume disk has volumeMode Filesystem, but is specified in volumeDevices',
  ],
]
for (const [name, problem, expected] of problems) {
  test(`${name}: ${expected ?? 'no problem'}`, () => assert.equal(problem, expected))
}

test('the claim of an ephemeral volume is called like pod and volume', () => {
  assert.equal(claimNameOf(pod, { name: 'v', ephemeral: {} }), 'p-v')
  assert.equal(claimNameOf(pod, { name: 'v', persistentVolumeClaim: { claimName: 'c' } }), 'c')
  assert.equal(claimNameOf(pod, { name: 'v', emptyDir: {} }), undefined)
})

test('a volume is of the nodes that its affinity names', () => {
  const of = volume({
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['n1'] }] }],
      },
    },
  })
  const node = (name: string) => ({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'kubernetes.io/hostname': name } },
    spec: {},
  })
  assert.deepEqual(
    [isOfNode(of, node('n1')), isOfNode(of, node('n2')), isOfNode(volume({}), node('n2'))],
    [true, false, true],
  )
})

test('the source of a bound volume has its name and nothing but its source', () => {
  const bound = volume({ local: { path: '/x' }, accessModes: ['ReadWriteOnce'], mountOptions: ['noexec'] })
  assert.deepEqual(sourceOf(bound), { name: 'pv', local: { path: '/x' } })
})

test('what could not be looked up is told together', () => {
  assert.equal(
    unprocessedMessage(
      new Map([
        ['b', 'error processing PVC ns/b: PVC is not bound'],
        ['a', 'error processing PVC ns/a: PVC is being deleted'],
      ]),
    ),
    'Unable to attach or mount volumes: unmounted volumes=[a b], unattached volumes=[], failed to process volumes=[a b]: error processing PVC ns/b: PVC is not bound; error processing PVC ns/a: PVC is being deleted',
  )
})

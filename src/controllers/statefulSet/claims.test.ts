import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import { claimOwners, claimsFor } from './claims.ts'
import { claim, pod, podOwner, setOf, volumeClaimTemplates, withClaims } from './testSets.ts'

test('a claim is called after its template, the set and the number, and has the labels of template and selector', () => {
  assert.deepEqual(claimsFor(withClaims, 4), [
    {
      metadata: { name: 'data-web-4', namespace: 'default', labels: { kind: 'data', app: 'web' } },
      spec: { accessModes: ['ReadWriteOnce'] },
    },
  ])
})

const setOwner: OwnerReference = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  name: 'web',
  uid: 'set',
  controller: true,
  blockOwnerDeletion: true,
}
const ownPod: OwnerReference = { ...podOwner('pod-0'), blockOwnerDeletion: true }
const foreignOwner: OwnerReference = {
  apiVersion: 'example.com/v1',
  kind: 'Backup',
  name: 'b',
  uid: 'b',
  controller: true,
}
const owners: readonly {
  name: string
  policy: { whenDeleted?: 'Delete'; whenScaled?: 'Delete' }
  wanted?: false
  has: readonly OwnerReference[]
  /** Absent: it stays as it is. */
  gets?: readonly OwnerReference[]
  foreign?: true
}[] = [
  { name: 'kept', policy: {}, has: [] },
  { name: 'kept again', policy: {}, has: [setOwner], gets: [] },
  { name: 'kept beside an owner of another kind', policy: {}, has: [foreignOwner] },
  { name: 'goes with the set', policy: { whenDeleted: 'Delete' }, has: [], gets: [setOwner] },
  {
    name: 'goes with the set, even when scaled away',
    policy: { whenDeleted: 'Delete' },
    wanted: false,
    has: [setOwner],
  },
  { name: 'goes with the pod, but not while that is wanted', policy: { whenScaled: 'Delete' }, has: [] },
  { name: 'goes with the pod', policy: { whenScaled: 'Delete' }, wanted: false, has: [], gets: [ownPod] },
  {
    name: 'goes with both, while the pod is wanted',
    policy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
    has: [],
    gets: [setOwner],
  },
  {
    name: 'goes with both',
    policy: { whenDeleted: 'Delete', whenScaled: 'Delete' },
    wanted: false,
    has: [setOwner],
    gets: [ownPod],
  },
  {
    name: 'owned without being controlled',
    policy: { whenDeleted: 'Delete' },
    has: [{ ...setOwner, controller: false }],
    gets: [setOwner],
  },
  {
    name: 'of an earlier set',
    policy: { whenDeleted: 'Delete' },
    has: [{ ...setOwner, uid: 'before' }],
    foreign: true,
  },
  { name: 'of another controller', policy: { whenDeleted: 'Delete' }, has: [foreignOwner], foreign: true },
  {
    name: 'of another controller too',
    policy: { whenDeleted: 'Delete' },
    has: [foreignOwner, setOwner],
    gets: [foreignOwner],
    foreign: true,
  },
]

for (const row of owners) {
  test(`owners of a claim: ${row.name}`, () => {
    const set = setOf({ volumeClaimTemplates, persistentVolumeClaimRetentionPolicy: row.policy })
    const held = claim('data-web-0', row.has)
    const judged = claimOwners(set, pod(0), 0, row.wanted ?? true, () => held)
    assert.deepEqual(judged, [
      { claim: held, foreign: row.foreign ?? false, ...(row.gets === undefined ? {} : { owners: row.gets }) },
    ])
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Pod } from '#api/core/v1/pod.ts'
import { isSameToNode } from './podStatuses.ts'

const pod: Pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'a',
    namespace: 'default',
    uid: 'u',
    resourceVersion: '1',
    labels: { app: 'a' },
    finalizers: ['f'],
  },
  spec: { containers: [{ name: 'a', image: 'a:1' }] },
  status: { phase: 'Succeeded' },
}

/** The pod after a later write. */
const written = (metadata: Partial<Pod['metadata']>, rest: Partial<Pod> = {}): Pod => ({
  ...structuredClone(pod),
  ...rest,
  metadata: { ...pod.metadata, resourceVersion: '2', ...metadata },
})

const rows: readonly { name: string; after: Pod; same: boolean }[] = [
  { name: 'nothing', after: written({}), same: true },
  { name: 'its finalizers', after: written({ finalizers: [] }), same: true },
  { name: 'its labels', after: written({ labels: { app: 'b' } }), same: false },
  { name: 'its annotations', after: written({ annotations: { a: 'b' } }), same: false },
  { name: 'its deletion', after: written({ deletionTimestamp: '2026-01-01T00:00:00Z' }), same: false },
  { name: 'its grace', after: written({ deletionGracePeriodSeconds: 0 }), same: false },
  { name: 'its identity', after: written({ uid: 'v' }), same: false },
  { name: 'its image', after: written({}, { spec: { containers: [{ name: 'a', image: 'a:2' }] } }), same: false },
  { name: 'its status', after: written({}, { status: { phase: 'Failed' } }), same: false },
]

for (const { name, after, same } of rows) {
  test(`of a pod was changed to its node: ${name}`, () => assert.equal(isSameToNode(pod, after), same))
}

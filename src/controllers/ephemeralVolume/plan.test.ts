import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { planEphemeral } from './plan.ts'

const spec = { accessModes: ['ReadWriteOnce' as const], resources: { requests: { storage: '1Gi' } } }
const owner = { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'p1', controller: true, blockOwnerDeletion: true }

function pod(metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'web', namespace: 'default', uid: 'p1', ...metadata },
    spec: {
      containers: [],
      volumes: [
        { name: 'plain', emptyDir: {} },
        { name: 'cache', ephemeral: { volumeClaimTemplate: { metadata: { labels: { a: 'b' } }, spec } } },
        { name: 'more', ephemeral: { volumeClaimTemplate: { spec } } },
      ],
    },
  }
}

function claim(
  name: string,
  ownerReferences: PersistentVolumeClaim['metadata']['ownerReferences'],
): PersistentVolumeClaim {
  const metadata = { name, namespace: 'default', ...(ownerReferences && { ownerReferences }) }
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec }
}

test('a pod gets a claim for each ephemeral volume, which goes with it', () => {
  const metadata = (name: string) => ({ name, namespace: 'default', ownerReferences: [owner] })
  assert.deepEqual(
    planEphemeral(pod(), () => undefined),
    [
      { do: 'create', volume: 'cache', claim: { metadata: { ...metadata('web-cache'), labels: { a: 'b' } }, spec } },
      { do: 'create', volume: 'more', claim: { metadata: metadata('web-more'), spec } },
    ],
  )
})

test('a claim that is there is kept, one of somebody else is never taken', () => {
  const own = (name: string) => claim(name, [owner])
  assert.deepEqual(planEphemeral(pod(), own), [])
  assert.deepEqual(
    planEphemeral(pod(), (name) => claim(name, undefined)),
    [
      {
        do: 'refuse',
        volume: 'cache',
        problem: 'PVC default/web-cache was not created for pod default/web (pod is not owner)',
      },
    ],
  )
})

test('a pod on its way out gets nothing', () => {
  assert.deepEqual(
    planEphemeral(pod({ deletionTimestamp: '2026-01-01T00:00:00Z' }), () => undefined),
    [],
  )
})

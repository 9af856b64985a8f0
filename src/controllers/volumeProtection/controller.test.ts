import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { ControllerContext } from '../context.ts'
import { claimProtectionController } from './controller.ts'

const claim = {
  kind: 'PersistentVolumeClaim',
  metadata: {
    name: 'data',
    namespace: 'default',
    finalizers: ['kubernetes.io/pvc-protection'],
    deletionTimestamp: '2026-01-01T00:00:00Z',
  },
} as unknown as KubeObject
const pod = {
  metadata: { name: 'p', namespace: 'default' },
  spec: { nodeName: 'n', volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] },
} as unknown as KubeObject

/** Which finalizers are left of the claim when the copies know of no pod and the server has these. */
async function finalizersLeft(pods: readonly KubeObject[]): Promise<readonly string[]> {
  let left = claim.metadata.finalizers ?? []
  const context = {
    client: {
      listAll: async () => ({ items: pods, resourceVersion: '1' }),
      update: async (_resource: Resource, changed: KubeObject) => {
        left = changed.metadata.finalizers ?? []
        return changed
      },
    },
    informers: { of: () => ({ get: () => claim, addIndex: () => {}, byIndex: () => [] }) },
  } as unknown as ControllerContext
  await claimProtectionController(context).reconcile('default/data', new AbortController().signal)
  return left
}

test('a claim goes only once the server itself knows of no pod that uses it', async () => {
  assert.deepEqual(await finalizersLeft([pod]), ['kubernetes.io/pvc-protection'])
  assert.deepEqual(await finalizersLeft([]), [])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments, type Deployment } from '#api/apps/v1/deployment.ts'
import type { ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { Causes } from '#client/causes.ts'
import type { Patch } from '#client/client.ts'
import { SimulatedClock } from '#lib/clock.ts'
import type { ControllerContext } from '../context.ts'
import { deploymentController } from './controller.ts'

const labels = { app: 'web' }
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', generation: 1 },
  spec: {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [] } },
  },
} as unknown as Deployment

test('a Deployment goes on from what was written of it, although the copy is late', async () => {
  const written: unknown[] = []
  const clock = new SimulatedClock()
  const none = { get: () => undefined, resourceVersion: '1', addIndex: () => {}, byIndex: () => [], groups: () => [] }
  const context = {
    client: {
      create: async (_resource: Resource, set: ReplicaSet) => set,
      patchStatus: async (
        _resource: Resource,
        _at: KubeObject['metadata'],
        { body }: Extract<Patch, { type: 'merge' }>,
      ) => {
        const { metadata, status } = body as Pick<Deployment, 'metadata' | 'status'>
        written.push(metadata.resourceVersion)
        return { ...deployment, metadata: { ...deployment.metadata, ...metadata, resourceVersion: '2' }, status }
      },
    },
    clock,
    causes: new Causes(clock),
    events: { recorder: () => ({ record: () => {} }) },
    informers: { of: ({ kind }: Resource) => (kind === deployments.kind ? { ...none, get: () => deployment } : none) },
  } as unknown as ControllerContext
  const controller = deploymentController(context)
  const { signal } = new AbortController()
  await controller.reconcile('default/web', signal)
  await controller.reconcile('default/web', signal)
  assert.deepEqual(written, ['1'])
})

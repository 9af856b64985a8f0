import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import { Causes } from '#client/causes.ts'
import type { Patch } from '#client/client.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { controllerMetrics } from '../metrics.ts'
import { MetricRegistry } from '#lib/metrics.ts'
import type { ControllerContext } from '../context.ts'
import { replicaSetController } from './controller.ts'

const labels = { app: 'web' }
const set: ReplicaSet = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: { name: 'web', namespace: 'default', uid: 'u', resourceVersion: '1', generation: 1 },
  spec: {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [] } },
  },
}
const resized: ReplicaSet = {
  ...set,
  metadata: { ...set.metadata, resourceVersion: '2', generation: 2 },
  spec: { ...set.spec, replicas: 2 },
}

test('a status is written once, also when the size changes meanwhile and the copy is late', async () => {
  let copy = set
  let status: Partial<ReplicaSet['status']> = {}
  const written: unknown[] = []
  const clock = new SimulatedClock()
  const setCopies = { get: () => copy, resourceVersion: '1', addIndex: () => {}, byIndex: () => [] }
  const podCopies = {
    get: () => undefined,
    resourceVersion: '1',
    addIndex: () => {},
    byIndex: () => [],
    groups: () => [],
  }
  const context = {
    client: {
      create: async (_resource: Resource, pod: Pod) => {
        copy = resized
        return { ...pod, metadata: { ...pod.metadata, resourceVersion: '9' } }
      },
      patchStatus: async (
        _resource: Resource,
        _at: KubeObject['metadata'],
        { body }: Extract<Patch, { type: 'merge' }>,
      ) => {
        written.push(body)
        status = { ...status, ...(body as Pick<ReplicaSet, 'status'>).status }
        return { ...resized, metadata: { ...resized.metadata, resourceVersion: '3' }, status }
      },
    },
    clock,
    causes: new Causes(clock),
    metrics: controllerMetrics(new MetricRegistry()),
    events: { recorder: () => ({ record: () => {} }) },
    informers: { of: ({ kind }: Resource) => (kind === replicaSets.kind ? setCopies : podCopies) },
  } as unknown as ControllerContext
  const controller = replicaSetController(context)
  const { signal } = new AbortController()
  await controller.reconcile('default/web', signal)
  // Counted for the size that was seen: the one of the next revision is looked at next.
  const first = { metadata: { resourceVersion: '2' }, status: { replicas: 0, observedGeneration: 1 } }
  assert.deepEqual(written, [first])
  await controller.reconcile('default/web', signal)
  await controller.reconcile('default/web', signal)
  const second = { metadata: { resourceVersion: '3' }, status: { observedGeneration: 2 } }
  assert.deepEqual(written, [first, second])
})

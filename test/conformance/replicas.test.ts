// ReplicaSets and ReplicationControllers.
import assert from 'node:assert/strict'
import { replicaSets, type ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { pods } from '#api/core/v1/pod.ts'
import { replicationControllers, type ReplicationController } from '#api/core/v1/replicationController.ts'
import { resourceQuotas } from '#api/core/v1/resourceQuota.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Draft } from '#client/client.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { controllerOf } from '#machinery/owners.ts'
import type { SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { conformance } from './conformance.ts'
import { namespace, watching } from './lifeCycle.ts'
import {
  at,
  imagePatch,
  labels,
  mergePatch,
  podsOf,
  replicasPatch,
  selector,
  templateOf,
  untilHolds,
  withNodes,
} from './workloads.ts'

const controller = (replicas: number, name = 'shown'): Draft<ReplicationController> => ({
  metadata: { ...at(name), labels },
  spec: { replicas, selector: labels, template: templateOf() },
})

const set = (replicas: number, name = 'shown'): Draft<ReplicaSet> => ({
  metadata: { ...at(name), labels },
  spec: { replicas, selector, template: templateOf() },
})

interface Scale {
  readonly spec: { readonly replicas: number }
  readonly status: { readonly replicas: number; readonly selector: string }
}

type Replicated = KubeObject & {
  readonly status?: { readonly replicas: number; readonly readyReplicas?: number; readonly availableReplicas?: number }
}

/** Reads the scale, doubles it and waits for the pods. */
async function showScale<T extends Replicated>(cluster: SimulatedCluster, resource: Resource<T>): Promise<void> {
  const { client } = cluster
  await untilHolds(cluster, resource, 'shown', ({ status }) => status?.readyReplicas === 1)
  const scale = await client.getSubresource<Scale>(resource, at('shown'), 'scale')
  assert.deepEqual([scale.spec.replicas, scale.status], [1, { replicas: 1, selector: 'app=shown' }])
  await client.updateSubresource(resource, at('shown'), 'scale', { ...scale, spec: { replicas: 2 } })
  await untilHolds(cluster, resource, 'shown', ({ status }) => status?.readyReplicas === 2)
  await client.patchSubresource(resource, at('shown'), 'scale', replicasPatch(4))
  await untilHolds(cluster, resource, 'shown', ({ status }) => status?.readyReplicas === 4)
}

/** A pod that is there already becomes one of the owner's. */
async function showAdoption<T extends KubeObject>(
  cluster: SimulatedCluster,
  resource: Resource<T>,
  draft: Draft<T>,
): Promise<void> {
  const { client } = cluster
  await client.create(pods, { metadata: { ...at('orphan'), labels }, spec: templateOf().spec })
  await client.create(resource, draft)
  const adopted = await untilHolds(cluster, pods, 'orphan', (pod) => controllerOf(pod) !== undefined)
  assert.equal(controllerOf(adopted)?.uid, (await client.get(resource, at('shown'))).metadata.uid)
  await cluster.clock.advance('10s')
  assert.equal((await podsOf(cluster)).length, 1)
}

/** A pod that loses the label is let go, and replaced. */
async function showRelease(cluster: SimulatedCluster): Promise<void> {
  const [pod] = await podsOf(cluster)
  await cluster.client.patch(pods, pod!.metadata, mergePatch({ metadata: { labels: { app: 'released' } } }))
  await untilHolds(cluster, pods, pod!.metadata.name, (each) => controllerOf(each) === undefined)
  await cluster.until(async () => (await podsOf(cluster)).length === 1)
}

conformance('[sig-apps] ReplicationController should adopt matching pods on creation', () =>
  withNodes((cluster) => showAdoption(cluster, replicationControllers, controller(1))),
)

conformance('[sig-apps] ReplicationController should release no longer matching pods', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(replicationControllers, controller(1))
    await untilHolds(cluster, replicationControllers, 'shown', ({ status }) => status?.replicas === 1)
    await showRelease(cluster)
  }),
)

conformance('[sig-apps] ReplicationController should get and update a ReplicationController scale', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(replicationControllers, controller(1))
    await showScale(cluster, replicationControllers)
  }),
)

conformance('[sig-apps] ReplicationController should test the lifecycle of a ReplicationController', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    const where = { namespace, labelSelector: 'app=shown' }
    await using seen = watching(client, replicationControllers, where, '0')
    await client.create(replicationControllers, controller(1))
    await untilHolds(cluster, replicationControllers, 'shown', ({ status }) => status?.readyReplicas === 1)

    await client.patch(replicationControllers, at('shown'), mergePatch({ metadata: { labels: { more: 'patched' } } }))
    const before = await client.patchStatus(
      replicationControllers,
      at('shown'),
      mergePatch({ status: { readyReplicas: 0, availableReplicas: 0 } }),
    )
    assert.equal(before.status?.readyReplicas ?? 0, 0)
    const asRead = await client.getSubresource<ReplicationController>(replicationControllers, at('shown'), 'status')
    assert.equal(asRead.metadata.labels?.['more'], 'patched')
    await untilHolds(cluster, replicationControllers, 'shown', ({ status }) => status?.readyReplicas === 1)

    await client.patch(replicationControllers, at('shown'), replicasPatch(2))
    const scaled = await untilHolds(
      cluster,
      replicationControllers,
      'shown',
      ({ status }) => status?.availableReplicas === 2,
    )
    assert.equal((await client.list(replicationControllers, where)).items.length, 1)
    const annotations = { cycle: 'updated' }
    await client.update(replicationControllers, { ...scaled, metadata: { ...scaled.metadata, annotations } })
    await client.deleteCollection(replicationControllers, where, { propagationPolicy: 'Background' })
    const told = await seen.until((events) => events.includes('DELETED shown'))
    assert.deepEqual([told[0], told.at(-1)], ['ADDED shown', 'DELETED shown'])
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
  }),
)

conformance(
  '[sig-apps] ReplicationController should surface a failure condition on a common issue like exceeded quota',
  () =>
    withNodes(async (cluster) => {
      const { client } = cluster
      await client.create(resourceQuotas, { metadata: at('two'), spec: { hard: { pods: '2' } } })
      await untilHolds(cluster, resourceQuotas, 'two', ({ status }) => status?.hard?.['pods'] === '2')
      await client.create(replicationControllers, controller(3))
      const failureOf = ({ status }: ReplicationController) => conditionOf(status?.conditions, 'ReplicaFailure')
      const failing = await untilHolds(
        cluster,
        replicationControllers,
        'shown',
        (each) => failureOf(each) !== undefined,
      )
      const { reason, message } = failureOf(failing)!
      assert.equal(reason, 'FailedCreate')
      assert.match(
        message!,
        /^pods "shown-\w{5}" is forbidden: exceeded quota: two, requested: pods=1, used: pods=2, limited: pods=2$/,
      )
      await client.patch(replicationControllers, at('shown'), replicasPatch(2))
      await untilHolds(cluster, replicationControllers, 'shown', (each) => failureOf(each) === undefined)
    }),
)

conformance('[sig-apps] ReplicaSet should adopt matching pods on creation and release no longer matching pods', () =>
  withNodes(async (cluster) => {
    await showAdoption(cluster, replicaSets, set(1))
    await showRelease(cluster)
  }),
)

conformance('[sig-apps] ReplicaSet Replicaset should have a working scale subresource', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(replicaSets, set(1))
    await showScale(cluster, replicaSets)
  }),
)

conformance('[sig-apps] ReplicaSet Replace and Patch tests', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(pods, { metadata: { ...at('orphan'), labels }, spec: templateOf().spec })
    await client.create(replicaSets, set(1))
    const first = await untilHolds(cluster, replicaSets, 'shown', ({ status }) => status?.readyReplicas === 1)
    await client.update(replicaSets, { ...first, spec: { ...first.spec, replicas: 2 } })
    await untilHolds(cluster, replicaSets, 'shown', ({ status }) => status?.availableReplicas === 2)
    const { body } = imagePatch('a:2') as { body: { spec: object } }
    await client.patch(replicaSets, at('shown'), { type: 'strategic', body: { spec: { ...body.spec, replicas: 3 } } })
    await untilHolds(cluster, replicaSets, 'shown', ({ status }) => status?.availableReplicas === 3)
    const images = (await podsOf(cluster)).map(({ spec }) => spec.containers[0]!.image)
    assert.deepEqual(images.toSorted(), ['a:1', 'a:1', 'a:2'])
  }),
)

conformance('[sig-apps] ReplicaSet should list and delete a collection of ReplicaSets', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(replicaSets, set(3))
    await untilHolds(cluster, replicaSets, 'shown', ({ status }) => status?.readyReplicas === 3)
    assert.equal((await client.list(replicaSets, { labelSelector: 'app=shown' })).items.length, 1)
    await client.deleteCollection(
      replicaSets,
      { namespace, labelSelector: 'app=shown' },
      { propagationPolicy: 'Background' },
    )
    assert.deepEqual((await client.list(replicaSets, { labelSelector: 'app=shown' })).items, [])
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
  }),
)

conformance('[sig-apps] ReplicaSet should validate Replicaset Status endpoints', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await using seen = watching(client, replicaSets, { namespace, labelSelector: 'app=shown' }, '0')
    await client.create(replicaSets, set(1))
    const settled = await untilHolds(cluster, replicaSets, 'shown', ({ status }) => status?.readyReplicas === 1)
    const asRead = await client.getSubresource<ReplicaSet>(replicaSets, at('shown'), 'status')
    assert.deepEqual(asRead.status, settled.status)
    const lastTransitionTime = '2026-01-01T00:00:00Z'
    const told = { type: 'StatusUpdate', status: 'True', lastTransitionTime, reason: 'E2E', message: 'Set' } as const
    const updated = await client.updateStatus(replicaSets, {
      ...settled,
      status: { ...settled.status!, conditions: [told] },
    })
    assert.deepEqual(updated.status?.conditions, [told])
    const patched = { ...told, type: 'StatusPatched' }
    const body = { status: { conditions: [patched] } }
    await client.patchStatus(replicaSets, at('shown'), { type: 'merge', body })
    const has = (type: string): boolean =>
      seen.events.some((event) => event.type !== 'BOOKMARK' && conditionOf(event.object.status?.conditions, type))
    await seen.until(() => has('StatusUpdate') && has('StatusPatched'))
    await cluster.clock.advance('10s')
    const later = await client.get(replicaSets, at('shown'))
    assert.deepEqual(later.status?.conditions, [patched], 'the controller leaves the conditions of others alone')
  }),
)

// What becomes of the objects of an owner that goes.
import assert from 'node:assert/strict'
import { deployments } from '#api/apps/v1/deployment.ts'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { replicationControllers, type ReplicationController } from '#api/core/v1/replicationController.ts'
import type { OwnerReference } from '#api/meta/v1/objectMeta.ts'
import type { SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { conformance } from './conformance.ts'
import { namespace } from './lifeCycle.ts'
import { at, isThere, labels, mergePatch, podsOf, selector, templateOf, untilHolds, withNodes } from './workloads.ts'

/** Long enough for a collector that does what it must not. */
const patience = '30s'

/** A controller of pods whose pods all run. */
async function withController(cluster: SimulatedCluster, name: string, count: number): Promise<ReplicationController> {
  await cluster.client.create(replicationControllers, {
    metadata: at(name),
    spec: { replicas: count, selector: labels, template: templateOf() },
  })
  return untilHolds(cluster, replicationControllers, name, ({ status }) => status?.readyReplicas === count)
}

/** A deployment with its one set of replicas; the name of that. */
async function withDeployment(cluster: SimulatedCluster): Promise<string> {
  await cluster.client.create(deployments, {
    metadata: at('shown'),
    spec: { replicas: 2, selector, template: templateOf() },
  })
  await untilHolds(cluster, deployments, 'shown', ({ status }) => status?.readyReplicas === 2)
  const { items } = await cluster.client.list(replicaSets, { namespace })
  return items[0]!.metadata.name
}

const ownedBy = (...owners: readonly { readonly kind: string; readonly name: string; readonly uid: string }[]) =>
  mergePatch({
    metadata: { ownerReferences: owners.map((owner): OwnerReference => ({ apiVersion: 'v1', ...owner })) },
  })

const asOwner = (
  kind: string,
  { metadata }: Pod | ReplicationController,
): { readonly kind: string; readonly name: string; readonly uid: string } => ({
  kind,
  name: metadata.name,
  uid: metadata.uid!,
})

conformance('[sig-api-machinery] Garbage collector should delete pods created by rc when not orphaning', () =>
  withNodes(async (cluster) => {
    await withController(cluster, 'shown', 2)
    await cluster.client.delete(replicationControllers, at('shown'), { propagationPolicy: 'Background' })
    assert.equal(await isThere(cluster, replicationControllers, 'shown'), false)
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
  }),
)

conformance('[sig-api-machinery] Garbage collector should orphan pods created by rc if delete options say so', () =>
  withNodes(async (cluster) => {
    await withController(cluster, 'shown', 10)
    await cluster.client.delete(replicationControllers, at('shown'), { propagationPolicy: 'Orphan' })
    await cluster.until(async () => !(await isThere(cluster, replicationControllers, 'shown')))
    await cluster.clock.advance(patience)
    const left = await podsOf(cluster)
    assert.equal(left.length, 10)
    assert.deepEqual(
      left.flatMap(({ metadata }) => metadata.ownerReferences ?? []),
      [],
    )
  }),
)

conformance('[sig-api-machinery] Garbage collector should delete RS created by deployment when not orphaning', () =>
  withNodes(async (cluster) => {
    const set = await withDeployment(cluster)
    await cluster.client.delete(deployments, at('shown'), { propagationPolicy: 'Background' })
    await cluster.until(async () => !(await isThere(cluster, replicaSets, set)))
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
  }),
)

conformance(
  '[sig-api-machinery] Garbage collector should orphan RS created by deployment when deleteOptions.PropagationPolicy is Orphan',
  () =>
    withNodes(async (cluster) => {
      const set = await withDeployment(cluster)
      await cluster.client.delete(deployments, at('shown'), { propagationPolicy: 'Orphan' })
      await cluster.until(async () => !(await isThere(cluster, deployments, 'shown')))
      await cluster.clock.advance(patience)
      const { metadata } = await cluster.client.get(replicaSets, at(set))
      assert.equal(metadata.ownerReferences, undefined)
      assert.equal((await podsOf(cluster)).length, 2)
    }),
)

conformance(
  '[sig-api-machinery] Garbage collector should keep the rc around until all its pods are deleted if the deleteOptions says so',
  () =>
    withNodes(async (cluster) => {
      const { client } = cluster
      await withController(cluster, 'shown', 3)
      const [held] = await podsOf(cluster)
      const holding = (finalizers: readonly string[] | null) =>
        client.patch(pods, at(held!.metadata.name), mergePatch({ metadata: { finalizers } }))
      await holding(['example.com/held'])
      await client.delete(replicationControllers, at('shown'), { propagationPolicy: 'Foreground' })
      await cluster.until(async () => (await podsOf(cluster)).length === 1)
      await cluster.clock.advance(patience)
      const { metadata } = await client.get(replicationControllers, at('shown'))
      assert.deepEqual(metadata.finalizers, ['foregroundDeletion'])
      await holding(null)
      await cluster.until(async () => !(await isThere(cluster, replicationControllers, 'shown')))
      assert.deepEqual(await podsOf(cluster), [])
    }),
)

conformance(
  "[sig-api-machinery] Garbage collector should not delete dependents that have both valid owner and owner that's waiting for dependents to be deleted",
  () =>
    withNodes(async (cluster) => {
      const { client } = cluster
      const goes = await withController(cluster, 'goes', 4)
      const stays = await client.create(replicationControllers, {
        metadata: at('stays'),
        spec: {
          replicas: 0,
          selector: { app: 'other' },
          template: { ...templateOf(), metadata: { labels: { app: 'other' } } },
        },
      })
      const shared = (await podsOf(cluster)).slice(0, 2)
      for (const { metadata } of shared) {
        const references = [
          ...(metadata.ownerReferences ?? []),
          { apiVersion: 'v1', ...asOwner('ReplicationController', stays) },
        ]
        await client.patch(pods, at(metadata.name), mergePatch({ metadata: { ownerReferences: references } }))
      }
      await client.delete(replicationControllers, goes.metadata, { propagationPolicy: 'Foreground' })
      await cluster.until(async () => !(await isThere(cluster, replicationControllers, 'goes')))
      await cluster.clock.advance(patience)
      const left = await podsOf(cluster)
      assert.deepEqual(
        left.map(({ metadata }) => metadata.name).toSorted(),
        shared.map(({ metadata }) => metadata.name).toSorted(),
      )
      for (const { metadata } of left) {
        assert.deepEqual(
          metadata.ownerReferences?.map(({ uid }) => uid),
          [stays.metadata.uid],
        )
        assert.equal(metadata.deletionTimestamp, undefined)
      }
    }),
)

conformance('[sig-api-machinery] Garbage collector should not be blocked by dependency circle', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    const made: Pod[] = []
    for (const name of ['first', 'second', 'third']) {
      const { spec } = templateOf()
      made.push(await client.create(pods, { metadata: { ...at(name), labels }, spec }))
    }
    const [first, second, third] = made as [Pod, Pod, Pod]
    for (const [pod, owner] of [
      [first, third],
      [second, first],
      [third, second],
    ] as const) {
      await client.patch(pods, pod.metadata, ownedBy(asOwner('Pod', owner)))
    }
    await client.delete(pods, first.metadata, { propagationPolicy: 'Foreground' })
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
  }),
)

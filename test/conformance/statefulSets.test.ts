// StatefulSets.
import assert from 'node:assert/strict'
import { statefulSets, type StatefulSet } from '#api/apps/v1/statefulSet.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import type { Draft } from '#client/client.ts'
import { isReady } from '#controllers/podAvailability.ts'
import { conditionOf } from '#machinery/conditions.ts'
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

function statefulSet(replicas: number, spec: Partial<StatefulSet['spec']> = {}): Draft<StatefulSet> {
  return {
    metadata: { ...at('shown'), labels },
    spec: { replicas, serviceName: 'shown', selector, template: templateOf(), ...spec },
  }
}

const untilSettled = (cluster: SimulatedCluster, replicas: number): Promise<StatefulSet> =>
  untilHolds(
    cluster,
    statefulSets,
    'shown',
    ({ metadata, status }) =>
      status?.observedGeneration === metadata.generation &&
      status?.replicas === replicas &&
      (status.readyReplicas ?? 0) === replicas &&
      status.currentRevision === status.updateRevision,
  )

/** Pods are ready as long as somebody says that they are healthy. */
const healthy = 'example.com/healthy'
function gatedTemplate(): PodTemplateSpec {
  const template = templateOf()
  return { ...template, spec: { ...template.spec, readinessGates: [{ conditionType: healthy }] } }
}

async function tellHealth({ client }: SimulatedCluster, name: string, is: boolean): Promise<void> {
  const conditions = [{ type: healthy, status: is ? 'True' : 'False' }]
  await client.patchStatus(pods, at(name), { type: 'strategic', body: { status: { conditions } } })
}

/** Says of a pod whether it is healthy, and waits until its readiness follows. */
async function setHealth(cluster: SimulatedCluster, name: string, is: boolean): Promise<void> {
  await cluster.until(async () => (await podsOf(cluster)).some(({ metadata }) => metadata.name === name))
  await tellHealth(cluster, name, is)
  await untilHolds(cluster, pods, name, (pod) => isReady(pod) === is)
}

const namesOf = (list: readonly Pod[]): string =>
  list
    .map(({ metadata }) => metadata.name)
    .toSorted()
    .join()

const staying = ({ metadata }: Pod): boolean => metadata.deletionTimestamp === undefined

const images = async (cluster: SimulatedCluster): Promise<readonly string[]> =>
  (await podsOf(cluster)).map(({ spec }) => spec.containers[0]!.image!)

/** Follows which pods come and go. */
function follow(cluster: SimulatedCluster): { readonly told: readonly string[] } & Disposable {
  const told: string[] = []
  const subscription = cluster.informers.of(pods).onChange((change) => {
    if (change.new === undefined) told.push(`- ${change.old!.metadata.name}`)
    else if (change.old === undefined) told.push(`+ ${change.new.metadata.name}`)
  })
  // Those that are there are told first.
  told.length = 0
  return { told, [Symbol.dispose]: () => subscription[Symbol.dispose]() }
}

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality Scaling should happen in predictable order and halt if any stateful pod is unhealthy',
  () =>
    withNodes(async (cluster) => {
      const { client, clock } = cluster
      using seen = follow(cluster)
      await client.create(statefulSets, statefulSet(1, { template: gatedTemplate() }))
      await setHealth(cluster, 'shown-0', true)
      await untilSettled(cluster, 1)

      await setHealth(cluster, 'shown-0', false)
      await client.patch(statefulSets, at('shown'), replicasPatch(3))
      await clock.advance('1m')
      assert.equal(namesOf(await podsOf(cluster)), 'shown-0', 'it does not grow past one that is not healthy')
      for (const name of ['shown-0', 'shown-1', 'shown-2']) await setHealth(cluster, name, true)
      await untilSettled(cluster, 3)

      for (const name of ['shown-0', 'shown-1', 'shown-2']) await setHealth(cluster, name, false)
      await client.patch(statefulSets, at('shown'), replicasPatch(0))
      await clock.advance('1m')
      assert.equal((await podsOf(cluster)).filter(staying).length, 3, 'it does not shrink while they are not healthy')
      // The one that goes first is told first: it may be gone as soon as it is healthy.
      for (const name of ['shown-2', 'shown-1', 'shown-0']) await tellHealth(cluster, name, true)
      await untilSettled(cluster, 0)
      const order = '+ shown-0,+ shown-1,+ shown-2,- shown-2,- shown-1,- shown-0'
      assert.equal(seen.told.join(), order)
    }),
)

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality Burst scaling should run to completion even with unhealthy pods',
  () =>
    withNodes(async (cluster) => {
      const { client } = cluster
      await client.create(statefulSets, statefulSet(1, { podManagementPolicy: 'Parallel', template: gatedTemplate() }))
      await setHealth(cluster, 'shown-0', true)
      await untilSettled(cluster, 1)
      await setHealth(cluster, 'shown-0', false)
      await client.patch(statefulSets, at('shown'), replicasPatch(3))
      await cluster.until(async () => namesOf(await podsOf(cluster)) === 'shown-0,shown-1,shown-2')
      assert.deepEqual((await podsOf(cluster)).filter(isReady), [])
      await client.patch(statefulSets, at('shown'), replicasPatch(0))
      await untilSettled(cluster, 0)
    }),
)

conformance('[sig-apps] StatefulSet Basic StatefulSet functionality Should recreate evicted statefulset', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(statefulSets, statefulSet(1))
    await untilSettled(cluster, 1)
    const first = await client.get(pods, at('shown-0'))
    // As a node says of a pod for which it has no room.
    await client.patchStatus(pods, at('shown-0'), mergePatch({ status: { phase: 'Failed', reason: 'OutOfports' } }))
    await cluster.until(async () => {
      const [pod] = await podsOf(cluster)
      return pod !== undefined && pod.metadata.uid !== first.metadata.uid && pod.status?.phase === 'Running'
    })
    assert.equal(namesOf(await podsOf(cluster)), 'shown-0')
    await untilSettled(cluster, 1)
  }),
)

conformance('[sig-apps] StatefulSet Basic StatefulSet functionality should have a working scale subresource', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(statefulSets, statefulSet(1))
    await untilSettled(cluster, 1)
    interface Scale {
      readonly spec: { readonly replicas: number }
      readonly status: { readonly replicas: number; readonly selector: string }
    }
    const scale = await client.getSubresource<Scale>(statefulSets, at('shown'), 'scale')
    assert.deepEqual([scale.spec.replicas, scale.status], [1, { replicas: 1, selector: 'app=shown' }])
    const updated = await client.updateSubresource<Scale>(statefulSets, at('shown'), 'scale', {
      ...scale,
      spec: { replicas: 2 },
    })
    assert.equal(updated.spec.replicas, 2)
    await client.patchSubresource(statefulSets, at('shown'), 'scale', replicasPatch(4))
    await untilSettled(cluster, 4)
  }),
)

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality should list, patch and delete a collection of StatefulSets',
  () =>
    withNodes(async (cluster) => {
      const { client } = cluster
      await client.create(statefulSets, statefulSet(1))
      const first = await untilSettled(cluster, 1)
      const body = {
        metadata: { labels: { more: 'patched' } },
        spec: {
          replicas: 2,
          template: { spec: { containers: [{ name: 'c', image: 'a:2' }], terminationGracePeriodSeconds: 0 } },
        },
      }
      await client.patch(statefulSets, at('shown'), { type: 'strategic', body })
      const patched = await untilSettled(cluster, 2)
      assert.equal(patched.metadata.labels?.['more'], 'patched')
      assert.notEqual(patched.status?.currentRevision, first.status?.currentRevision)
      assert.deepEqual(await images(cluster), ['a:2', 'a:2'])
      assert.equal((await client.list(statefulSets, { labelSelector: 'more=patched' })).items.length, 1)
      const where = { namespace, labelSelector: 'more=patched' }
      await client.deleteCollection(statefulSets, where, { propagationPolicy: 'Background' })
      assert.deepEqual((await client.list(statefulSets, where)).items, [])
      await cluster.until(async () => (await podsOf(cluster)).length === 0)
    }),
)

/** Rolls to a new image and back, and sees each time that pods go from the highest number to the lowest. */
async function showRollout(cluster: SimulatedCluster): Promise<void> {
  const { client } = cluster
  const first = await untilSettled(cluster, 3)
  for (const image of ['a:2', 'a:1']) {
    using seen = follow(cluster)
    await client.patch(statefulSets, at('shown'), imagePatch(image))
    const rolled = await untilSettled(cluster, 3)
    assert.deepEqual(
      seen.told,
      ['shown-2', 'shown-1', 'shown-0'].flatMap((name) => [`- ${name}`, `+ ${name}`]),
    )
    assert.deepEqual(await images(cluster), [image, image, image])
    const back = image === 'a:1'
    assert.equal(rolled.status?.currentRevision === first.status?.currentRevision, back)
    const revisions = (await podsOf(cluster)).map(({ metadata }) => metadata.labels!['controller-revision-hash'])
    assert.deepEqual(new Set(revisions), new Set([rolled.status?.currentRevision]))
  }
}

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality should perform rolling updates and roll backs of template modifications',
  () =>
    withNodes(async (cluster) => {
      await cluster.client.create(statefulSets, statefulSet(3))
      await showRollout(cluster)
    }),
)

conformance(
  '[sig-apps] StatefulSet Basic StatefulSet functionality should perform canary updates and phased rolling updates of template modifications',
  () =>
    withNodes(async (cluster) => {
      const { client, clock } = cluster
      const partition = (number: number) =>
        mergePatch({ spec: { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: number } } } })
      await client.create(statefulSets, statefulSet(3))
      const first = await untilSettled(cluster, 3)
      await client.patch(statefulSets, at('shown'), partition(3))
      await client.patch(statefulSets, at('shown'), imagePatch('a:2'))
      await clock.advance('1m')
      assert.deepEqual(await images(cluster), ['a:1', 'a:1', 'a:1'], 'a partition above all keeps all')

      await client.patch(statefulSets, at('shown'), partition(2))
      await untilHolds(cluster, statefulSets, 'shown', ({ status }) => {
        return status?.updatedReplicas === 1 && status.readyReplicas === 3
      })
      assert.deepEqual(await images(cluster), ['a:1', 'a:1', 'a:2'])
      for (const name of ['shown-0', 'shown-2']) {
        const { uid } = (await client.get(pods, at(name))).metadata
        await client.delete(pods, at(name))
        await cluster.until(async () => {
          const list = await podsOf(cluster)
          return list.filter(isReady).length === 3 && list.every(({ metadata }) => metadata.uid !== uid)
        })
        assert.deepEqual(await images(cluster), ['a:1', 'a:1', 'a:2'], 'pods come back as they were')
      }
      for (const number of [1, 0]) {
        await client.patch(statefulSets, at('shown'), partition(number))
        await untilHolds(cluster, statefulSets, 'shown', ({ status }) => {
          return status?.updatedReplicas === 3 - number && status.readyReplicas === 3
        })
      }
      const last = await untilSettled(cluster, 3)
      assert.deepEqual(await images(cluster), ['a:2', 'a:2', 'a:2'])
      assert.notEqual(last.status?.currentRevision, first.status?.currentRevision)
    }),
)

conformance('[sig-apps] StatefulSet Basic StatefulSet functionality should validate Statefulset Status endpoints', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await using seen = watching(client, statefulSets, { namespace, labelSelector: 'app=shown' }, '0')
    await client.create(statefulSets, statefulSet(1))
    const settled = await untilSettled(cluster, 1)
    const asRead = await client.getSubresource<StatefulSet>(statefulSets, at('shown'), 'status')
    assert.deepEqual(asRead.status, settled.status)
    const lastTransitionTime = '2026-01-01T00:00:00Z'
    const told = { type: 'StatusUpdate', status: 'True', lastTransitionTime, reason: 'E2E', message: 'Set' } as const
    await client.updateStatus(statefulSets, { ...settled, status: { ...settled.status!, conditions: [told] } })
    const patched = { ...told, type: 'StatusPatched' }
    await client.patchStatus(statefulSets, at('shown'), mergePatch({ status: { conditions: [patched] } }))
    const has = (type: string): boolean =>
      seen.events.some((event) => event.type !== 'BOOKMARK' && conditionOf(event.object.status?.conditions, type))
    await seen.until(() => has('StatusUpdate') && has('StatusPatched'))
  }),
)

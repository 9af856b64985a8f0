// Deployments, and budgets that hold evictions back.
import assert from 'node:assert/strict'
import { deployments, type Deployment } from '#api/apps/v1/deployment.ts'
import { replicaSets, type ReplicaSet } from '#api/apps/v1/replicaSet.ts'
import { pods } from '#api/core/v1/pod.ts'
import { podDisruptionBudgets } from '#api/policy/v1/podDisruptionBudget.ts'
import type { Draft } from '#client/client.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { isReason } from '#machinery/status.ts'
import type { SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { conformance } from './conformance.ts'
import { namespace, watching } from './lifeCycle.ts'
import {
  at,
  imagePatch,
  isThere,
  labels,
  mergePatch,
  podsOf,
  replicasPatch,
  selector,
  templateOf,
  untilHolds,
  withNodes,
} from './workloads.ts'

const revision = 'deployment.kubernetes.io/revision'

function deployment(spec: Partial<Deployment['spec']> = {}): Draft<Deployment> {
  return {
    metadata: { ...at('shown'), labels },
    spec: { replicas: 1, selector, template: templateOf(), ...spec },
  }
}

/** A set with pods that the Deployment takes over as those of an earlier template. */
function earlierSet(annotations: Record<string, string> = {}): Draft<ReplicaSet> {
  const spec = { replicas: 1, selector, template: templateOf('a:0') }
  return { metadata: { ...at('earlier'), labels, annotations }, spec }
}

async function withEarlierSet(cluster: SimulatedCluster, annotations?: Record<string, string>): Promise<void> {
  await cluster.client.create(replicaSets, earlierSet(annotations))
  await untilHolds(cluster, replicaSets, 'earlier', ({ status }) => status?.availableReplicas === 1)
}

const untilRolledOut = (cluster: SimulatedCluster, replicas: number): Promise<Deployment> =>
  untilHolds(
    cluster,
    deployments,
    'shown',
    ({ metadata, status }) =>
      status?.observedGeneration === metadata.generation &&
      status?.replicas === replicas &&
      status.updatedReplicas === replicas &&
      status.availableReplicas === replicas,
  )

async function setsOf({ client }: SimulatedCluster): Promise<readonly ReplicaSet[]> {
  return (await client.list(replicaSets, { namespace, labelSelector: 'app=shown' })).items
}

/** The sizes of the sets, by image. */
async function sizesOf(cluster: SimulatedCluster): Promise<Record<string, number>> {
  const sets = (await setsOf(cluster)).toSorted((a, b) => (imageOf(a) < imageOf(b) ? -1 : 1))
  return Object.fromEntries(sets.map((set) => [imageOf(set), set.spec.replicas ?? 1]))
}

const imageOf = ({ spec }: ReplicaSet): string => spec.template!.spec.containers[0]!.image!

conformance('[sig-apps] Deployment RollingUpdateDeployment should delete old pods and create new ones', () =>
  withNodes(async (cluster) => {
    await withEarlierSet(cluster, { [revision]: '3546343826724305832' })
    await cluster.client.create(deployments, deployment())
    const rolled = await untilRolledOut(cluster, 1)
    assert.equal(rolled.metadata.annotations?.[revision], '3546343826724305833')
    assert.deepEqual(await sizesOf(cluster), { 'a:0': 0, 'a:1': 1 })
    assert.equal((await setsOf(cluster)).length, 2)
  }),
)

conformance('[sig-apps] Deployment RecreateDeployment should delete old pods and create new ones', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(deployments, deployment({ strategy: { type: 'Recreate' } }))
    await untilRolledOut(cluster, 1)
    const mixed: string[] = []
    using _watch = cluster.informers.of(pods).onChange(() => {
      const images = new Set(
        cluster.informers
          .of(pods)
          .list({ namespace })
          .map(({ spec }) => spec.containers[0]!.image),
      )
      if (images.size > 1) mixed.push([...images].join())
    })
    await client.patch(deployments, at('shown'), imagePatch('a:2'))
    await untilRolledOut(cluster, 1)
    assert.deepEqual(mixed, [])
    assert.deepEqual(await sizesOf(cluster), { 'a:1': 0, 'a:2': 1 })
  }),
)

conformance('[sig-apps] Deployment deployment should delete old replica sets', () =>
  withNodes(async (cluster) => {
    await withEarlierSet(cluster)
    await cluster.client.create(deployments, deployment({ revisionHistoryLimit: 0 }))
    await untilRolledOut(cluster, 1)
    await cluster.until(async () => (await setsOf(cluster)).length === 1)
    assert.deepEqual(await sizesOf(cluster), { 'a:1': 1 })
  }),
)

conformance('[sig-apps] Deployment deployment should support rollover', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await withEarlierSet(cluster)
    const stuck = templateOf('stuck:1', { 'simulation.k8ts.dev/start-after': '24h' })
    const rollingUpdate = { maxUnavailable: 0, maxSurge: 1 }
    const strategy = { type: 'RollingUpdate', rollingUpdate } as const
    await client.create(deployments, deployment({ template: stuck, strategy, minReadySeconds: 10 }))
    await cluster.until(async () => (await sizesOf(cluster))['stuck:1'] === 1)
    const body = { metadata: { annotations: { 'simulation.k8ts.dev/start-after': null } } }
    const [container] = templateOf('a:2').spec.containers
    const template = { ...body, spec: { containers: [container] } }
    await client.patch(deployments, at('shown'), { type: 'strategic', body: { spec: { template } } })
    await untilRolledOut(cluster, 1)
    await cluster.until(async () => (await podsOf(cluster)).length === 1)
    assert.deepEqual(await sizesOf(cluster), { 'a:0': 0, 'a:2': 1, 'stuck:1': 0 })
  }),
)

conformance('[sig-apps] Deployment deployment should support proportional scaling', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 3, maxUnavailable: 2 } } as const
    await client.create(deployments, deployment({ replicas: 10, strategy }))
    await untilRolledOut(cluster, 10)
    const stuck = mergePatch({
      spec: { template: templateOf('stuck:1', { 'simulation.k8ts.dev/start-after': '24h' }) },
    })
    await client.patch(deployments, at('shown'), stuck)
    await cluster.until(async () => {
      const sizes = await sizesOf(cluster)
      return sizes['a:1'] === 8 && sizes['stuck:1'] === 5
    })
    await untilHolds(cluster, deployments, 'shown', ({ status }) => status?.availableReplicas === 8)
    await client.patch(deployments, at('shown'), replicasPatch(30))
    await cluster.until(async () => {
      const sizes = await sizesOf(cluster)
      return sizes['a:1'] === 20 && sizes['stuck:1'] === 13
    })
  }),
)

conformance('[sig-apps] Deployment Deployment should have a working scale subresource', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(deployments, deployment())
    await untilRolledOut(cluster, 1)
    interface Scale {
      readonly spec: { readonly replicas: number }
    }
    const scale = await client.getSubresource<Scale>(deployments, at('shown'), 'scale')
    assert.equal(scale.spec.replicas, 1)
    await client.updateSubresource(deployments, at('shown'), 'scale', { ...scale, spec: { replicas: 2 } })
    assert.equal((await client.get(deployments, at('shown'))).spec.replicas, 2)
    await client.patchSubresource(deployments, at('shown'), 'scale', replicasPatch(4))
    await untilRolledOut(cluster, 4)
  }),
)

conformance('[sig-apps] Deployment should run the lifecycle of a Deployment', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    const where = { namespace, labelSelector: 'app=shown' }
    await using seen = watching(client, deployments, where, '0')
    await client.create(deployments, deployment({ replicas: 2 }))
    await untilRolledOut(cluster, 2)
    const [container] = templateOf('a:2').spec.containers
    const spec = { replicas: 1, template: { spec: { terminationGracePeriodSeconds: 0, containers: [container] } } }
    await client.patch(deployments, at('shown'), { type: 'strategic', body: { spec } })
    const patched = await untilRolledOut(cluster, 1)
    assert.equal((await client.list(deployments, { labelSelector: 'app=shown' })).items.length, 1)

    const updated = await client.update(deployments, { ...patched, spec: { ...patched.spec, replicas: 2 } })
    assert.equal(updated.spec.replicas, 2)
    const status = mergePatch({ status: { updatedReplicas: 0 } })
    assert.equal((await client.patchStatus(deployments, at('shown'), status)).status?.updatedReplicas ?? 0, 0)
    const rolled = await untilRolledOut(cluster, 2)
    const asRead = await client.getSubresource<Deployment>(deployments, at('shown'), 'status')
    assert.deepEqual(asRead.status, rolled.status)
    const fewer = { ...rolled.status, readyReplicas: 1, availableReplicas: 1 }
    await client.updateStatus(deployments, { ...rolled, status: fewer })
    await untilHolds(cluster, deployments, 'shown', (each) => each.status?.readyReplicas === 2)

    await client.deleteCollection(deployments, where, { propagationPolicy: 'Background' })
    await seen.until((events) => events.includes('DELETED shown'))
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
  }),
)

conformance('[sig-apps] Deployment should validate Deployment Status endpoints', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await using seen = watching(client, deployments, { namespace, labelSelector: 'app=shown' }, '0')
    await client.create(deployments, deployment())
    const rolled = await untilRolledOut(cluster, 1)
    const asRead = await client.getSubresource<Deployment>(deployments, at('shown'), 'status')
    assert.deepEqual(asRead.status, rolled.status)
    const time = '2026-01-01T00:00:00Z'
    const told = {
      type: 'StatusUpdate',
      status: 'True' as const,
      lastUpdateTime: time,
      lastTransitionTime: time,
      reason: 'E2E',
      message: 'Set',
    }
    const conditions = [...(rolled.status?.conditions ?? []), told]
    await client.updateStatus(deployments, { ...rolled, status: { ...rolled.status, conditions } })
    const patched = { ...told, type: 'StatusPatched' }
    await client.patchStatus(deployments, at('shown'), mergePatch({ status: { conditions: [patched] } }))
    const has = (type: string): boolean =>
      seen.events.some((event) => event.type !== 'BOOKMARK' && conditionOf(event.object.status?.conditions, type))
    await seen.until(() => has('StatusUpdate') && has('StatusPatched'))
  }),
)

conformance('[sig-apps] DisruptionController should block an eviction until the PDB is updated to allow it', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(podDisruptionBudgets, { metadata: at('budget'), spec: { minAvailable: 3, selector } })
    const names = ['first', 'second', 'third']
    for (const name of names) {
      await client.create(pods, { metadata: { ...at(name), labels }, spec: templateOf().spec })
    }
    await untilHolds(cluster, podDisruptionBudgets, 'budget', ({ status }) => status?.currentHealthy === 3)
    const evict = (name: string) =>
      client.createSubresource(pods, at(name), 'eviction', {
        apiVersion: 'policy/v1',
        kind: 'Eviction',
        metadata: at(name),
      })
    await assert.rejects(evict('first'), (error) => isReason(error, 'TooManyRequests'))
    assert.ok(await isThere(cluster, pods, 'first'))

    await client.patch(podDisruptionBudgets, at('budget'), mergePatch({ spec: { minAvailable: 2 } }))
    await untilHolds(cluster, podDisruptionBudgets, 'budget', ({ status }) => status?.disruptionsAllowed === 1)
    await evict('first')
    await cluster.until(async () => !(await isThere(cluster, pods, 'first')))
    await untilHolds(cluster, podDisruptionBudgets, 'budget', ({ status }) => status?.currentHealthy === 2)
    await assert.rejects(evict('second'), (error) => isReason(error, 'TooManyRequests'))

    await client.delete(podDisruptionBudgets, at('budget'))
    await evict('second')
    await cluster.until(async () => !(await isThere(cluster, pods, 'second')))
  }),
)

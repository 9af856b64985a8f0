// DaemonSets and the ControllerRevisions that keep their past templates.
import assert from 'node:assert/strict'
import { controllerRevisions, type ControllerRevision } from '#api/apps/v1/controllerRevision.ts'
import { daemonSets, type DaemonSet } from '#api/apps/v1/daemonSet.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Draft } from '#client/client.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { controllerOf } from '#machinery/owners.ts'
import type { SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { conformance } from './conformance.ts'
import { namespace, watching } from './lifeCycle.ts'
import { at, imagePatch, labels, mergePatch, podsOf, selector, templateOf, untilHolds, withNodes } from './workloads.ts'

function daemonSet(spec: Partial<DaemonSet['spec']> = {}): Draft<DaemonSet> {
  return { metadata: { ...at('shown'), labels }, spec: { selector, template: templateOf(), ...spec } }
}

/** Waits until the pods on this many nodes are of the present template and available. */
function untilOn(cluster: SimulatedCluster, count: number): Promise<DaemonSet> {
  return untilHolds(
    cluster,
    daemonSets,
    'shown',
    ({ metadata, status }) =>
      status?.observedGeneration === metadata.generation &&
      status?.desiredNumberScheduled === count &&
      (status.updatedNumberScheduled ?? 0) === count &&
      (status.numberAvailable ?? 0) === count,
  )
}

async function nodesOf(cluster: SimulatedCluster): Promise<readonly string[]> {
  return (await podsOf(cluster)).map(({ spec }) => spec.nodeName ?? '').toSorted()
}

const everywhere = ['simulated-1', 'simulated-2', 'simulated-3']

conformance('[sig-apps] Daemon set should run and stop simple daemon', () =>
  withNodes(async (cluster) => {
    await cluster.client.create(daemonSets, daemonSet())
    await untilOn(cluster, 3)
    assert.deepEqual(await nodesOf(cluster), everywhere)
    const [pod] = await podsOf(cluster)
    await cluster.client.delete(pods, pod!.metadata)
    await cluster.until(async () => (await podsOf(cluster)).every(({ metadata }) => metadata.uid !== pod!.metadata.uid))
    await untilOn(cluster, 3)
    assert.deepEqual(await nodesOf(cluster), everywhere)
  }),
)

conformance('[sig-apps] Daemon set should run and stop complex daemon', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    const template = templateOf()
    const chosen = (color: string) => ({ ...template, spec: { ...template.spec, nodeSelector: { color } } })
    const paint = (color: string) =>
      client.patch(nodes, { name: 'simulated-2' }, mergePatch({ metadata: { labels: { color } } }))
    await client.create(daemonSets, daemonSet({ template: chosen('blue') }))
    await untilOn(cluster, 0)
    await paint('blue')
    await untilOn(cluster, 1)
    assert.deepEqual(await nodesOf(cluster), ['simulated-2'])
    await paint('green')
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
    const updateStrategy = { type: 'RollingUpdate' }
    const body = { spec: { template: chosen('green'), updateStrategy } }
    await client.patch(daemonSets, at('shown'), mergePatch(body))
    await untilOn(cluster, 1)
    assert.deepEqual(await nodesOf(cluster), ['simulated-2'])
  }),
)

conformance('[sig-apps] Daemon set should retry creating failed daemon pods', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet())
    await untilOn(cluster, 3)
    const [pod] = await podsOf(cluster)
    await client.patchStatus(pods, pod!.metadata, mergePatch({ status: { phase: 'Failed' } }))
    await cluster.until(async () => (await podsOf(cluster)).every(({ metadata }) => metadata.uid !== pod!.metadata.uid))
    await untilOn(cluster, 3)
    assert.deepEqual(await nodesOf(cluster), everywhere)
  }),
)

conformance('[sig-apps] Daemon set should update pod when spec was updated and update strategy is RollingUpdate', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet({ updateStrategy: { type: 'RollingUpdate' } }))
    await untilOn(cluster, 3)
    const hashes = async () =>
      new Set((await podsOf(cluster)).map(({ metadata }) => metadata.labels!['controller-revision-hash']))
    const [first] = await hashes()
    const list = () => client.list(controllerRevisions, { namespace, labelSelector: 'app=shown' })
    assert.deepEqual(
      (await list()).items.map(({ metadata, revision }) => [metadata.labels!['controller-revision-hash'], revision]),
      [[first, 1]],
    )
    await client.patch(daemonSets, at('shown'), imagePatch('a:2'))
    await untilOn(cluster, 3)
    const [second, ...more] = await hashes()
    assert.deepEqual(more, [])
    assert.notEqual(second, first)
    const newest = (await list()).items.find(({ revision }) => revision === 2)
    assert.equal(newest?.metadata.labels!['controller-revision-hash'], second)
    assert.ok((await podsOf(cluster)).every(({ spec }) => spec.containers[0]!.image === 'a:2'))
  }),
)

conformance('[sig-apps] Daemon set should rollback without unnecessary restarts', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet({ updateStrategy: { type: 'RollingUpdate' } }))
    await untilOn(cluster, 3)
    const before = await podsOf(cluster)
    const stuck = (after: string | null) =>
      mergePatch({ spec: { template: { metadata: { annotations: { 'simulation.k8ts.dev/start-after': after } } } } })
    await client.patch(daemonSets, at('shown'), stuck('24h'))
    await cluster.until(async () => {
      const changed = (await podsOf(cluster)).filter((pod) => pod.metadata.annotations !== undefined)
      return changed.length === 1
    })
    await cluster.clock.advance('1m')
    const existing = new Set(before.map(({ metadata }) => metadata.uid))
    const kept = (await podsOf(cluster)).filter(({ metadata }) => existing.has(metadata.uid))
    assert.equal(kept.length, 2, 'no more pods are touched than may be unavailable')
    await client.patch(daemonSets, at('shown'), stuck(null))
    await untilOn(cluster, 3)
    const now = new Map((await podsOf(cluster)).map((pod) => [pod.metadata.uid, pod]))
    for (const { metadata } of kept) {
      assert.equal(now.get(metadata.uid)?.status?.containerStatuses?.[0]?.restartCount, 0)
    }
  }),
)

conformance('[sig-apps] Daemon set should list and delete a collection of DaemonSets', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet())
    await untilOn(cluster, 3)
    assert.equal((await client.list(daemonSets, { labelSelector: 'app=shown' })).items.length, 1)
    const where = { namespace, labelSelector: 'app=shown' }
    await client.deleteCollection(daemonSets, where, { propagationPolicy: 'Background' })
    assert.deepEqual((await client.list(daemonSets, where)).items, [])
    await cluster.until(async () => (await podsOf(cluster)).length === 0)
  }),
)

conformance('[sig-apps] Daemon set should verify changes to a daemon set status', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await using seen = watching(client, daemonSets, { namespace, labelSelector: 'app=shown' }, '0')
    await client.create(daemonSets, daemonSet())
    const settled = await untilOn(cluster, 3)
    const asRead = await client.getSubresource<DaemonSet>(daemonSets, at('shown'), 'status')
    assert.deepEqual(asRead.status, settled.status)
    const lastTransitionTime = '2026-01-01T00:00:00Z'
    const told = { type: 'StatusUpdate', status: 'True', lastTransitionTime, reason: 'E2E', message: 'Set' } as const
    await client.updateStatus(daemonSets, { ...settled, status: { ...settled.status!, conditions: [told] } })
    const patched = { ...told, type: 'StatusPatched' }
    await client.patchStatus(daemonSets, at('shown'), mergePatch({ status: { conditions: [patched] } }))
    const has = (type: string): boolean =>
      seen.events.some((event) => event.type !== 'BOOKMARK' && conditionOf(event.object.status?.conditions, type))
    await seen.until(() => has('StatusUpdate') && has('StatusPatched'))
    await cluster.clock.advance('10s')
    assert.deepEqual((await client.get(daemonSets, at('shown'))).status?.conditions, [patched])
  }),
)

conformance('[sig-apps] ControllerRevision should manage the lifecycle of a ControllerRevision', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet())
    const set = await untilOn(cluster, 3)
    const where = { namespace, labelSelector: 'app=shown' }
    const list = async (): Promise<readonly ControllerRevision[]> =>
      (await client.list(controllerRevisions, where)).items
    const [initial, ...more] = await list()
    assert.deepEqual([controllerOf(initial!)?.uid, more], [set.metadata.uid, []])

    const name = initial!.metadata.name
    const body = { metadata: { labels: { [name]: 'patched' } } }
    const patched = await client.patch(controllerRevisions, at(name), { type: 'strategic', body })
    assert.equal(patched.metadata.labels?.[name], 'patched')
    const { ownerReferences } = initial!.metadata
    await client.create(controllerRevisions, {
      metadata: {
        ...at('shown-next'),
        labels: { ...labels, 'controller-revision-hash': 'next' },
        ownerReferences: ownerReferences!,
      },
      data: initial!.data!,
      revision: initial!.revision + 1,
    })
    assert.equal((await list()).length, 2)
    await client.delete(controllerRevisions, at(name))
    const [current, ...others] = await list()
    assert.deepEqual([current!.revision, others], [2, []])
    const updated = await client.update(controllerRevisions, {
      ...current!,
      metadata: { ...current!.metadata, labels: { ...current!.metadata.labels, [current!.metadata.name]: 'updated' } },
    })
    assert.equal(updated.metadata.labels?.[current!.metadata.name], 'updated')

    const spec = { template: { spec: { terminationGracePeriodSeconds: 2 } } }
    await client.patch(daemonSets, at('shown'), { type: 'strategic', body: { spec } })
    await cluster.until(async () => (await list()).length === 2)
    const selected = { namespace, labelSelector: `${updated.metadata.name}=updated` }
    await client.deleteCollection(controllerRevisions, selected)
    const [last, ...rest] = await list()
    assert.deepEqual([last!.revision, rest], [3, []])
  }),
)

/** DaemonSets on simulated nodes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { controllerRevisions } from '#api/apps/v1/controllerRevision.ts'
import { daemonSets, type DaemonSet } from '#api/apps/v1/daemonSet.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Draft } from '#client/client.ts'
import { isReady } from '#controllers/podAvailability.ts'
import type { SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { simulatedNodeSpecs } from '#simulation/simulatedNodeSpecs.ts'
import {
  at,
  eventsOf,
  followWrites,
  imagePatch,
  mergePatch,
  podsOf,
  selector,
  templateOf,
  untilHolds,
  withNodes,
} from '../conformance/workloads.ts'
import { namespace } from './controllersCluster.ts'

function daemonSet(spec: Partial<DaemonSet['spec']> = {}): Draft<DaemonSet> {
  return { metadata: at('agent'), spec: { selector, template: templateOf(), ...spec } }
}

const isSettled =
  (count: number) =>
  ({ metadata, status }: DaemonSet): boolean =>
    status?.observedGeneration === metadata.generation &&
    status?.desiredNumberScheduled === count &&
    status.updatedNumberScheduled === count &&
    status.numberAvailable === count

const settled = (cluster: SimulatedCluster, count: number, limit?: string): Promise<DaemonSet> =>
  untilHolds(cluster, daemonSets, 'agent', isSettled(count), limit)

const nodesOf = (list: readonly Pod[]): readonly string[] => list.map(({ spec }) => spec.nodeName ?? '').toSorted()

test('one pod on each node, on one that joins too, and none on one that is tainted', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.patch(
      nodes,
      { name: 'simulated-1' },
      mergePatch({ spec: { taints: [{ key: 'only', value: 'for-me', effect: 'NoSchedule' }] } }),
    )
    await client.create(daemonSets, daemonSet())
    const first = await settled(cluster, 2)
    assert.deepEqual(nodesOf(await podsOf(cluster)), ['simulated-2', 'simulated-3'])
    assert.deepEqual(first.status, {
      currentNumberScheduled: 2,
      numberMisscheduled: 0,
      desiredNumberScheduled: 2,
      numberReady: 2,
      observedGeneration: 1,
      updatedNumberScheduled: 2,
      numberAvailable: 2,
    })
    cluster.nodes.add(simulatedNodeSpecs({ count: 1, from: 4, podBlocks: 'none' }))
    await settled(cluster, 3, '30s')
    const list = await podsOf(cluster)
    assert.deepEqual(nodesOf(list), ['simulated-2', 'simulated-3', 'simulated-4'])

    const [pod] = list
    const [revision] = (await client.list(controllerRevisions, { namespace })).items
    const hash = revision!.metadata.labels!['controller-revision-hash']
    assert.equal(revision!.metadata.name, `agent-${hash}`)
    assert.deepEqual(pod!.metadata.labels, {
      app: 'shown',
      'controller-revision-hash': hash,
      'pod-template-generation': '1',
    })
    assert.deepEqual(
      pod!.spec.tolerations?.map(({ key, effect }) => `${key}:${effect}`),
      [
        'node.kubernetes.io/not-ready:NoExecute',
        'node.kubernetes.io/unreachable:NoExecute',
        'node.kubernetes.io/disk-pressure:NoSchedule',
        'node.kubernetes.io/memory-pressure:NoSchedule',
        'node.kubernetes.io/pid-pressure:NoSchedule',
        'node.kubernetes.io/unschedulable:NoSchedule',
      ],
    )
    assert.deepEqual(
      new Set((await eventsOf(cluster, 'agent')).map((told) => told.replace(/-\w{5}$/, '-x'))),
      new Set(['SuccessfulCreate Created pod: agent-x']),
    )

    await client.delete(pods, pod!.metadata)
    await cluster.until(async () => {
      const others = (await podsOf(cluster)).filter(({ metadata }) => metadata.uid !== pod!.metadata.uid)
      return others.length === 3 && others.some(({ spec }) => spec.nodeName === pod!.spec.nodeName)
    }, '10s')
    await settled(cluster, 3)
  }))

test('a taint that comes ends the pods that do not tolerate it; a NoSchedule taint leaves them', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet())
    await settled(cluster, 3)
    const taint = (effect: string) => mergePatch({ spec: { taints: [{ key: 'k', effect }] } })
    await client.patch(nodes, { name: 'simulated-1' }, taint('NoSchedule'))
    await untilHolds(cluster, daemonSets, 'agent', ({ status }) => status?.numberMisscheduled === 1)
    await cluster.clock.advance('30s')
    assert.equal((await podsOf(cluster)).length, 3)
    await client.patch(nodes, { name: 'simulated-1' }, taint('NoExecute'))
    await cluster.until(async () => (await podsOf(cluster)).length === 2)
    await untilHolds(cluster, daemonSets, 'agent', ({ status }) => status?.numberMisscheduled === 0)
    await client.patch(nodes, { name: 'simulated-1' }, mergePatch({ spec: { taints: null } }))
    await settled(cluster, 3)
  }))

for (const { name, maxUnavailable, maxSurge, leastReady, mostOnNode } of [
  { name: 'one at a time', maxUnavailable: 1, maxSurge: 0, leastReady: 3, mostOnNode: 1 },
  { name: 'half of them at a time', maxUnavailable: '50%', maxSurge: 0, leastReady: 2, mostOnNode: 1 },
  { name: 'beside the old ones', maxUnavailable: 0, maxSurge: 1, leastReady: 4, mostOnNode: 2 },
] as const) {
  test(`a rollout replaces pods ${name}, and can be undone`, () =>
    withNodes(
      async (cluster) => {
        const { client } = cluster
        const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { maxUnavailable, maxSurge } } as const
        await client.create(daemonSets, daemonSet({ updateStrategy }))
        await settled(cluster, 4)
        const before = new Set((await podsOf(cluster)).map(({ metadata }) => metadata.uid))
        const broken: string[] = []
        using _watch = cluster.informers.of(pods).onChange(() => {
          const list = cluster.informers.of(pods).list({ namespace })
          const ready = new Set(list.filter(isReady).map(({ spec }) => spec.nodeName))
          const crowd = Math.max(
            ...Map.groupBy(list, ({ spec }) => spec.nodeName ?? '')
              .values()
              .map((all) => all.length),
          )
          if (ready.size < leastReady || crowd > mostOnNode) broken.push(`${ready.size} ready, ${crowd} on a node`)
        })
        await client.patch(daemonSets, at('agent'), imagePatch('a:2'))
        await settled(cluster, 4)
        await cluster.until(async () => (await podsOf(cluster)).length === 4)
        const after = await podsOf(cluster)
        assert.ok(after.every(({ metadata, spec }) => !before.has(metadata.uid) && spec.containers[0]!.image === 'a:2'))
        assert.ok(after.every(({ metadata }) => metadata.labels!['pod-template-generation'] === '2'))

        await client.patch(daemonSets, at('agent'), imagePatch('a:1'))
        await settled(cluster, 4)
        assert.deepEqual(broken, [])
        const revisions = (await client.list(controllerRevisions, { namespace })).items
        assert.deepEqual(revisions.map(({ revision }) => revision).toSorted(), [2, 3])
      },
      { nodes: 4 },
    ))
}

test('a rollout that cannot go on stops after its first pods, says why, and goes back without touching the others', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet())
    await settled(cluster, 3)
    const before = new Set((await podsOf(cluster)).map(({ metadata }) => metadata.uid))
    const annotations = { 'simulation.k8ts.dev/crash': 'always' }
    await client.patch(daemonSets, at('agent'), mergePatch({ spec: { template: { metadata: { annotations } } } }))
    await cluster.clock.advance('1m')
    const kept = (await podsOf(cluster)).filter(({ metadata }) => before.has(metadata.uid))
    assert.equal(kept.length, 2)
    const [cause] = cluster.causes.of({ kind: 'DaemonSet', ...at('agent') })
    assert.equal(cause?.reason, 'CrashLoopBackOff')
    assert.match(cause.message, /^The container "c" of pod "agent-\w{5}" ends again and again, last with exit code 1/)
    await client.patch(
      daemonSets,
      at('agent'),
      mergePatch({ spec: { template: { metadata: { annotations: { 'simulation.k8ts.dev/crash': null } } } } }),
    )
    await settled(cluster, 3)
    const stayed = (await podsOf(cluster)).filter(({ metadata }) => before.has(metadata.uid))
    assert.equal(stayed.length, 2)
    assert.deepEqual(cluster.causes.of({ kind: 'DaemonSet', ...at('agent') }), [])
  }))

test('with OnDelete a pod is of the new template once the old one was deleted', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet({ updateStrategy: { type: 'OnDelete' } }))
    await settled(cluster, 3)
    await client.patch(daemonSets, at('agent'), imagePatch('a:2'))
    await cluster.clock.advance('30s')
    const images = async () => (await podsOf(cluster)).map(({ spec }) => spec.containers[0]!.image).toSorted()
    assert.deepEqual(await images(), ['a:1', 'a:1', 'a:1'])
    await client.delete(pods, (await podsOf(cluster))[0]!.metadata)
    await untilHolds(cluster, daemonSets, 'agent', ({ status }) => status?.updatedNumberScheduled === 1)
    assert.deepEqual(await images(), ['a:1', 'a:1', 'a:2'])
  }))

test('a failed pod is replaced, and ever later when the next one fails too', () =>
  withNodes(
    async (cluster) => {
      const { client, clock } = cluster
      await client.create(daemonSets, daemonSet())
      await settled(cluster, 1)
      const replacedAt: number[] = []
      const fail = async (): Promise<void> => {
        const [pod] = (await podsOf(cluster)).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        await client.patchStatus(pods, pod!.metadata, mergePatch({ status: { phase: 'Failed', reason: 'Evicted' } }))
        const began = clock.now()
        while (
          (await podsOf(cluster)).some(
            ({ metadata }) => metadata.uid === pod!.metadata.uid && metadata.deletionTimestamp === undefined,
          )
        ) {
          await clock.advance(100)
        }
        replacedAt.push(Math.round((clock.now() - began) / 100) / 10)
        await cluster.until(async () => (await podsOf(cluster)).some((each) => each.metadata.uid !== pod!.metadata.uid))
        await settled(cluster, 1)
      }
      for (let count = 0; count < 3; count++) await fail()
      assert.deepEqual(
        replacedAt.map((seconds) => seconds > 0.5),
        [false, true, true],
        `${replacedAt}`,
      )
      const told = (await eventsOf(cluster, 'agent')).filter((each) => each.startsWith('FailedDaemonPod'))
      assert.match(
        told[0]!,
        /^FailedDaemonPod Found failed daemon pod default\/agent-\w{5} on node simulated-1, will try to kill it$/,
      )
      assert.equal(told.length, 3)
    },
    { nodes: 1 },
  ))

test('old revisions go when there are more than are to be kept, but not those that pods still have', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet({ revisionHistoryLimit: 1 }))
    for (const image of ['a:2', 'a:3', 'a:4']) {
      await settled(cluster, 3)
      await client.patch(daemonSets, at('agent'), imagePatch(image))
    }
    await settled(cluster, 3)
    await cluster.until(async () => {
      const { items } = await client.list(controllerRevisions, { namespace })
      return (
        items
          .map(({ revision }) => revision)
          .toSorted()
          .join() === '3,4'
      )
    })
  }))

test('at rest nothing is written, and what goes takes its pods and revisions along', () =>
  withNodes(async (cluster) => {
    const { client } = cluster
    await client.create(daemonSets, daemonSet({ minReadySeconds: 5 }))
    await settled(cluster, 3)
    await cluster.clock.advance('1m')
    const written = await followWrites(cluster)
    await cluster.clock.advance('1h')
    assert.deepEqual(await written(), new Map())
    await client.delete(daemonSets, at('agent'), { propagationPolicy: 'Foreground' })
    await cluster.until(async () => {
      const revisions = await client.list(controllerRevisions, { namespace })
      return (await podsOf(cluster)).length === 0 && revisions.items.length === 0
    })
  }))

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { counted } from '#controllers/metricsFixture.ts'
import { nodeLifecycleController } from '#controllers/nodeLifecycle/controller.ts'
import { serviceAccountController } from '#controllers/serviceAccount/controller.ts'
import { taintEvictionController } from '#controllers/taintEviction/controller.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { timeText } from '#machinery/time.ts'
import { namespace, startCluster, type TestCluster } from './controllersCluster.ts'

const controllers = [serviceAccountController, nodeLifecycleController]

const taintsOf = async ({ client }: TestCluster, name: string): Promise<readonly string[]> =>
  ((await client.get(nodes, { name })).spec.taints ?? []).map(({ key, effect }) => `${key.split('/')[1]}:${effect}`)

test('pods are driven out of a silent node, and out of none while all are silent', async () => {
  // Kubelets that are silent say nothing of their pods either.
  let isHeard = true
  const becomesReady = (): boolean => isHeard
  await using cluster = await startCluster({ controllers, nodes: ['n1', 'n2'], podDelay: () => 100, becomesReady })
  const { client, clock } = cluster
  await clock.advance('1s')
  const spec = {
    nodeName: 'n1',
    containers: [{ name: 'c', image: 'i' }],
    tolerations: [{ operator: 'Exists' as const }],
  }
  await client.create(pods, { metadata: { name: 'p', namespace }, spec })
  const readiness = async () =>
    conditionOf((await client.get(pods, { name: 'p', namespace })).status?.conditions, 'Ready')?.status
  await cluster.until('the pod is ready', async () => (await readiness()) === 'True')
  isHeard = false
  cluster.silent.add('n1')
  await clock.advance('70s')
  assert.deepEqual(await taintsOf(cluster, 'n1'), ['unreachable:NoSchedule', 'unreachable:NoExecute'])
  assert.equal(await readiness(), 'False')
  const zone = '{zone=""}'
  const ofZone = (): readonly unknown[] => {
    const counts = counted(cluster.server.metrics, 'node_collector_')
    return [`evictions_total${zone}`, `unhealthy_nodes_in_zone${zone}`, `zone_health${zone}`].map(
      (name) => counts[name],
    )
  }
  assert.deepEqual(ofZone(), [1, 1, 50])
  cluster.silent.add('n2')
  await clock.advance('70s')
  assert.deepEqual(
    [await taintsOf(cluster, 'n1'), await taintsOf(cluster, 'n2')],
    [['unreachable:NoSchedule'], ['unreachable:NoSchedule']],
  )
  cluster.silent.delete('n2')
  const back = { conditions: [{ type: 'Ready', status: 'True' as const, lastHeartbeatTime: timeText(clock.now()) }] }
  await client.updateStatus(nodes, { ...(await client.get(nodes, { name: 'n2' })), status: back })
  await clock.advance('30s')
  assert.deepEqual(
    [await taintsOf(cluster, 'n1'), await taintsOf(cluster, 'n2')],
    [['unreachable:NoSchedule', 'unreachable:NoExecute'], []],
  )
  assert.deepEqual(ofZone(), [2, 1, 50])
  const told = (await client.list(events)).items
    .filter(({ reason }) => reason === 'NodeNotReady')
    .map(({ involvedObject, message, count }) => `${involvedObject.name} ${count ?? 1} ${message}`)
  assert.deepEqual(told.toSorted(), [
    'n1 1 Node n1 status is now: NodeNotReady',
    'n2 1 Node n2 status is now: NodeNotReady',
    'p 1 Node is not ready',
  ])
})

test('taints drive pods out that were there or come later, and spare those whose time is not over when they go', async () => {
  await using cluster = await startCluster({
    controllers: [serviceAccountController, taintEvictionController],
    nodes: ['n1', 'n2'],
  })
  const { client, clock } = cluster
  await clock.advance('1s')
  const create = async (name: string, nodeName: string, tolerationSeconds?: number): Promise<void> => {
    const tolerations =
      tolerationSeconds === undefined
        ? []
        : [{ key: 'dry', operator: 'Exists' as const, effect: 'NoExecute' as const, tolerationSeconds }]
    const containers = [{ name: 'c', image: 'i' }]
    await client.create(pods, { metadata: { name, namespace }, spec: { nodeName, containers, tolerations } })
  }
  const setTaints = async (taints: readonly object[]): Promise<void> => {
    await client.patch(nodes, { name: 'n1' }, { type: 'merge', body: { spec: { taints } } })
    await clock.advance('1s')
  }
  const left = async (): Promise<readonly string[]> =>
    (await client.list(pods, { namespace })).items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.name)
  const dry = { key: 'dry', effect: 'NoExecute' }
  await create('before', 'n1')
  await create('patient', 'n1', 60)
  await create('longer', 'n1', 600)
  await create('elsewhere', 'n2')
  await clock.advance('1s')
  await setTaints([dry])
  assert.deepEqual(await left(), ['elsewhere', 'longer', 'patient'])
  await create('later', 'n1')
  await create('brief', 'n1', 10)
  await clock.advance('1s')
  assert.deepEqual(await left(), ['brief', 'elsewhere', 'longer', 'patient'])
  await clock.advance('15s')
  assert.deepEqual(await left(), ['elsewhere', 'longer', 'patient'])
  await client.delete(pods, { name: 'patient', namespace })
  await setTaints([])
  await clock.advance('11m')
  assert.deepEqual(await left(), ['elsewhere', 'longer'])
  const told = (await client.list(events, { namespace, fieldSelector: 'reason=TaintManagerEviction' })).items
  assert.deepEqual(told.map(({ message, source }) => `${source?.component}: ${message}`).toSorted(), [
    'taint-eviction-controller: Cancelling deletion of Pod default/longer',
    'taint-eviction-controller: Marking for deletion Pod default/before',
    'taint-eviction-controller: Marking for deletion Pod default/brief',
    'taint-eviction-controller: Marking for deletion Pod default/later',
  ])
  // Each left as soon as it had to.
  assert.deepEqual(counted(cluster.server.metrics, 'taint_eviction_controller_'), {
    pod_deletion_duration_seconds_count: 3,
    pod_deletions_total: 3,
  })
})

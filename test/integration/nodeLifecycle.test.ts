import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { nodeLifecycleController } from '#controllers/nodeLifecycle/controller.ts'
import { serviceAccountController } from '#controllers/serviceAccount/controller.ts'
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
  const told = (await client.list(events)).items
    .filter(({ reason }) => reason === 'NodeNotReady')
    .map(({ involvedObject, message, count }) => `${involvedObject.name} ${count ?? 1} ${message}`)
  assert.deepEqual(told.toSorted(), [
    'n1 1 Node n1 status is now: NodeNotReady',
    'n2 1 Node n2 status is now: NodeNotReady',
    'p 1 Node is not ready',
  ])
})

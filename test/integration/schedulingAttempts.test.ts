import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { simulatedNodeSpecs } from '#simulation/simulatedNodeSpecs.ts'

const namespace = 'default'

async function create(
  { client }: SimulatedCluster,
  name: string,
  cpu: string,
  spec: Partial<Pod['spec']> = {},
): Promise<void> {
  const metadata = { name, namespace, finalizers: ['example.com/hold'] }
  const containers = [{ name: 'c', image: 'i', resources: { requests: { cpu } } }]
  await client.create(pods, { metadata, spec: { containers, ...spec } })
}

/** What the scheduler said of a pod, each with how often it did. */
async function told({ client }: SimulatedCluster, name: string): Promise<readonly string[]> {
  const { items } = await client.list(events, { namespace })
  return items
    .filter((event) => event.involvedObject.name === name && event.reportingComponent === 'default-scheduler')
    .map(({ type, reason, message, series, count }) => `${type} ${reason} ${series?.count ?? count ?? 1}: ${message}`)
}

const noNodes = 'no nodes available to schedule pods'

test('without a single node a pod is tried again and again after its back-off', async () => {
  await using cluster = await simulatedCluster({ nodes: [] })
  await create(cluster, 'p', '1')
  await cluster.clock.advance('40s')
  assert.deepEqual(await told(cluster, 'p'), [`Warning FailedScheduling 6: ${noNodes}`])
  const { status } = await cluster.client.get(pods, { name: 'p', namespace })
  const condition = status?.conditions?.find(({ type }) => type === 'PodScheduled')
  assert.deepEqual([condition?.reason, condition?.message], ['Unschedulable', noNodes])
})

test('a pod that is held on its way out is told of when its turn comes, and left alone until it changes', async () => {
  await using cluster = await simulatedCluster({ nodes: simulatedNodeSpecs({ count: 1 }) })
  const pod = { name: 'p', namespace }
  const merge = (body: object) => cluster.client.patch(pods, pod, { type: 'merge', body })
  await create(cluster, 'p', '1', { schedulingGates: [{ name: 'example.com/wait' }] })
  await cluster.client.delete(pods, pod)
  await cluster.clock.advance('2s')
  assert.deepEqual(await told(cluster, 'p'), [])
  const said: string[] = []
  for (const body of [{ spec: { schedulingGates: null } }, { metadata: { labels: { looked: 'at' } } }]) {
    await merge(body)
    await cluster.clock.advance('2s')
    said.push(...(await told(cluster, 'p')))
  }
  const message = 'skip schedule deleting pod: default/p'
  assert.deepEqual(said, [`Warning FailedScheduling 1: ${message}`, `Warning FailedScheduling 2: ${message}`])
  assert.equal((await cluster.client.get(pods, pod)).spec.nodeName, undefined)
})

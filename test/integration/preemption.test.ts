import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { nodes as allNodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { podDisruptionBudgets } from '#api/policy/v1/podDisruptionBudget.ts'
import { priorityClasses } from '#api/scheduling/v1/priorityClass.ts'
import { isReason } from '#machinery/status.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { simulatedNodeSpecs } from '#simulation/simulatedNodeSpecs.ts'

const namespace = 'default'
const priorities = { high: 1_000, middle: 500, low: 10 } as const

interface PodWish {
  readonly priority?: keyof typeof priorities
  readonly cpu?: string
  readonly labels?: Record<string, string>
  readonly spec?: Partial<Pod['spec']>
  readonly annotations?: Record<string, string>
}

/** A cluster of nodes with four CPUs each, and three priority classes. */
async function start(nodes: number): Promise<SimulatedCluster> {
  const capacity = { cpu: '4', memory: '8Gi', pods: '110', 'ephemeral-storage': '1Ti' }
  const cluster = await simulatedCluster({
    nodes: simulatedNodeSpecs({ count: nodes, prefix: 'node-', podBlocks: 'none', capacity }),
  })
  for (const [name, value] of Object.entries(priorities)) {
    await cluster.client.create(priorityClasses, { metadata: { name }, value })
  }
  // Until a node is ready it takes no pods, and pods would begin to fight over the others.
  await cluster.until(async () => {
    const { items } = await cluster.client.list(allNodes)
    return items.length === nodes && items.every(({ spec }) => (spec?.taints ?? []).length === 0)
  })
  return cluster
}

async function create({ client }: SimulatedCluster, name: string, wish: PodWish): Promise<void> {
  const { priority, cpu = '1', labels, annotations, spec } = wish
  await client.create(pods, {
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      ...(priority === undefined ? {} : { priorityClassName: priority }),
      terminationGracePeriodSeconds: 30,
      containers: [{ name: 'c', image: 'i', resources: { requests: { cpu } } }],
      ...spec,
    },
  })
}

async function find({ client }: SimulatedCluster, name: string): Promise<Pod | undefined> {
  try {
    return await client.get(pods, { name, namespace })
  } catch (error) {
    if (isReason(error, 'NotFound')) return undefined
    throw error
  }
}

const isRunning = async (cluster: SimulatedCluster, name: string): Promise<boolean> =>
  (await find(cluster, name))?.status?.phase === 'Running'

const conditionOf = (pod: Pod | undefined, type: string) => pod?.status?.conditions?.find((each) => each.type === type)

/** What was told of a pod, as `reason: message`. */
async function told({ client }: SimulatedCluster, name: string): Promise<readonly string[]> {
  const { items } = await client.list(events, { namespace })
  return items
    .filter(
      ({ involvedObject, reportingComponent }) =>
        involvedObject.name === name && reportingComponent === 'default-scheduler',
    )
    .map(({ reason, message }) => `${reason}: ${message}`)
}

test('a pod takes the place of a less important one, which ends in its own time', async () => {
  await using cluster = await start(1)
  await create(cluster, 'low', { priority: 'low', cpu: '3', annotations: { 'simulation.k8ts.dev/stop-after': '10s' } })
  await cluster.until(() => isRunning(cluster, 'low'))
  await create(cluster, 'high', { priority: 'high', cpu: '3' })
  await cluster.clock.advance('1s')

  const victim = await find(cluster, 'low')
  assert.notEqual(victim?.metadata.deletionTimestamp, undefined)
  const target = conditionOf(victim, 'DisruptionTarget')
  assert.deepEqual(
    [target?.status, target?.reason, target?.message],
    ['True', 'PreemptionByScheduler', 'default-scheduler: preempting to accommodate a higher priority pod'],
  )
  const waiting = await find(cluster, 'high')
  assert.equal(waiting?.status?.nominatedNodeName, 'node-1')
  const scheduled = conditionOf(waiting, 'PodScheduled')
  assert.deepEqual(
    [scheduled?.status, scheduled?.reason, scheduled?.message],
    ['False', 'Unschedulable', '0/1 nodes are available: 1 Insufficient cpu.'],
  )

  await cluster.until(() => isRunning(cluster, 'high'))
  assert.equal(await find(cluster, 'low'), undefined)
  assert.deepEqual(await told(cluster, 'low'), [
    'Scheduled: Successfully assigned default/low to node-1',
    `Preempted: Preempted by pod ${waiting?.metadata.uid} on node node-1`,
  ])
  assert.deepEqual(await told(cluster, 'high'), [
    'FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu.',
    'Scheduled: Successfully assigned default/high to node-1',
  ])
  assert.deepEqual(cluster.problems, [])
})

test('the room of a victim is not given to a less important pod that comes meanwhile', async () => {
  await using cluster = await start(1)
  await create(cluster, 'low', { priority: 'low', cpu: '4', annotations: { 'simulation.k8ts.dev/stop-after': '10s' } })
  await cluster.until(() => isRunning(cluster, 'low'))
  await create(cluster, 'high', { priority: 'high', cpu: '3' })
  await cluster.clock.advance('1s')
  await create(cluster, 'middle', { priority: 'middle', cpu: '2' })
  await create(cluster, 'small', { priority: 'middle', cpu: '1' })
  await cluster.until(() => isRunning(cluster, 'high'))
  await cluster.until(() => isRunning(cluster, 'small'))
  assert.equal((await find(cluster, 'middle'))?.spec.nodeName, undefined)
  assert.match(
    conditionOf(await find(cluster, 'middle'), 'PodScheduled')?.message ?? '',
    /^0\/1 nodes are available: 1 Insufficient cpu\. no new claims to deallocate, preemption: 0\/1 nodes are available: 1 No preemption victims found for incoming pod\.$/,
  )
})

test('a more important pod takes the promise of a node from a less important one', async () => {
  await using cluster = await start(1)
  await create(cluster, 'low', { priority: 'low', cpu: '4', annotations: { 'simulation.k8ts.dev/stop-after': '20s' } })
  await cluster.until(() => isRunning(cluster, 'low'))
  await create(cluster, 'middle', { priority: 'middle', cpu: '4' })
  await cluster.clock.advance('1s')
  assert.equal((await find(cluster, 'middle'))?.status?.nominatedNodeName, 'node-1')
  await create(cluster, 'high', { priority: 'high', cpu: '4' })
  await cluster.clock.advance('1s')
  assert.equal((await find(cluster, 'middle'))?.status?.nominatedNodeName, undefined)
  await cluster.until(() => isRunning(cluster, 'high'))
  assert.equal((await find(cluster, 'middle'))?.spec.nodeName, undefined)
})

test('room that was kept for a pod is given to others as soon as that pod is gone', async () => {
  await using cluster = await start(1)
  const stopAfter = (time: string) => ({ 'simulation.k8ts.dev/stop-after': time })
  const slow = { terminationGracePeriodSeconds: 3_600 }
  await create(cluster, 'quick', { priority: 'low', cpu: '3', annotations: stopAfter('1s') })
  await create(cluster, 'slow', { priority: 'low', cpu: '1', annotations: stopAfter('1h'), spec: slow })
  await cluster.until(async () => (await isRunning(cluster, 'quick')) && (await isRunning(cluster, 'slow')))
  await create(cluster, 'high', { priority: 'high', cpu: '4' })
  await cluster.until(async () => (await find(cluster, 'quick')) === undefined)
  await create(cluster, 'middle', { priority: 'middle', cpu: '2' })
  await cluster.clock.advance('20s')
  assert.equal((await find(cluster, 'middle'))?.spec.nodeName, undefined)
  await cluster.client.delete(pods, { name: 'high', namespace })
  await cluster.clock.advance('15s')
  assert.equal((await find(cluster, 'middle'))?.spec.nodeName, 'node-1')
})

test('a budget that is used up turns the choice to a node without it', async () => {
  await using cluster = await start(2)
  const labels = { app: 'db' }
  await create(cluster, 'db', { priority: 'low', cpu: '4', labels })
  await create(cluster, 'web', { priority: 'middle', cpu: '4' })
  await cluster.client.create(podDisruptionBudgets, {
    metadata: { name: 'db', namespace },
    spec: { selector: { matchLabels: labels }, minAvailable: 1 },
  })
  await cluster.until(async () => (await isRunning(cluster, 'db')) && (await isRunning(cluster, 'web')))
  await cluster.clock.advance('5s')
  await create(cluster, 'high', { priority: 'high', cpu: '4' })
  await cluster.until(() => isRunning(cluster, 'high'))
  assert.equal(await find(cluster, 'web'), undefined)
  assert.equal((await find(cluster, 'db'))?.metadata.deletionTimestamp, undefined)
})

test('pods that may not preempt, and pods of equal priority, wait', async () => {
  await using cluster = await start(1)
  await create(cluster, 'first', { priority: 'middle', cpu: '3' })
  await cluster.until(() => isRunning(cluster, 'first'))
  await create(cluster, 'equal', { priority: 'middle', cpu: '3' })
  await cluster.client.create(priorityClasses, {
    metadata: { name: 'polite' },
    value: 2_000,
    preemptionPolicy: 'Never',
  })
  await create(cluster, 'polite', { cpu: '3', spec: { priorityClassName: 'polite' } })
  await cluster.clock.advance('10s')
  assert.equal((await find(cluster, 'first'))?.metadata.deletionTimestamp, undefined)
  assert.equal(
    conditionOf(await find(cluster, 'polite'), 'PodScheduled')?.message,
    '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.',
  )
  await cluster.client.delete(pods, { name: 'first', namespace })
  await cluster.until(() => isRunning(cluster, 'polite'))
})

test('a burst of important pods sends away no more than it needs', async () => {
  await using cluster = await start(4)
  for (let i = 0; i < 16; i++) await create(cluster, `low-${i}`, { priority: 'low' })
  await cluster.until(async () => {
    const { items } = await cluster.client.list(pods, { namespace })
    return items.filter(({ status }) => status?.phase === 'Running').length === 16
  })
  for (let i = 0; i < 6; i++) await create(cluster, `high-${i}`, { priority: 'high' })
  await cluster.until(async () => {
    const { items } = await cluster.client.list(pods, { namespace })
    return (
      items.filter(({ metadata, status }) => metadata.name.startsWith('high') && status?.phase === 'Running').length ===
      6
    )
  })
  const { items } = await cluster.client.list(pods, { namespace })
  assert.equal(items.filter(({ metadata }) => metadata.name.startsWith('low')).length, 10)
  assert.deepEqual(cluster.problems, [])
})

/** The whole cluster in one process, under simulated time: what users see when parts work together. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments, type Deployment } from '#api/apps/v1/deployment.ts'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { leases } from '#api/coordination/v1/lease.ts'
import { componentStatuses } from '#api/core/v1/componentStatus.ts'
import { events } from '#api/core/v1/event.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Draft } from '#client/client.ts'
import { isReason } from '#machinery/status.ts'
import { simulatedCluster, type SimulatedCluster, type SimulatedClusterOptions } from '#simulation/simulatedCluster.ts'

function deployment(
  replicas: number,
  image = 'nginx:1.27',
  annotations: Record<string, string> = {},
): Draft<Deployment> {
  return {
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' }, annotations },
        spec: { containers: [{ name: 'web', image }] },
      },
    },
  }
}

const web = { name: 'web', namespace: 'default' }

async function podsOf({ client }: SimulatedCluster): Promise<readonly Pod[]> {
  return (await client.list(pods, { namespace: 'default' })).items
}

async function isAvailable({ client }: SimulatedCluster, replicas: number): Promise<boolean> {
  const { metadata, status = {} } = await client.get(deployments, web)
  return (
    status.observedGeneration === metadata.generation &&
    status.updatedReplicas === replicas &&
    status.availableReplicas === replicas &&
    status.replicas === replicas
  )
}

function readiness(pod: Pod): string {
  return pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status ?? 'none'
}

/** A cluster whose nodes have lost the taints of their start, so that pods can go to any of them. */
async function settledCluster(options: SimulatedClusterOptions): Promise<SimulatedCluster> {
  const cluster = await simulatedCluster(options)
  await cluster.until(async () => {
    const { items } = await cluster.client.list(nodes)
    return items.every(({ spec }) => (spec.taints ?? []).length === 0)
  }, '10s')
  return cluster
}

/** Whether reading it is refused because it is not there. */
async function isGone(read: Promise<unknown>): Promise<boolean> {
  return read.then(
    () => false,
    (error: unknown) => {
      if (isReason(error, 'NotFound')) return true
      throw error
    },
  )
}

test('nodes become ready, with addresses for pods and without the taints of a start', async () => {
  await using cluster = await settledCluster({ nodes: 3 })
  const { items } = await cluster.client.list(nodes)
  assert.deepEqual(
    items.map(({ metadata, spec, status }) => [
      metadata.name,
      spec.podCIDR,
      spec.taints ?? [],
      status?.conditions?.find(({ type }) => type === 'Ready')?.status,
    ]),
    [
      ['simulated-1', '10.244.0.0/24', [], 'True'],
      ['simulated-2', '10.244.1.0/24', [], 'True'],
      ['simulated-3', '10.244.2.0/24', [], 'True'],
    ],
  )
  const held = await cluster.client.list(leases, { namespace: 'kube-node-lease' })
  assert.deepEqual(
    held.items.map(({ metadata, spec }) => [metadata.name, spec.holderIdentity, spec.leaseDurationSeconds]),
    items.map(({ metadata }) => [metadata.name, metadata.name, 40]),
  )
})

test('a deployment becomes available, then rolls to another image without losing replicas', async () => {
  await using cluster = await settledCluster({ nodes: 3 })
  const { client } = cluster
  await client.create(deployments, deployment(3))
  await cluster.until(() => isAvailable(cluster, 3), '20s')
  const first = await podsOf(cluster)
  assert.deepEqual(first.map(readiness), ['True', 'True', 'True'])
  assert.deepEqual(first.map(({ spec }) => spec.nodeName).toSorted(), ['simulated-1', 'simulated-2', 'simulated-3'])
  assert.equal(new Set(first.map(({ status }) => status?.podIP)).size, 3)

  const template = { metadata: { annotations: { 'simulation.k8ts.dev/ready-after': '5s' } } }
  const spec = { template: { ...template, spec: { containers: [{ name: 'web', image: 'nginx:1.28' }] } } }
  await client.patch(deployments, web, { type: 'strategic', body: { spec } })
  let least = 3
  await cluster.until(async () => {
    const { status } = await client.get(deployments, web)
    least = Math.min(least, status?.availableReplicas ?? 0)
    return isAvailable(cluster, 3)
  }, '2m')
  assert.equal(least, 3)
  await cluster.until(async () => (await podsOf(cluster)).length === 3, '1m')
  const images = (await podsOf(cluster)).map(({ status }) => status?.containerStatuses?.[0]?.image)
  assert.deepEqual(images, Array(3).fill('docker.io/library/nginx:1.28'))
})

test('pods of a node that falls silent are replaced when their toleration ends; the node comes back clean', async () => {
  await using cluster = await settledCluster({ nodes: 3 })
  const { client, clock } = cluster
  await client.create(deployments, deployment(3))
  await cluster.until(() => isAvailable(cluster, 3), '20s')
  const lost = (await podsOf(cluster)).find(({ spec }) => spec.nodeName === 'simulated-2')!
  const at = { name: lost.metadata.name, namespace: 'default' }
  cluster.nodes.pause('simulated-2')

  await clock.advance('30s')
  assert.equal(readiness(await client.get(pods, at)), 'True', 'a silence of 30 s is nothing')
  await clock.advance('40s')
  const silent = await client.get(nodes, { name: 'simulated-2' })
  assert.equal(silent.status?.conditions?.find(({ type }) => type === 'Ready')?.status, 'Unknown')
  assert.deepEqual(silent.spec.taints?.map(({ key, effect }) => `${key}:${effect}`).toSorted(), [
    'node.kubernetes.io/unreachable:NoExecute',
    'node.kubernetes.io/unreachable:NoSchedule',
  ])
  assert.equal(readiness(await client.get(pods, at)), 'False')
  await clock.advance('4m')
  assert.equal((await client.get(pods, at)).metadata.deletionTimestamp, undefined, 'tolerated for five minutes')
  await clock.advance('90s')
  assert.notEqual((await client.get(pods, at)).metadata.deletionTimestamp, undefined)
  await cluster.until(() => isAvailable(cluster, 3), '30s')
  const replaced = (await podsOf(cluster)).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
  assert.deepEqual(new Set(replaced.map(({ spec }) => spec.nodeName)), new Set(['simulated-1', 'simulated-3']))

  cluster.nodes.resume('simulated-2')
  await cluster.until(async () => isGone(client.get(pods, at)), '1m')
  await cluster.until(
    async () => ((await client.get(nodes, { name: 'simulated-2' })).spec.taints ?? []).length === 0,
    '1m',
  )
})

test('a namespace goes with everything in it', async () => {
  await using cluster = await settledCluster({ nodes: 2 })
  const { client } = cluster
  await client.create(namespaces, { metadata: { name: 'shop' }, spec: {} })
  const { spec } = deployment(4)
  await cluster.clock.advance('5s')
  await client.create(deployments, { metadata: { name: 'web', namespace: 'shop' }, spec })
  await cluster.until(async () => {
    const { items } = await client.list(pods, { namespace: 'shop' })
    return items.length === 4 && items.every((pod) => readiness(pod) === 'True')
  }, '1m')
  await client.delete(namespaces, { name: 'shop' })
  await cluster.until(async () => isGone(client.get(namespaces, { name: 'shop' })), '1m')
  for (const kind of [deployments, replicaSets, pods, events]) {
    assert.deepEqual((await client.list(kind as typeof pods, { namespace: 'shop' })).items, [], kind.plural)
  }
})

test('what an owner owned goes after it, in the background and in the foreground', async () => {
  for (const propagationPolicy of ['Background', 'Foreground'] as const) {
    await using cluster = await settledCluster({ nodes: 2 })
    const { client } = cluster
    await client.create(deployments, deployment(3))
    await cluster.until(() => isAvailable(cluster, 3), '20s')
    await client.delete(deployments, web, { propagationPolicy })
    await cluster.until(async () => (await podsOf(cluster)).length === 0 && isGone(client.get(deployments, web)), '1m')
    assert.deepEqual((await client.list(replicaSets, { namespace: 'default' })).items, [])
  }
})

test('a cluster at rest writes nothing but leases', async () => {
  await using cluster = await settledCluster({ nodes: 3 })
  const { client, clock, store } = cluster
  await client.create(deployments, deployment(6))
  await cluster.until(() => isAvailable(cluster, 6), '20s')
  // Sooner than the events of the start end by themselves; what is seldom written is looked for in a test of its own.
  await clock.advance('5m')
  const before = await store.revision()
  const changed = new Map<string, number>()
  const abort = new AbortController()
  const following = (async () => {
    for await (const { events: changes } of store.watch('/registry/', before, abort.signal)) {
      for (const { key } of changes) changed.set(key, (changed.get(key) ?? 0) + 1)
    }
  })()
  await clock.advance('30m')
  const after = await store.revision()
  await clock.advance('10s')
  abort.abort()
  await following
  const others = [...changed].filter(
    ([key]) => !key.startsWith('/registry/coordination.k8s.io/leases/kube-node-lease/'),
  )
  assert.deepEqual(others, [])
  assert.equal(after - before, (3 * 1800) / 10)
})

test('a crashing pod is restarted with back-off, and what its annotations get wrong is told', async () => {
  await using cluster = await settledCluster({ nodes: 1, tell: 'everything' })
  const { client, clock } = cluster
  await clock.advance('10s')
  await client.create(pods, {
    metadata: {
      name: 'moody',
      namespace: 'default',
      annotations: { 'simulation.k8ts.dev/crash': '2', 'simulation.k8ts.dev/start-after': 'soon' },
    },
    spec: { containers: [{ name: 'moody', image: 'busybox' }] },
  })
  const at = { name: 'moody', namespace: 'default' }
  await cluster.until(async () => {
    const [status] = (await client.get(pods, at)).status?.containerStatuses ?? []
    return status?.state?.waiting?.reason === 'CrashLoopBackOff'
  }, '30s')
  await cluster.until(async () => readiness(await client.get(pods, at)) === 'True', '1m')
  await clock.advance('1m')
  assert.equal((await client.get(pods, at)).status?.containerStatuses?.[0]?.restartCount, 2)
  const told = (await client.list(events, { namespace: 'default' })).items
    .filter(({ involvedObject }) => involvedObject.name === 'moody')
    .map(({ type, reason, count }) => `${type} ${reason}${(count ?? 0) > 1 ? ` x${count}` : ''}`)
  assert.deepEqual(told.toSorted(), [
    'Normal Created x3',
    'Normal Pulled x3',
    'Normal Scheduled',
    'Normal Started x3',
    'Warning BackOff',
    'Warning InvalidSimulation',
  ])
})

test('a deleted node does not come back, and its pods are collected', async () => {
  await using cluster = await settledCluster({ nodes: 2 })
  const { client } = cluster
  await client.create(deployments, deployment(4))
  await cluster.until(() => isAvailable(cluster, 4), '20s')
  await client.delete(nodes, { name: 'simulated-1' })
  await cluster.until(async () => {
    const all = await podsOf(cluster)
    return all.length === 4 && all.every(({ spec }) => spec.nodeName === 'simulated-2')
  }, '5m')
  assert.deepEqual(
    (await client.list(nodes)).items.map(({ metadata }) => metadata.name),
    ['simulated-2'],
  )
  assert.deepEqual(cluster.nodes.names(), ['simulated-2'])
  const held = await client.list(leases, { namespace: 'kube-node-lease' })
  assert.deepEqual(
    held.items.map(({ metadata }) => metadata.name),
    ['simulated-2'],
  )
})

test('the same seed gives the same history, another one another', async () => {
  const historyOf = async (seed: number): Promise<string> => {
    await using cluster = await settledCluster({ nodes: 3, seed })
    await cluster.client.create(deployments, deployment(5))
    await cluster.clock.advance('1m')
    const found = [await podsOf(cluster), (await cluster.client.list(events)).items]
    return JSON.stringify(found)
  }
  const first = await historyOf(7)
  assert.equal(await historyOf(7), first)
  assert.notEqual(await historyOf(8), first)
})

test('it tells which parts of the control plane are there', async () => {
  for (const [scheduler, expected] of [
    [true, ['controller-manager ok', 'etcd-0 ok', 'scheduler ok']],
    [false, ['controller-manager ok', 'etcd-0 ok', 'scheduler this cluster has no scheduler']],
  ] as const) {
    await using cluster = await simulatedCluster({ scheduler })
    const { items } = await cluster.client.list(componentStatuses)
    assert.deepEqual(
      items.map(({ metadata, conditions }) => `${metadata.name} ${conditions?.[0]?.message}`),
      expected,
    )
  }
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments } from '#api/apps/v1/deployment.ts'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { events } from '#api/core/v1/event.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Resource } from '#api/resource.ts'
import { podDisruptionBudgets } from '#api/policy/v1/podDisruptionBudget.ts'
import { deploymentController } from '#controllers/deployment/controller.ts'
import { disruptionController } from '#controllers/disruption/controller.ts'
import { replicaSetController } from '#controllers/replicaSet/controller.ts'
import { serviceAccountController } from '#controllers/serviceAccount/controller.ts'
import { StatusError } from '#machinery/status.ts'
import { namespace, startCluster, type TestCluster } from './controllersCluster.ts'

const controllers = [serviceAccountController, deploymentController, replicaSetController, disruptionController]
const at = (name: string) => ({ name, namespace })
const labels = { app: 'a' }

async function startProtected(spec: object): Promise<TestCluster> {
  const cluster = await startCluster({ controllers, podDelay: () => 100 })
  await cluster.client.create(deployments, {
    metadata: at('d'),
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  })
  await cluster.client.create(podDisruptionBudgets, {
    metadata: at('b'),
    spec: { selector: { matchLabels: labels }, ...spec },
  })
  await cluster.until('three pods are healthy', async () => (await statusOf(cluster))?.currentHealthy === 3)
  return cluster
}

const statusOf = async ({ client }: TestCluster) => (await client.get(podDisruptionBudgets, at('b'))).status

async function evict({ client }: TestCluster, name: string): Promise<string> {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } }
  try {
    await client.createSubresource(pods as unknown as Resource, at(name), 'eviction', body)
    return 'evicted'
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    const cause = error.status.details?.causes?.[0]
    return `${error.code} ${cause?.reason} ${cause?.message}`
  }
}

test('evictions at the same time take no more than the budget, and more once pods are healthy again', async () => {
  await using cluster = await startProtected({ maxUnavailable: 1 })
  const first = cluster.livePods().map(({ metadata }) => metadata.name)
  const outcomes = await Promise.all(first.map((name) => evict(cluster, name)))
  assert.equal(outcomes.filter((each) => each === 'evicted').length, 1)
  assert.equal(
    outcomes.find((each) => each !== 'evicted'),
    '429 DisruptionBudget The disruption budget b needs 2 healthy pods and has 3 currently',
  )
  const gone = first.find((_, index) => outcomes[index] === 'evicted')!
  const condition = (await cluster.client.get(pods, at(gone))).status?.conditions?.find(
    ({ type }) => type === 'DisruptionTarget',
  )
  assert.deepEqual(
    [condition?.status, condition?.reason, condition?.message],
    ['True', 'EvictionByEvictionAPI', 'Eviction API: evicting'],
  )
  await cluster.until('another may go', async () => (await statusOf(cluster))?.disruptionsAllowed === 1)
  const next = cluster.livePods().map(({ metadata }) => metadata.name)[0]!
  assert.equal(await evict(cluster, next), 'evicted')
})

test('a budget whose pods nobody owns is counted by number, and one by share says that it cannot', async () => {
  await using cluster = await startProtected({ minAvailable: '100%' })
  const name = cluster.livePods()[0]!.metadata.name
  assert.match(await evict(cluster, name), /^429 .* needs 3 healthy pods and has 3 currently$/)
  const ownerReferences = [{ apiVersion: 'example.com/v1', kind: 'Thing', name: 't', uid: 'u', controller: true }]
  const spec = { containers: [{ name: 'c', image: 'i' }] }
  await cluster.client.create(pods, { metadata: { ...at('odd'), labels, ownerReferences }, spec })
  await cluster.until(
    'it is not countable',
    async () => (await statusOf(cluster))?.conditions?.[0]?.reason === 'SyncFailed',
  )
  assert.match(await evict(cluster, name), /failed sync: no matches for kind "Thing" in version "example.com\/v1"$/)
})

test('pods of several budgets are told of, and a budget with an empty selector is about all pods', async () => {
  await using cluster = await startProtected({ minAvailable: 3 })
  const { client } = cluster
  await client.create(podDisruptionBudgets, { metadata: at('all'), spec: { selector: {}, minAvailable: 1 } })
  await cluster.until('all pods count', async () => {
    const { status } = await client.get(podDisruptionBudgets, at('all'))
    return status?.expectedPods === 3 && status.disruptionsAllowed === 2
  })
  const [pod] = cluster.livePods()
  const { name } = pod!.metadata
  await client.patch(pods, at(name), { type: 'merge', body: { metadata: { annotations: { touched: 'yes' } } } })
  const told = async (): Promise<readonly string[]> =>
    (await client.list(events, { namespace })).items
      .filter(({ reason }) => reason === 'MultiplePodDisruptionBudgets')
      .map(({ type, message, involvedObject }) => `${involvedObject.name} ${type} ${message}`)
  await cluster.until('it is told', async () => (await told()).length > 0)
  assert.match(
    (await told()).find((each) => each.startsWith(name)) ?? '',
    /^\S+ Warning Pod "default"\/"\S+" matches multiple PodDisruptionBudgets. {2}Chose "(all|b)" arbitrarily\.$/,
  )
})

test('a ReplicaSet whose Deployment is gone speaks for its pods', async () => {
  await using cluster = await startProtected({ maxUnavailable: 1 })
  const { client } = cluster
  const [set] = (await client.list(replicaSets, { namespace })).items
  await client.delete(deployments, at('d'), { propagationPolicy: 'Orphan' })
  const controller = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd', uid: 'gone', controller: true }
  const body = { metadata: { ownerReferences: [controller] }, spec: { replicas: 2 } }
  await client.patch(replicaSets, set!.metadata, { type: 'merge', body })
  await cluster.until('two are expected', async () => (await statusOf(cluster))?.expectedPods === 2)
  assert.deepEqual((await statusOf(cluster))?.conditions?.[0]?.reason, 'SufficientPods')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments } from '#api/apps/v1/deployment.ts'
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
  assert.match(await evict(cluster, name), /failed sync: found no controllers for pod "odd"$/)
})

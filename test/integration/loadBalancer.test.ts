import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { services, type Service } from '#api/core/v1/service.ts'
import type { MakeController } from '#controllers/context.ts'
import { loadBalancerController } from '#loadBalancer/controller.ts'
import { cleanupFinalizer } from '#loadBalancer/plan.ts'
import { parsePool, type Pool } from '#loadBalancer/pool.ts'
import { namespace, startCluster, type TestCluster } from './controllersCluster.ts'

const over =
  (pool: string): MakeController =>
  (context) =>
    loadBalancerController({ ...context, pool: parsePool(pool) as Pool })

const create = (cluster: TestCluster, name: string, spec: Partial<Service['spec']> = {}): Promise<Service> =>
  cluster.client.create(services, {
    metadata: { name, namespace },
    spec: { type: 'LoadBalancer', ports: [{ port: 80 }], ...spec },
  })
const get = ({ client }: TestCluster, name: string): Promise<Service> => client.get(services, { name, namespace })
const addressOf = async (cluster: TestCluster, name: string): Promise<string> =>
  ((await get(cluster, name)).status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip).join()
const told = async ({ client }: TestCluster, name: string): Promise<string[]> =>
  (await client.list(events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ type, reason, message, source }) => `${source?.component} ${type} ${reason}: ${message}`)

test('a service gets an address that nobody else has, and gives it back before it goes', async () => {
  await using cluster = await startCluster({ controllers: [over('192.0.2.10-192.0.2.11')] })
  const { client } = cluster
  const fresh = await create(cluster, 'a')
  assert.deepEqual(fresh.status, { loadBalancer: {} })
  await create(cluster, 'b')
  await cluster.until(
    'both have one',
    async () => (await addressOf(cluster, 'a')) !== '' && (await addressOf(cluster, 'b')) !== '',
  )
  const a = await get(cluster, 'a')
  assert.deepEqual(a.status?.loadBalancer, { ingress: [{ ip: '192.0.2.10', ipMode: 'VIP' }] })
  assert.deepEqual(a.metadata.finalizers, [cleanupFinalizer])
  assert.equal(await addressOf(cluster, 'b'), '192.0.2.11')

  await create(cluster, 'c')
  const exhausted =
    'service-controller Warning SyncLoadBalancerFailed: Error syncing load balancer: failed to ensure load balancer: all IPv4 addresses of the pool 192.0.2.10-192.0.2.11 are in use'
  await cluster.until('it is told why', async () => (await told(cluster, 'c')).includes(exhausted))
  assert.deepEqual((await get(cluster, 'c')).status, { loadBalancer: {} })

  await client.delete(services, { name: 'a', namespace })
  await cluster.until('c has what a had', async () => (await addressOf(cluster, 'c')) === '192.0.2.10', '4s')
  assert.deepEqual(await told(cluster, 'a'), [
    'service-controller Normal EnsuringLoadBalancer: Ensuring load balancer',
    'service-controller Normal EnsuredLoadBalancer: Ensured load balancer',
    'service-controller Normal DeletingLoadBalancer: Deleting load balancer',
    'service-controller Normal DeletedLoadBalancer: Deleted load balancer',
  ])
})

test('another type or class gives the address back, and back again', async () => {
  await using cluster = await startCluster({ controllers: [over('192.0.2.10-192.0.2.19')] })
  const { client } = cluster
  await create(cluster, 'web')
  await create(cluster, 'other', { loadBalancerClass: 'example.com/lb' })
  await create(cluster, 'ours', { loadBalancerClass: 'k8ts.dev/load-balancer', allocateLoadBalancerNodePorts: false })
  await cluster.until(
    'ours have one',
    async () => (await addressOf(cluster, 'ours')) !== '' && (await addressOf(cluster, 'web')) !== '',
  )
  assert.equal((await get(cluster, 'ours')).spec.ports?.[0]?.nodePort, undefined)
  const merge = (spec: object) => client.patch(services, { name: 'web', namespace }, { type: 'merge', body: { spec } })
  await merge({ type: 'ClusterIP' })
  await cluster.until('it is let go', async () => (await get(cluster, 'web')).metadata.finalizers === undefined)
  assert.equal(await addressOf(cluster, 'web'), '')
  await merge({ type: 'LoadBalancer', loadBalancerIP: '192.0.2.15' })
  await cluster.until('it has what it asks for', async () => (await addressOf(cluster, 'web')) === '192.0.2.15')
  await merge({ loadBalancerIP: '192.0.2.16' })
  await cluster.until('it has what it asks for now', async () => (await addressOf(cluster, 'web')) === '192.0.2.16')
  assert.deepEqual((await get(cluster, 'other')).status, { loadBalancer: {} })
  assert.deepEqual(await told(cluster, 'other'), [])
})

test('a status that somebody wrote by hand is put right', async () => {
  await using cluster = await startCluster({ controllers: [over('192.0.2.10-192.0.2.19')] })
  const { client } = cluster
  await create(cluster, 'a')
  await create(cluster, 'b')
  await cluster.until(
    'both have one',
    async () => (await addressOf(cluster, 'a')) !== '' && (await addressOf(cluster, 'b')) !== '',
  )
  const before = [await addressOf(cluster, 'a'), await addressOf(cluster, 'b')]
  const body = { status: { loadBalancer: { ingress: [{ ip: before[1] }] } } }
  await client.patchStatus(services, { name: 'a', namespace }, { type: 'merge', body })
  await cluster.until('a has its own again', async () => (await addressOf(cluster, 'a')) !== before[1])
  assert.equal(await addressOf(cluster, 'b'), before[1])
})

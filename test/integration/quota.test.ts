import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMaps } from '#api/core/v1/configMap.ts'
import { pods } from '#api/core/v1/pod.ts'
import { resourceQuotas } from '#api/core/v1/resourceQuota.ts'
import { resourceQuotaController } from '#controllers/resourceQuota/controller.ts'
import { serviceAccountController } from '#controllers/serviceAccount/controller.ts'
import { isReason } from '#machinery/status.ts'
import { namespace, startCluster, type TestCluster } from './controllersCluster.ts'

const controllers = [serviceAccountController, resourceQuotaController]
const at = (name: string) => ({ name, namespace })

async function usedOf({ client }: TestCluster, name: string): Promise<unknown> {
  return (await client.get(resourceQuotas, at(name))).status?.used
}

async function makePod({ client }: TestCluster, name: string): Promise<string> {
  try {
    await client.create(pods, { metadata: { name, namespace }, spec: { containers: [{ name: 'c', image: 'i' }] } })
    return 'created'
  } catch (error) {
    if (!isReason(error, 'Forbidden')) throw error
    return error.message
  }
}

test('a quota raced by 64 clients is spent to the last and never exceeded, and given back when pods go', async () => {
  await using cluster = await startCluster({ controllers, podDelay: () => 0 })
  const { client, clock } = cluster
  await client.create(resourceQuotas, { metadata: at('q'), spec: { hard: { pods: '10', configmaps: '1' } } })
  await cluster.until('the quota is counted', async () => (await usedOf(cluster, 'q')) !== undefined)
  const race = async (round: string): Promise<readonly string[]> => {
    const racing = Promise.all(Array.from({ length: 64 }, (_, index) => makePod(cluster, `${round}${index}`)))
    let outcomes: readonly string[] | undefined
    void racing.then((all) => (outcomes = all))
    await cluster.until('all have an answer', () => outcomes !== undefined)
    return outcomes!
  }
  const outcomes = await race('a')
  assert.equal(outcomes.filter((each) => each === 'created').length, 10)
  const refusals = outcomes.filter((each) => each !== 'created')
  assert.ok(
    refusals[0]!.endsWith('is forbidden: exceeded quota: q, requested: pods=1, used: pods=10, limited: pods=10'),
  )
  assert.deepEqual(await usedOf(cluster, 'q'), { configmaps: '0', pods: '10' })

  for (const pod of cluster.livePods().slice(0, 4)) {
    await client.delete(pods, at(pod.metadata.name), { gracePeriodSeconds: 0 })
  }
  const isFree = async (): Promise<boolean> => ((await usedOf(cluster, 'q')) as { pods: string }).pods === '6'
  await cluster.until('four pods are given back', isFree, '10s')
  const again = await race('b')
  assert.equal(again.filter((each) => each === 'created').length, 4)
  await clock.advance('5s')
  assert.equal(cluster.livePods().length, 10)
  assert.deepEqual(await usedOf(cluster, 'q'), { configmaps: '0', pods: '10' })

  await client.create(configMaps, { metadata: at('one') })
  await assert.rejects(client.create(configMaps, { metadata: at('two') }), /exceeded quota: q, requested: configmaps=1/)
})

test('a quota that is raised counts anew, and one for a number of objects counts any kind', async () => {
  await using cluster = await startCluster({ controllers })
  const { client } = cluster
  await client.create(configMaps, { metadata: at('before') })
  await client.create(resourceQuotas, { metadata: at('q'), spec: { hard: { 'count/configmaps': '1' } } })
  await cluster.until('the quota is counted', async () => (await usedOf(cluster, 'q')) !== undefined)
  assert.deepEqual(await usedOf(cluster, 'q'), { 'count/configmaps': '1' })
  await assert.rejects(client.create(configMaps, { metadata: at('more') }), /used: count\/configmaps=1/)
  const body = { spec: { hard: { 'count/configmaps': '2', 'count/leases.coordination.k8s.io': '5' } } }
  await client.patch(resourceQuotas, at('q'), { type: 'merge', body })
  const isRaised = async (): Promise<boolean> => Object.keys((await usedOf(cluster, 'q')) as object).length === 2
  await cluster.until('the quota is raised', isRaised)
  await client.create(configMaps, { metadata: at('more') })
  assert.deepEqual(await usedOf(cluster, 'q'), { 'count/configmaps': '2', 'count/leases.coordination.k8s.io': '0' })
})

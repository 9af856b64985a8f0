import assert from 'node:assert/strict'
import { test } from 'node:test'
import { events } from '#api/core/v1/event.ts'
import { nodes } from '#api/core/v1/node.ts'
import { nodeIpamController } from '#controllers/nodeIpam/controller.ts'
import { startCluster, type TestCluster } from './controllersCluster.ts'

const rangesOf = async ({ client }: TestCluster, name: string): Promise<string | undefined> =>
  (await client.get(nodes, { name })).spec.podCIDRs?.join()

const told = async ({ client }: TestCluster): Promise<readonly string[]> =>
  (await client.list(events)).items.map(({ type, reason, message }) => `${type} ${reason} ${message}`)

test('a node for which no range is left says so, and gets one once another is gone', async () => {
  await using cluster = await startCluster({ controllers: [nodeIpamController], nodes: [] })
  const { client } = cluster
  const all = '10.244.0.0/16'
  await client.create(nodes, { metadata: { name: 'all' }, spec: { podCIDR: all, podCIDRs: [all] } })
  await client.create(nodes, { metadata: { name: 'late' }, spec: {} })
  await cluster.until('it is told', async () => (await told(cluster)).length > 0)
  assert.deepEqual(await told(cluster), ['Normal CIDRNotAvailable Node late status is now: CIDRNotAvailable'])
  assert.equal(await rangesOf(cluster, 'late'), undefined)
  await client.delete(nodes, { name: 'all' })
  await cluster.until('it has a range', async () => (await rangesOf(cluster, 'late')) === '10.244.0.0/24')
})

test('a range that could not be written is told of and given back', async () => {
  let failures = 1
  await using cluster = await startCluster({
    controllers: [nodeIpamController],
    nodes: [],
    refuse: ({ method }) => (method === 'PATCH' && failures-- > 0 ? new Error('no network') : undefined),
  })
  await cluster.client.create(nodes, { metadata: { name: 'n1' }, spec: {} })
  await cluster.until('it has a range', async () => (await rangesOf(cluster, 'n1')) === '10.244.1.0/24')
  await cluster.until('it is told', async () => (await told(cluster)).length > 0)
  assert.deepEqual(await told(cluster), ['Normal CIDRAssignmentFailed Node n1 status is now: CIDRAssignmentFailed'])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nodes } from '#api/core/v1/node.ts'
import { nodeTtlController } from '#controllers/nodeTtl/controller.ts'
import { simulatedCluster } from '#simulation/simulatedCluster.ts'
import { startCluster } from './controllersCluster.ts'

test('nodes say how long copies last there: longer once the cluster is large, shorter when it is small again', async () => {
  await using cluster = await startCluster({ controllers: [nodeTtlController], nodes: ['n1'] })
  const { client } = cluster
  const told = async (): Promise<string> => {
    const { items } = await client.list(nodes)
    return [...new Set(items.map(({ metadata }) => metadata.annotations?.['node.alpha.kubernetes.io/ttl']))].join()
  }
  await cluster.until('the first one says so', async () => (await told()) === '0')
  for (let at = 2; at <= 101; at++) await client.create(nodes, { metadata: { name: `n${at}` }, spec: {} })
  await cluster.until('all say so', async () => (await told()) === '15')
  for (let at = 90; at <= 101; at++) await client.delete(nodes, { name: `n${at}` })
  await cluster.until('it is small again', async () => (await told()) === '0')
  assert.deepEqual(cluster.reported, [])
})

test('simulated nodes say so from the first', async () => {
  await using cluster = await simulatedCluster({ nodes: 101, scheduler: false, controllers: ['ttl-controller'] })
  const told = async (): Promise<readonly unknown[]> =>
    (await cluster.client.list(nodes)).items.map(({ metadata: { annotations, managedFields = [] } }) => [
      annotations?.['node.alpha.kubernetes.io/ttl'],
      managedFields.some(({ manager }) => manager === 'kube-controller-manager'),
    ])
  await cluster.clock.advance('5s')
  assert.deepEqual(new Set((await told()).map(String)), new Set(['15,false']))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { services } from '#api/core/v1/service.ts'
import { ipAddresses } from '#api/networking/v1/ipAddress.ts'
import { serviceCIDRs } from '#api/networking/v1/serviceCIDR.ts'
import { serviceAddressController } from '#controllers/serviceAddresses/controller.ts'
import { namespace, startCluster } from './controllersCluster.ts'

test('addresses are shown while services have them', async () => {
  await using cluster = await startCluster({ controllers: [serviceAddressController] })
  const { client } = cluster
  const shown = async (): Promise<string[]> =>
    (await client.list(ipAddresses)).items.map(({ metadata, spec }) => `${metadata.name} ${spec.parentRef.name}`)
  const create = async (name: string, clusterIP: string): Promise<void> => {
    await client.create(services, { metadata: { name, namespace }, spec: { clusterIP, ports: [{ port: 80 }] } })
  }
  await create('a', '10.96.0.20')
  await create('b', '10.96.0.30')
  await create('headless', 'None')
  await cluster.until('both addresses are shown', async () => (await shown()).length === 2)
  assert.deepEqual(await shown(), ['10.96.0.20 a', '10.96.0.30 b'])
  await client.delete(services, { name: 'a', namespace })
  await create('c', '10.96.0.20')
  await client.delete(services, { name: 'b', namespace })
  await cluster.until('the address is that of the other service', async () => (await shown()).join() === '10.96.0.20 c')
  assert.deepEqual(cluster.reported, [])
})

test('only the block of the cluster is ready', async () => {
  await using cluster = await startCluster({ controllers: [serviceAddressController] })
  const { client } = cluster
  for (const [name, cidr] of [
    ['kubernetes', '10.96.0.0/16'],
    ['more', '10.97.0.0/16'],
  ] as const) {
    await client.create(serviceCIDRs, { metadata: { name }, spec: { cidrs: [cidr] } })
  }
  const states = async (): Promise<string[]> =>
    (await client.list(serviceCIDRs)).items.map(({ status }) => status?.conditions?.[0]?.status ?? '')
  await cluster.until('both are judged', async () => (await states()).join() === 'True,False')
})

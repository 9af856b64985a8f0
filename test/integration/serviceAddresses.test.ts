import assert from 'node:assert/strict'
import { test } from 'node:test'
import { services } from '#api/core/v1/service.ts'
import { ipAddresses } from '#api/networking/v1/ipAddress.ts'
import { serviceCIDRs } from '#api/networking/v1/serviceCIDR.ts'
import { unlessGone } from '#client/unlessGone.ts'
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

const more = { metadata: { name: 'more' }, spec: { cidrs: ['10.97.0.0/24'] } }

test('further blocks give addresses, and stay while a service has one of them', async () => {
  await using cluster = await startCluster({ controllers: [serviceAddressController] })
  const { client } = cluster
  const create = (name: string, clusterIP: string) =>
    client.create(services, { metadata: { name, namespace }, spec: { clusterIP, ports: [{ port: 80 }] } })
  const state = async (): Promise<string | undefined> => {
    const block = await unlessGone(client.get(serviceCIDRs, { name: 'more' }))
    const ready = block?.status?.conditions?.[0]
    return block && `${ready?.status} ${ready?.reason} ${block.metadata.finalizers?.join()}`
  }
  await assert.rejects(create('a', '10.97.0.20'), {
    message:
      /failed to allocate IP 10\.97\.0\.20: the provided IP \(10\.97\.0\.20\) is not in the valid range\. The range of valid IPs is 10\.96\.0\.0\/16/,
  })
  await client.create(serviceCIDRs, more)
  await create('a', '10.97.0.20')
  await assert.rejects(create('b', '10.97.0.20'), /provided IP is already allocated/)
  const finalizer = 'networking.k8s.io/service-cidr-finalizer'
  await cluster.until('it is ready', async () => (await state()) === `True  ${finalizer}`)
  await cluster.until('the address is shown', async () => (await client.list(ipAddresses)).items.length === 1)

  await client.delete(serviceCIDRs, { name: 'more' })
  await cluster.until('it waits', async () => (await state()) === `False Terminating ${finalizer}`)
  await assert.rejects(create('b', '10.97.0.21'), /is not in the valid range/)
  await cluster.clock.advance(60_000)
  assert.notEqual(await state(), undefined)
  await client.delete(services, { name: 'a', namespace })
  await cluster.until('it is gone', async () => (await state()) === undefined)
  await client.create(serviceCIDRs, more)
  await create('b', '10.97.0.20')
})

test('an address that somebody else keeps is not given to a service', async () => {
  await using cluster = await startCluster({ controllers: [serviceAddressController] })
  const { client } = cluster
  const spec = { parentRef: { group: 'example.com', resource: 'gateways', name: 'g' } }
  const create = (name: string, clusterIP: string) =>
    client.create(services, { metadata: { name, namespace }, spec: { clusterIP, ports: [{ port: 80 }] } })
  await client.create(ipAddresses, { metadata: { name: '10.96.0.20' }, spec })
  await assert.rejects(create('a', '10.96.0.20'), /provided IP is already allocated/)
  await cluster.clock.advance(5_000)
  assert.deepEqual((await client.get(ipAddresses, { name: '10.96.0.20' })).spec, spec)
  await client.delete(ipAddresses, { name: '10.96.0.20' })
  await create('a', '10.96.0.20')
})

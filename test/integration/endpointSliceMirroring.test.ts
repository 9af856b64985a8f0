import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { events } from '#api/core/v1/event.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { endpointSliceMirroringController } from '#controllers/endpointSliceMirroring/controller.ts'
import { namespace, startCluster } from './controllersCluster.ts'

test('Endpoints kept by hand are mirrored, the slice stays when their ports change, and goes with the service', async () => {
  await using cluster = await startCluster({ controllers: [endpointSliceMirroringController] })
  const { client } = cluster
  const metadata = { name: 'db', namespace }
  const slices = async () => (await client.list(endpointSlices, { namespace })).items
  await client.create(services, { metadata, spec: { ports: [{ port: 80 }] } })
  const addresses = Array.from({ length: 1002 }, (_, index) => ({ ip: `192.168.${index >> 8}.${index & 255}` }))
  const made = await client.create(endpoints, { metadata, subsets: [{ addresses, ports: [{ port: 80 }] }] })
  await cluster.until('it is mirrored', async () => (await slices()).length === 1)
  const [slice] = await slices()
  assert.equal(slice?.endpoints?.length, 1000)
  const told = async () => (await client.list(events, { namespace })).items
  await cluster.until('it is told', async () => (await told()).length > 0)
  assert.deepEqual(
    (await told()).map(({ source, type, reason, message }) => `${source?.component} ${type} ${reason} ${message}`),
    [
      'endpoint-slice-mirroring-controller Warning TooManyAddressesToMirror A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 2 addresses were skipped',
    ],
  )
  await client.update(endpoints, { ...made, subsets: [{ addresses: [{ ip: '192.168.0.1' }], ports: [{ port: 81 }] }] })
  await cluster.until('the ports follow', async () => (await slices())[0]?.ports?.[0]?.port === 81)
  const [after, ...others] = await slices()
  assert.deepEqual([after?.metadata.uid, after?.endpoints?.length, others], [slice?.metadata.uid, 1, []])
  await client.delete(services, metadata)
  await cluster.until('it is gone', async () => (await slices()).length === 0)
})

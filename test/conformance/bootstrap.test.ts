import assert from 'node:assert/strict'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import type { Client } from '#client/client.ts'
import { bootstrapComponent } from '#cluster/bootstrapObjects.ts'
import { defaultConfig } from '#cluster/config.ts'
import { systemClock } from '#lib/clock.ts'
import { conformance } from './conformance.ts'
import { withServer } from './lifeCycle.ts'

// What every cluster begins with: the service of the API server itself.

const server = { address: '172.16.0.2', port: 6443 }
const at = { name: 'kubernetes', namespace: 'default' }

async function withBootstrap(run: (client: Client) => Promise<void>): Promise<void> {
  await withServer(async (client) => {
    const stop = new AbortController()
    const { promise: ready, resolve } = Promise.withResolvers<void>()
    const component = bootstrapComponent({
      client,
      clock: systemClock,
      report: () => {},
      config: defaultConfig,
      server,
      authority: 'PEM',
    })
    const running = component.run(resolve, stop.signal)
    await Promise.race([ready, running])
    await run(client)
    stop.abort()
    await running.catch(() => {})
  })
}

conformance('[sig-network] Services should provide secure master service', () =>
  withBootstrap(async (client) => {
    const { spec } = await client.get(services, at)
    assert.equal(spec.type, 'ClusterIP')
    assert.deepEqual(
      spec.ports?.map(({ name, port, protocol }) => [name, port, protocol]),
      [['https', 443, 'TCP']],
    )
  }),
)

conformance('[sig-network] Services should find a service from listing all namespaces', () =>
  withBootstrap(async (client) => {
    const { items } = await client.list(services)
    assert.ok(items.some(({ metadata }) => metadata.name === at.name && metadata.namespace === at.namespace))
  }),
)

conformance('[sig-network] EndpointSlice should have Endpoints and EndpointSlices pointing to API Server', () =>
  withBootstrap(async (client) => {
    const { subsets = [] } = await client.get(endpoints, at)
    assert.deepEqual(
      subsets.map(({ addresses, ports }) => [addresses?.map(({ ip }) => ip), ports?.map(({ port }) => port)]),
      [[[server.address], [server.port]]],
    )
    const labelSelector = 'kubernetes.io/service-name=kubernetes'
    const { items } = await client.list(endpointSlices, { namespace: at.namespace, labelSelector })
    assert.deepEqual(
      items.map((slice) => [
        (slice.endpoints ?? []).flatMap(({ addresses }) => addresses),
        slice.ports?.map(({ port }) => port),
      ]),
      [[[server.address], [server.port]]],
    )
  }),
)

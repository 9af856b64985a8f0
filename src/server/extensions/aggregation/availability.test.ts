import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '#api/core/v1/service.ts'
import type { EndpointSlice } from '#api/discovery/v1/endpointSlice.ts'
import { planAvailability } from './availability.ts'

const service = (spec: Service['spec'] = {}): Service => ({
  kind: 'Service',
  apiVersion: 'v1',
  metadata: { name: 's', namespace: 'n' },
  spec: { type: 'ClusterIP', ports: [{ name: 'api', port: 443 }], ...spec },
})

const slice = (
  port: { readonly name?: string; readonly port?: number },
  ...ready: readonly (boolean | undefined)[]
): EndpointSlice => ({
  kind: 'EndpointSlice',
  apiVersion: 'discovery.k8s.io/v1',
  metadata: { name: 's-1', namespace: 'n' },
  addressType: 'IPv4',
  endpoints: ready.map((each) => ({
    addresses: ['10.0.0.1'],
    ...(each === undefined ? {} : { conditions: { ready: each } }),
  })),
  ports: [port],
})

const api = { name: 'api', port: 8443 }
const unnamed = service({ ports: [{ port: 443 }] })

const rows: readonly [string, Service | undefined, readonly EndpointSlice[], string | undefined][] = [
  ['no service', undefined, [], 'ServiceNotFound: service/s in "n" is not present'],
  [
    'another port',
    service({ ports: [{ port: 80 }] }),
    [slice(api, true)],
    'ServicePortError: service/s in "n" is not listening on port 443',
  ],
  ['no slices', service(), [], 'EndpointsNotFound: cannot find endpointslices for service/s in "n"'],
  [
    'no endpoint that is ready',
    service(),
    [slice(api, false), slice(api)],
    'MissingEndpoints: endpointslices for service/s in "n" have no addresses with port name "api"',
  ],
  [
    'endpoints for another port',
    service(),
    [slice({ name: 'metrics', port: 1 }, true), slice({ name: 'api' }, true)],
    'MissingEndpoints: endpointslices for service/s in "n" have no addresses with port name "api"',
  ],
  ['one endpoint of many', service(), [slice(api, false), slice(api, false, true)], undefined],
  ['an endpoint of which nothing is known', service(), [slice(api, undefined)], undefined],
  ['a port without a name', unnamed, [slice({ name: '', port: 1 }, true)], undefined],
  ['a name elsewhere', service({ type: 'ExternalName', externalName: 'example.com', ports: [] }), [], undefined],
]

for (const [name, given, slices, expected] of rows) {
  test(`a registration whose service has ${name}`, () => {
    const found = planAvailability({ namespace: 'n', name: 's' }, given, slices)
    assert.equal(found === undefined ? undefined : `${found.reason}: ${found.message}`, expected)
  })
}

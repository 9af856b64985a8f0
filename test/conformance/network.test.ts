import assert from 'node:assert/strict'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { ingresses } from '#api/networking/v1/ingress.ts'
import { ingressClasses } from '#api/networking/v1/ingressClass.ts'
import { ipAddresses } from '#api/networking/v1/ipAddress.ts'
import { serviceCIDRs } from '#api/networking/v1/serviceCIDR.ts'
import { isReason } from '#machinery/status.ts'
import { conformance } from './conformance.ts'
import { assertHolds, labelSelector, namespace, showLifeCycle, withServer } from './lifeCycle.ts'

conformance('[sig-network] EndpointSlice should support creating EndpointSlice API operations', () =>
  showLifeCycle(endpointSlices, {
    object: (index) => ({
      addressType: 'IPv4' as const,
      endpoints: [{ addresses: [`10.0.0.${index + 1}`], conditions: { ready: true } }],
      ports: [{ name: 'http', protocol: 'TCP' as const, port: 80 }],
    }),
  }),
)

conformance('[sig-network] Ingress API should support creating Ingress API operations', () =>
  showLifeCycle(ingresses, {
    object: () => ({
      spec: {
        defaultBackend: { service: { name: 'fallback', port: { number: 80 } } },
        rules: [
          {
            host: 'a.example.com',
            http: {
              paths: [
                {
                  path: '/',
                  pathType: 'ImplementationSpecific' as const,
                  backend: { service: { name: 's', port: { number: 80 } } },
                },
              ],
            },
          },
        ],
      },
    }),
    status: { loadBalancer: { ingress: [{ ip: '169.1.1.1' }] } },
  }),
)

conformance('[sig-network] IngressClass API should support creating IngressClass API operations', () =>
  showLifeCycle(ingressClasses, { object: () => ({ spec: { controller: 'example.com/controller' } }) }),
)

conformance('[sig-network] ServiceCIDR and IPAddress API should support IPAddress API operations', () =>
  showLifeCycle(ipAddresses, {
    names: ['192.168.1.1', '192.168.1.2', '192.168.1.3'],
    object: () => ({ spec: { parentRef: { group: 'example.com', resource: 'things', namespace, name: 'a' } } }),
    async also(client, address) {
      const parentRef = { ...address.spec.parentRef, name: 'other' }
      await assert.rejects(client.update(ipAddresses, { ...address, spec: { parentRef } }), (error) =>
        isReason(error, 'Invalid'),
      )
    },
  }),
)

conformance('[sig-network] ServiceCIDR and IPAddress API should support ServiceCIDR API operations', () =>
  showLifeCycle(serviceCIDRs, {
    object: (index) => ({ spec: { cidrs: [`192.168.${index}.0/24`] } }),
    status: {
      conditions: [
        { type: 'Seen', status: 'True', reason: 'Shown', message: 'm', lastTransitionTime: '2026-01-01T00:00:00Z' },
      ],
    },
    statusAlone: true,
  }),
)

const ports = [{ name: 'http', protocol: 'TCP' as const, port: 80, targetPort: 80 }]

conformance('[sig-network] Services should complete a service status lifecycle', () =>
  showLifeCycle(services, {
    object: () => ({ spec: { type: 'LoadBalancer' as const, ports } }),
    status: { loadBalancer: { ingress: [{ ip: '203.0.113.1', ipMode: 'VIP' }] } },
    async also(client, service) {
      const where = { name: service.metadata.name!, namespace }
      const condition = { type: 'StatusUpdate', status: 'True', reason: 'Shown', message: 'by a test' } as const
      const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }]
      await client.updateStatus(services, { ...service, status: { ...service.status, conditions } })
      assert.deepEqual((await client.get(services, where)).status?.conditions, conditions)
    },
  }),
)

conformance('[sig-network] Services should delete a collection of services', () =>
  withServer(async (client) => {
    for (const name of ['a', 'b', 'c']) {
      const labels = { set: name === 'c' ? 'kept' : 'gone' }
      await client.create(services, { metadata: { name, namespace, labels }, spec: { ports } })
    }
    const named = async (): Promise<readonly string[]> =>
      (await client.list(services, { namespace, labelSelector: 'set' })).items.map(({ metadata }) => metadata.name!)
    assert.deepEqual(await named(), ['a', 'b', 'c'])
    await client.deleteCollection(services, { namespace, labelSelector: 'set=gone' })
    assert.deepEqual(await named(), ['c'])
  }),
)

conformance('[sig-network] Services should test the lifecycle of an Endpoint', () =>
  showLifeCycle(endpoints, {
    object: () => ({
      subsets: [{ addresses: [{ ip: '10.0.0.24' }], ports: [{ name: 'http', port: 80, protocol: 'TCP' as const }] }],
    }),
    async also(client, { metadata }) {
      const where = { name: metadata.name!, namespace }
      const subsets = [
        { addresses: [{ ip: '10.0.0.25' }], ports: [{ name: 'web', port: 8080, protocol: 'TCP' as const }] },
      ]
      await client.patch(endpoints, where, { type: 'strategic', body: { subsets } })
      assertHolds(await client.get(endpoints, where), { subsets })
      const { items } = await client.list(endpoints, { labelSelector })
      assert.equal(items.length, 3)
    },
  }),
)

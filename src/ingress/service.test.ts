import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { IngressLoadBalancerIngress } from '#api/networking/v1/ingress.ts'
import type { Service } from '#api/core/v1/service.ts'
import { serviceOf, sliceOf } from './plan/planned.ts'
import { entryPoints } from './service.ts'

const balanced = (...ingress: readonly IngressLoadBalancerIngress[]): Service => ({
  ...serviceOf('ingress', { type: 'LoadBalancer' }),
  status: { loadBalancer: { ingress: [...ingress] } },
})
const slices = [
  sliceOf('ingress', ['192.0.2.3', '192.0.2.2', { addresses: ['192.0.2.4'], conditions: { ready: false } }]),
]

const rows: readonly [string, Service | undefined, boolean, readonly IngressLoadBalancerIngress[]][] = [
  ['no service', undefined, false, []],
  [
    'a load balancer',
    balanced({ ip: '192.0.2.200' }, { hostname: 'lb.example' }),
    false,
    [{ ip: '192.0.2.200' }, { hostname: 'lb.example' }],
  ],
  ['a load balancer that is to come', balanced(), false, []],
  ['nobody makes load balancers: the nodes that serve', balanced(), true, [{ ip: '192.0.2.2' }, { ip: '192.0.2.3' }]],
  ['somebody did nevertheless', balanced({ ip: '192.0.2.200' }), true, [{ ip: '192.0.2.200' }]],
]

for (const [name, service, withoutLoadBalancer, entries] of rows) {
  test(`entry points: ${name}`, () => assert.deepEqual(entryPoints(service, slices, withoutLoadBalancer), entries))
}

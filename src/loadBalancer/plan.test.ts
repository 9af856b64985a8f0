import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Service, ServiceSpec } from '#api/core/v1/service.ts'
import { fingerprintOf, needsCleanup, planAddresses, wantsLoadBalancer, wishAnnotation } from './plan.ts'
import { parsePool, type Pool } from './pool.ts'

const pool = parsePool('192.0.2.10-192.0.2.12,2001:db8::10-2001:db8::11') as Pool
const onlyIpv4 = parsePool('192.0.2.10-192.0.2.12') as Pool

interface Made {
  readonly spec?: Partial<ServiceSpec>
  readonly metadata?: Partial<Service['metadata']>
  readonly ips?: readonly string[]
}
const service = ({ spec = {}, metadata = {}, ips = [] }: Made = {}): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'a', uid: 'u', ...metadata },
  spec: { type: 'LoadBalancer', ipFamilies: ['IPv4'], ports: [{ port: 80 }], ...spec },
  status: { loadBalancer: ips.length === 0 ? {} : { ingress: ips.map((ip) => ({ ip, ipMode: 'VIP' })) } },
})

describe('the addresses of a service', () => {
  const wish = (text: string): Made => ({ metadata: { annotations: { [wishAnnotation]: text } } })
  const dual = { ipFamilies: ['IPv4' as const, 'IPv6' as const] }
  const rows: readonly [string, Made, readonly string[], readonly string[], string?][] = [
    ['the first that is free', {}, ['192.0.2.10'], ['192.0.2.11']],
    ['the one it has, even when an earlier one is free', { ips: ['192.0.2.12'] }, [], ['192.0.2.12']],
    ['another when its own is that of an older service', { ips: ['192.0.2.10'] }, ['192.0.2.10'], ['192.0.2.11']],
    ['another when its own is not of the pool', { ips: ['198.51.100.1'] }, [], ['192.0.2.10']],
    ['one of each family', { spec: dual }, [], ['192.0.2.10', '2001:db8::10']],
    ['a second family is added', { spec: dual, ips: ['192.0.2.11'] }, [], ['192.0.2.11', '2001:db8::10']],
    ['a family that it has no more goes', { ips: ['192.0.2.11', '2001:db8::10'] }, [], ['192.0.2.11']],
    ['spec.loadBalancerIP', { spec: { loadBalancerIP: '192.0.2.12' }, ips: ['192.0.2.10'] }, [], ['192.0.2.12']],
    [
      'the annotation goes before it',
      { ...wish('192.0.2.11'), spec: { loadBalancerIP: '192.0.2.12' } },
      [],
      ['192.0.2.11'],
    ],
    ['a wish for each family', { ...wish('2001:DB8::11, 192.0.2.12'), spec: dual }, [], ['192.0.2.12', '2001:db8::11']],
    ['a wish for one of two', { ...wish('2001:db8::11'), spec: dual }, [], ['192.0.2.10', '2001:db8::11']],
    [
      'a wish for what another has',
      wish('192.0.2.10'),
      ['192.0.2.10'],
      [],
      `the address 192.0.2.10 that the annotation ${wishAnnotation} asks for is that of service b/other`,
    ],
    [
      'a wish beside the pool',
      { spec: { loadBalancerIP: '192.0.2.99' } },
      [],
      [],
      'the address 192.0.2.99 that spec.loadBalancerIP asks for is not in the pool 192.0.2.10-192.0.2.12,2001:db8::10-2001:db8::11',
    ],
    [
      'a wish of another family',
      wish('2001:db8::10'),
      [],
      [],
      `the service has no family for the address 2001:db8::10 that the annotation ${wishAnnotation} asks for`,
    ],
    [
      'a wish that is no address',
      wish('web.example.com'),
      [],
      [],
      `the annotation ${wishAnnotation} is "web.example.com"; it must be an address, or one of each family separated by a comma`,
    ],
    [
      'two wishes of one family',
      wish('192.0.2.10,192.0.2.11'),
      [],
      [],
      `the annotation ${wishAnnotation} is "192.0.2.10,192.0.2.11"; it must be no more than one address of each family`,
    ],
    [
      'none when all are in use',
      {},
      ['192.0.2.10', '192.0.2.11', '192.0.2.12'],
      [],
      'all IPv4 addresses of the pool 192.0.2.10-192.0.2.12,2001:db8::10-2001:db8::11 are in use',
    ],
    [
      'the other family alone when one has no more',
      { spec: dual },
      ['2001:db8::10', '2001:db8::11'],
      ['192.0.2.10'],
      'all IPv6 addresses of the pool 192.0.2.10-192.0.2.12,2001:db8::10-2001:db8::11 are in use',
    ],
  ]
  for (const [name, made, used, expected, problem] of rows) {
    test(name, () => {
      const plan = planAddresses(service(made), pool, (address) => (used.includes(address) ? 'b/other' : undefined))
      assert.deepEqual({ ips: plan.ingress.map(({ ip }) => ip), problem: plan.problem }, { ips: expected, problem })
    })
  }

  test('a pool without the family', () => {
    const only6 = service({ spec: { ipFamilies: ['IPv6'] } })
    assert.deepEqual(
      planAddresses(only6, onlyIpv4, () => undefined),
      {
        ingress: [],
        problem: 'the pool 192.0.2.10-192.0.2.12 has no IPv6 addresses',
      },
    )
    // Of two families one is enough.
    const both = planAddresses(service({ spec: dual }), onlyIpv4, () => undefined)
    assert.deepEqual(both, { ingress: [{ ip: '192.0.2.10', ipMode: 'VIP' }] })
  })
})

describe('who is ours', () => {
  const finalizers = ['service.kubernetes.io/load-balancer-cleanup']
  const gone = { deletionTimestamp: '2025-01-01T00:00:00Z' }
  const rows: readonly [string, Made, boolean, boolean][] = [
    ['a service without class', {}, true, false],
    ['our class', { spec: { loadBalancerClass: 'k8ts.dev/load-balancer' } }, true, false],
    ['another class', { spec: { loadBalancerClass: 'example.com/lb' } }, false, false],
    [
      'another class that ends',
      { spec: { loadBalancerClass: 'example.com/lb' }, metadata: { finalizers, ...gone } },
      false,
      false,
    ],
    ['another type', { spec: { type: 'NodePort' } }, false, false],
    ['one that was of this type', { spec: { type: 'ClusterIP' }, metadata: { finalizers } }, false, true],
    ['one that ends', { metadata: { finalizers, ...gone } }, false, true],
  ]
  for (const [name, made, wants, cleanup] of rows)
    test(name, () =>
      assert.deepEqual([wantsLoadBalancer(service(made)), needsCleanup(service(made))], [wants, cleanup]),
    )
})

test('only what matters to load balancers asks for another look', () => {
  const before = fingerprintOf(service())
  assert.equal(fingerprintOf(service({ ips: ['192.0.2.10'], metadata: { labels: { a: 'b' } } })), before)
  assert.notEqual(fingerprintOf(service({ spec: { ports: [{ port: 81 }] } })), before)
  assert.notEqual(fingerprintOf(service({ metadata: { annotations: { a: 'b' } } })), before)
  assert.notEqual(fingerprintOf(service({ spec: { externalTrafficPolicy: 'Local' } })), before)
})

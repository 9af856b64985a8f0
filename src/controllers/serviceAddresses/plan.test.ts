import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Service } from '#api/core/v1/service.ts'
import type { IPAddress } from '#api/networking/v1/ipAddress.ts'
import type { ServiceCIDR } from '#api/networking/v1/serviceCIDR.ts'
import { addressesOf, planAddress, planBlock, type AddressPlan } from './plan.ts'

const service = (name: string, ...clusterIPs: string[]): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name, namespace: 'a' },
  spec: { clusterIPs },
})
const labels = {
  'ipaddress.kubernetes.io/ip-family': 'IPv4',
  'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
}
const address = (name: string, own: Partial<IPAddress['metadata']> = {}): IPAddress => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IPAddress',
  metadata: { name: '10.0.0.1', uid: 'u', labels, ...own },
  spec: { parentRef: { resource: 'services', namespace: 'a', name } },
})

test('the addresses of a service are in their one form; None is none', () => {
  assert.deepEqual(addressesOf(service('s', '10.0.0.1', 'FD00:0::1')), ['10.0.0.1', 'fd00::1'])
  assert.deepEqual(addressesOf(service('s', 'None')), [])
})

describe('the object for an address', () => {
  const nothing: AddressPlan = { do: 'nothing' }
  const rows: readonly [string, readonly Service[], IPAddress | undefined, AddressPlan][] = [
    [
      'is made for a service',
      [service('s')],
      undefined,
      {
        do: 'create',
        address: {
          metadata: { name: '10.0.0.1', labels },
          spec: { parentRef: { resource: 'services', namespace: 'a', name: 's' } },
        },
      },
    ],
    ['stays as it is', [service('s')], address('s'), nothing],
    ['goes with the service', [], address('s'), { do: 'delete', uid: 'u' }],
    ['goes when another service has the address', [service('t')], address('s'), { do: 'delete', uid: 'u' }],
    ['is waited for when it goes', [], address('s', { deletionTimestamp: '2025-01-01T00:00:00Z' }), nothing],
    ['stays when somebody else made it', [service('s')], address('x', { labels: {} }), nothing],
    ['is not there without a service', [], undefined, nothing],
  ]
  for (const [name, users, present, expected] of rows) {
    test(name, () => assert.deepEqual(planAddress('10.0.0.1', users, present), expected))
  }
})

test('one block is ready, the others are not; nothing is said twice', () => {
  const block = (name: string): ServiceCIDR => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name },
    spec: { cidrs: ['10.0.0.0/8'] },
  })
  for (const [name, expected] of [
    ['kubernetes', 'True'],
    ['more', 'False'],
  ] as const) {
    const status = planBlock(block(name), 0)
    assert.equal(status?.conditions?.[0]?.status, expected)
    assert.equal(planBlock({ ...block(name), status: status! }, 1000), undefined)
  }
})

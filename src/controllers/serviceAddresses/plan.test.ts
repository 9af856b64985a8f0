import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Service } from '#api/core/v1/service.ts'
import type { IPAddress } from '#api/networking/v1/ipAddress.ts'
import type { ServiceCIDR } from '#api/networking/v1/serviceCIDR.ts'
import { timeText } from '#machinery/time.ts'
import { addressesOf, planAddress, planBlock, protectionFinalizer, type AddressPlan, type BlockPlan } from './plan.ts'

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

describe('a block', () => {
  const now = Date.parse('2025-01-01T00:01:00Z')
  const finalizers = [protectionFinalizer]
  const block = (
    name: string,
    cidr: string,
    own: Partial<ServiceCIDR['metadata']> = {},
    status = 'True',
  ): ServiceCIDR => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'ServiceCIDR',
    metadata: { name, finalizers, ...own },
    spec: { cidrs: [cidr] },
    status: {
      conditions: [
        {
          type: 'Ready',
          status: status as 'True',
          reason: '',
          message: 'Kubernetes Service CIDR is ready',
          lastTransitionTime: '2025-01-01T00:00:00Z',
        },
      ],
    },
  })
  const deletedAgo = (seconds: number) => ({ deletionTimestamp: timeText(now - seconds * 1000) })
  const going = block('more', '10.0.0.0/24', deletedAgo(20))
  const rows: readonly [string, ServiceCIDR, readonly ServiceCIDR[], readonly IPAddress[], BlockPlan | string][] = [
    ['is ready and protected', block('more', '10.0.0.0/24'), [], [address('s')], {}],
    [
      'is protected first',
      block('more', '10.0.0.0/24', { finalizers: ['x'] }),
      [],
      [],
      { finalizers: ['x', protectionFinalizer] },
    ],
    ['stays while an address of a service is in it', going, [], [address('s')], 'Terminating'],
    ['does not stay for what others keep', going, [], [address('s', { labels: {} })], { finalizers: [] }],
    ['goes when nothing is in it', going, [], [address('s', { name: '10.0.1.1' })], { finalizers: [] }],
    ['goes when it is in a larger one', going, [block('all', '10.0.0.0/16')], [address('s')], { finalizers: [] }],
    ['goes when another holds the address', going, [block('some', '10.0.0.0/28')], [address('s')], { finalizers: [] }],
    [
      'stays when the other one goes as well',
      going,
      [block('all', '10.0.0.0/16', deletedAgo(1))],
      [address('s')],
      'Terminating',
    ],
    ['waits a while', block('more', '10.0.0.0/24', deletedAgo(4)), [], [], { after: 6_000 }],
    [
      'is left to others who protect it',
      block('more', '10.0.0.0/24', { ...deletedAgo(20), finalizers: ['x'] }),
      [],
      [],
      {},
    ],
  ]
  for (const [name, own, others, addresses, expected] of rows) {
    test(name, () => {
      const plan = planBlock(own, [own, ...others], addresses, now)
      if (typeof expected !== 'string') return assert.deepEqual(plan, expected)
      assert.deepEqual(plan, {
        status: {
          conditions: [
            {
              type: 'Ready',
              status: 'False',
              reason: expected,
              message:
                'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR',
              lastTransitionTime: timeText(now),
            },
          ],
        },
      })
      return assert.deepEqual(planBlock({ ...own, ...plan } as ServiceCIDR, [own, ...others], addresses, now), {})
    })
  }
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { planRoutes, type PodRoute } from './routes.ts'

const route = (dst: string, gateway: string, dev = 'k', metric = 5, protocol = '89') => ({
  dst,
  gateway,
  dev,
  metric,
  protocol,
})
const words = 'metric 5 protocol 89'
const one: PodRoute = { range: '10.244.1.0/24', via: '10.89.7.11', device: 'k' }
const tunnelled: PodRoute = { range: '10.244.1.0/24', via: '10.244.1.0', device: 'k8ts-vxlan', onlink: true }

describe('planRoutes', () => {
  const cases: readonly (readonly [string, readonly object[], readonly PodRoute[], readonly string[]])[] = [
    ['a new way', [], [one], [`route replace 10.244.1.0/24 via 10.89.7.11 dev k ${words}`]],
    ['nothing to do', [route('10.244.1.0/24', '10.89.7.11')], [one], []],
    ['a node gone', [route('10.244.1.0/24', '10.89.7.11')], [], [`route delete 10.244.1.0/24 dev k ${words}`]],
    [
      'a node moved',
      [route('10.244.1.0/24', '10.89.7.12')],
      [one],
      [`route replace 10.244.1.0/24 via 10.89.7.11 dev k ${words}`],
    ],
    [
      'a node moved to another link',
      [route('10.244.1.0/24', '10.89.7.11')],
      [tunnelled],
      [`route replace 10.244.1.0/24 via 10.244.1.0 dev k8ts-vxlan onlink ${words}`],
    ],
    [
      'a way into WireGuard that is no more',
      [{ dst: '10.244.1.0/24', dev: 'k8ts-wireguard', metric: 5, protocol: '89' }],
      [],
      [`route delete 10.244.1.0/24 dev k8ts-wireguard ${words}`],
    ],
    [
      'both families',
      [],
      [{ range: 'fd00:1::/64', via: 'fd00:89::c', device: 'k' }],
      [`route replace fd00:1::/64 via fd00:89::c dev k ${words}`],
    ],
    [
      'routes of others',
      [
        route('10.244.2.0/24', '1.1.1.1', 'k', 6),
        route('10.0.0.0/8', '1.1.1.1', 'k', 5, 'static'),
        // Of a pool of load balancers.
        { dst: '172.30.9.0/28', dev: 'k', metric: 5, protocol: '89' },
      ],
      [],
      [],
    ],
  ]
  for (const [name, existing, wanted, expected] of cases)
    it(name, () => assert.deepEqual(planRoutes(existing as Record<string, unknown>[], wanted, 5), expected))
})

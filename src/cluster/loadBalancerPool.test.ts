import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { completeConfig, type LoadBalancerConfig } from './config.ts'
import { blocksBeside, loadBalancerPool, planPoolRoutes } from './loadBalancerPool.ts'
import { clusterLayout } from '#cluster/place/layout.ts'
import type { ClusterRecord } from './record.ts'
import { formatPool } from '#loadBalancer/pool.ts'

const record = (loadBalancer?: LoadBalancerConfig, nodes = 1, nodeRange: string | undefined = '10.89.7.0/24') =>
  ({
    config: completeConfig(loadBalancer === undefined ? {} : { loadBalancer }),
    ...(nodeRange === '' ? {} : { nodeRange }),
    nodes: Array.from({ length: nodes }, (_, index) => ({ address: `10.89.7.${11 + index}` })),
  }) as unknown as ClusterRecord

describe('the pool of a cluster', () => {
  const rows: readonly [string, ClusterRecord, string | undefined][] = [
    ['the end of the nodes’ range', record(), '10.89.7.200-10.89.7.250'],
    ['after the last of very many nodes', record({}, 201), '10.89.7.212-10.89.7.250'],
    ['the one that was asked for', record({ pool: '172.30.9.0/28' }), '172.30.9.1-172.30.9.14'],
    ['none when it is off', record({ enabled: false, pool: '172.30.9.0/28' }), undefined],
    ['none where nodes are only simulated', record(undefined, 0, ''), undefined],
  ]
  for (const [name, from, expected] of rows) {
    test(name, () => {
      const pool = loadBalancerPool(from)
      assert.equal(pool === undefined ? undefined : formatPool(pool), expected)
    })
  }
})

test('only what lies beside the nodes’ range needs a way', () => {
  assert.deepEqual(blocksBeside(record()), [])
  assert.deepEqual(blocksBeside(record({ pool: '172.30.9.8/30,10.89.7.220' })), ['172.30.9.9/32', '172.30.9.10/32'])
  const layout = clusterLayout('c')
  assert.deepEqual(blocksBeside(record({ pool: '2001:db8::/120' })), [])
  assert.deepEqual(planPoolRoutes(layout, ['172.30.9.8/30', '2001:db8::/120']), [
    `route replace unreachable 172.30.9.8/30 metric ${layout.barrierMetric} protocol 89`,
    `route replace 172.30.9.8/30 dev ${layout.hostLink} metric ${layout.podRouteMetric} protocol 89`,
    `route replace unreachable 2001:db8::/120 metric ${layout.barrierMetric} protocol 89`,
    `route replace 2001:db8::/120 dev ${layout.hostLink} metric ${layout.podRouteMetric} protocol 89`,
  ])
})

describe('a pool that cannot be', () => {
  const rows: readonly [string, string][] = [
    ['10.89.7.0/24', 'Cannot use 10.89.7.1-10.89.7.254 for load balancers: the cluster itself uses 10.89.7.1'],
    [
      '10.89.7.10-10.89.7.20',
      'Cannot use 10.89.7.10-10.89.7.20 for load balancers: the cluster itself uses 10.89.7.11',
    ],
    ['10.96.3.0/28', 'Cannot use 10.96.3.1-10.96.3.14 for load balancers: it overlaps 10.96.0.0/12'],
  ]
  for (const [pool, message] of rows) test(pool, () => assert.throws(() => blocksBeside(record({ pool })), { message }))
  test('no range', () => {
    assert.throws(() => completeConfig({ loadBalancer: { pool: 'some' } }), {
      name: 'ConfigError',
      message:
        'loadBalancer.pool is "some"; it must be ranges such as 192.0.2.200-192.0.2.250 or 192.0.2.0/28, separated by commas',
    })
  })
})

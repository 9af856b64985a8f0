import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MetricRegistry } from '#lib/metrics.ts'
import { counted } from '../metricsFixture.ts'
import { rangeMetrics } from './metrics.ts'
import { NodeRanges } from './ranges.ts'

test('ranges are given out one after another, and a returned one rests', () => {
  const ranges = new NodeRanges('10.244.0.0/22', 24)
  assert.equal(ranges.take(), '10.244.0.0/24')
  assert.equal(ranges.take(), '10.244.1.0/24')
  ranges.giveBack('10.244.0.0/24')
  assert.deepEqual(
    [ranges.take(), ranges.take(), ranges.take(), ranges.take()],
    ['10.244.2.0/24', '10.244.3.0/24', '10.244.0.0/24', undefined],
  )
})

test('ranges that nodes have already are not given out', () => {
  const ranges = new NodeRanges('10.244.0.0/22', 24)
  assert.equal(ranges.occupy('10.244.0.0/23'), true)
  assert.equal(ranges.occupy('192.168.0.0/24'), false)
  assert.equal(ranges.take(), '10.244.2.0/24')
})

test('each range is counted once when it is taken and once when it is given back', () => {
  const registry = new MetricRegistry()
  const ranges = new NodeRanges('10.244.0.0/22', 24, rangeMetrics(registry))
  ranges.occupy('10.244.0.0/24')
  ranges.occupy('10.244.0.0/23')
  ranges.take()
  ranges.giveBack('10.244.1.0/24')
  ranges.giveBack('10.244.1.0/24')
  const of = '{clusterCIDR="10.244.0.0/22"}'
  assert.deepEqual(counted(registry, 'node_ipam_controller_'), {
    [`cidrset_allocation_tries_per_request_count${of}`]: 1,
    [`cidrset_allocation_tries_per_request_sum${of}`]: 2,
    [`cidrset_cidrs_allocations_total${of}`]: 3,
    [`cidrset_cidrs_releases_total${of}`]: 1,
    [`cidrset_usage_cidrs${of}`]: 0.5,
    [`cirdset_max_cidrs${of}`]: 4,
  })
})

test('IPv6', () => {
  const ranges = new NodeRanges('fd00:10:244::/56', 64)
  assert.deepEqual([ranges.take(), ranges.take(), ranges.family], ['fd00:10:244::/64', 'fd00:10:244:1::/64', 6])
})

test('what cannot be cut is refused', () => {
  assert.throws(() => new NodeRanges('10.244.0.0', 24), /Cannot cut node ranges from "10.244.0.0"/)
  assert.throws(() => new NodeRanges('10.244.0.0/24', 16), /Cannot cut ranges of \/16 from "10.244.0.0\/24"/)
})

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { clusterLayout } from './layout.ts'
import { planBarrier } from './network.ts'

const network = { nodeRange: '10.89.7.0/24', podRange: '10.244.0.0/16', serviceRange: '10.96.0.0/12' }

describe('planBarrier', () => {
  it('covers exactly the ranges in use', () => {
    const layout = { ...clusterLayout('dev'), barrierMetric: 4_294_967_000 }
    assert.deepEqual(planBarrier(layout, network), [
      'route replace unreachable 10.244.0.0/16 metric 4294967000 protocol 89',
      'route replace unreachable 10.96.0.0/12 metric 4294967000 protocol 89',
      'route replace unreachable 10.89.7.0/24 metric 4294967000 protocol 89',
    ])
  })
  it('covers the ranges of both families', () => {
    const layout = { ...clusterLayout('dev'), barrierMetric: 4_294_967_000 }
    const both = { ...network, podRange: '10.244.0.0/16,fd00:10:244::/56' }
    assert.ok(
      planBarrier(layout, both).includes('route replace unreachable fd00:10:244::/56 metric 4294967000 protocol 89'),
    )
  })
})

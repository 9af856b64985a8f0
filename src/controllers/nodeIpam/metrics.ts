import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'

/** Told what becomes of the ranges of one block. */
export interface RangeCounts {
  /** Ranges were taken that were free before; `tried`: so many were not free before one was found. */
  taken(count: number, tried?: number): void
  released(count: number): void
  /** So much of the block is taken now, from 0 to 1. */
  used(share: number): void
}

export function rangeMetrics(registry: MetricRegistry) {
  const common = { labels: ['clusterCIDR'], stability: 'ALPHA' } as const
  const name = (what: string): string => `node_ipam_controller_${what}`
  const taken = registry.counter({
    name: name('cidrset_cidrs_allocations_total'),
    help: 'How many ranges for pods of nodes were taken',
    ...common,
  })
  const released = registry.counter({
    name: name('cidrset_cidrs_releases_total'),
    help: 'How many ranges for pods of nodes were given back',
    ...common,
  })
  const usage = registry.gauge({
    name: name('cidrset_usage_cidrs'),
    help: 'Which share of the ranges for pods of nodes is taken, from 0 to 1',
    ...common,
  })
  const tries = registry.histogram({
    name: name('cidrset_allocation_tries_per_request'),
    help: 'How many ranges for pods of nodes were not free before one was found',
    ...common,
    buckets: exponentialBuckets(1, 5, 5),
  })
  const most = registry.gauge({
    name: name('cirdset_max_cidrs'),
    help: 'How many ranges for pods of nodes there can be',
    ...common,
  })
  /** What is counted of a block that has so many ranges. */
  return (block: string, count: number): RangeCounts => {
    most.with(block).set(count)
    const own = { taken: taken.with(block), released: released.with(block), usage: usage.with(block) }
    return {
      taken(times, tried) {
        own.taken.inc(times)
        if (tried !== undefined) tries.with(block).observe(tried)
      },
      released: (times) => own.released.inc(times),
      used: (share) => own.usage.set(share),
    }
  }
}

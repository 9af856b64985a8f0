import { exponentialBuckets, type MetricRegistry } from '#lib/metrics.ts'
import type { ZoneCount } from './zones.ts'

export function nodeMetrics(registry: MetricRegistry) {
  const ofZone = { labels: ['zone'], stability: 'ALPHA' } as const
  const health = registry.gauge({
    name: 'node_collector_zone_health',
    help: 'How many of the nodes of a zone are ready, in percent',
    ...ofZone,
  })
  const size = registry.gauge({ name: 'node_collector_zone_size', help: 'How many nodes a zone has', ...ofZone })
  const unhealthy = registry.gauge({
    name: 'node_collector_unhealthy_nodes_in_zone',
    help: 'How many nodes of a zone are not ready',
    ...ofZone,
  })
  const evictions = registry.counter({
    name: 'node_collector_evictions_total',
    help: 'How many nodes began to be driven empty since this process started',
    labels: ['zone'],
    stability: 'STABLE',
  })
  return {
    /** Seconds that a look at one node took. */
    looks: registry.histogram({
      name: 'node_collector_update_node_health_duration_seconds',
      help: 'How long a look at the health of one node took, in seconds',
      stability: 'ALPHA',
      buckets: exponentialBuckets(0.001, 4, 8),
    }),
    /** A node of this zone begins to be driven empty. */
    evicts: (zone: string): void => evictions.with(zone).inc(),
    /** Asks for the zones whenever somebody reads. Those that have no nodes any more are told as well. */
    follow(zones: () => Iterable<readonly [zone: string, count: ZoneCount]>): void {
      const known = new Set<string>()
      const tell = (zone: string, nodes: number, unready: number): void => {
        size.with(zone).set(nodes)
        unhealthy.with(zone).set(unready)
        health.with(zone).set(nodes === 0 ? 100 : (100 * (nodes - unready)) / nodes)
      }
      registry.onRender(() => {
        const left = new Set(known)
        for (const [zone, { ready, unready }] of zones()) {
          known.add(zone)
          left.delete(zone)
          evictions.with(zone)
          tell(zone, ready + unready, unready)
        }
        for (const zone of left) tell(zone, 0, 0)
      })
    },
  }
}

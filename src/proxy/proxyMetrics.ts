/** Metrics under the names, labels and buckets that kube-proxy v1.34 gives them. */
import { exponentialBuckets, linearBuckets } from '#lib/metrics.ts'
import type { MetricRegistry } from '#lib/metrics.ts'

import type { Family } from './frontend.ts'
import type { Applied } from './nftables.ts'

const familyLabel = ['ip_family']
export const familyName = (family: Family): 'IPv4' | 'IPv6' => (family === 4 ? 'IPv4' : 'IPv6')

/** What is known of the plan when somebody asks. */
export interface PlanFigures {
  readonly pending: { readonly services: number; readonly endpoints: number }
  readonly withoutLocal: ReadonlyMap<string, number>
}

export type ProxyMetrics = ReturnType<typeof proxyMetrics>

export function proxyMetrics(registry: MetricRegistry, families: readonly Family[], plan: PlanFigures) {
  const buckets = exponentialBuckets(0.001, 2, 15)
  const ofFamily = { labels: familyLabel }
  const duration = (name: string, help: string, bounds = buckets) =>
    registry.histogram({ name: `kubeproxy_${name}_duration_seconds`, help, buckets: bounds, ...ofFamily })
  const all = duration('sync_proxy_rules', 'SyncProxyRules latency in seconds')
  const whole = duration('sync_full_proxy_rules', 'SyncProxyRules latency in seconds for full resyncs')
  const part = duration('sync_partial_proxy_rules', 'SyncProxyRules latency in seconds for partial resyncs')
  const programming = duration('network_programming', 'In Cluster Network Programming Latency in seconds', [
    ...linearBuckets(0.25, 0.25, 2),
    ...linearBuckets(1, 1, 59),
    ...linearBuckets(60, 5, 12),
    ...linearBuckets(120, 30, 7),
  ])
  const conntrack = duration('conntrack_reconciler_sync', 'ReconcileConntrackFlowsLatency latency in seconds')
  const forgotten = registry.counter({
    name: 'kubeproxy_conntrack_reconciler_deleted_entries_total',
    help: 'Cumulative conntrack flows deleted by conntrack reconciler',
    ...ofFamily,
  })
  const gauge = (name: string, help: string, labels: { labels?: readonly string[] } = {}) =>
    registry.gauge({ name: `kubeproxy_${name}`, help, ...labels })
  const counter = (name: string, help: string, labels: { labels?: readonly string[] } = {}) =>
    registry.counter({ name: `kubeproxy_${name}`, help, ...labels })
  const last = gauge(
    'sync_proxy_rules_last_timestamp_seconds',
    'The last time proxy rules were successfully synced',
    ofFamily,
  )
  const queued = gauge(
    'sync_proxy_rules_last_queued_timestamp_seconds',
    'The last time a sync of proxy rules was queued',
    ofFamily,
  )
  const withoutLocal = gauge(
    'sync_proxy_rules_no_local_endpoints_total',
    'Number of services with a Local traffic policy and no endpoints',
    { labels: ['ip_family', 'traffic_policy'] },
  )
  const failures = counter(
    'sync_proxy_rules_nftables_sync_failures_total',
    'Cumulative proxy nftables sync failures',
    ofFamily,
  )
  const pendingServices = gauge('sync_proxy_rules_service_changes_pending', 'Pending proxy rules Service changes')
  const pendingEndpoints = gauge('sync_proxy_rules_endpoint_changes_pending', 'Pending proxy rules Endpoint changes')
  registry.onRender(() => {
    pendingServices.set(plan.pending.services)
    pendingEndpoints.set(plan.pending.endpoints)
    for (const family of families)
      for (const policy of ['internal', 'external'])
        withoutLocal.with(familyName(family), policy).set(plan.withoutLocal.get(`${familyName(family)} ${policy}`) ?? 0)
  })
  return {
    /** A family's rules are as they should be; times in milliseconds. */
    applied(family: Family, applied: Applied, started: number, ended: number, triggeredAt: readonly number[]): void {
      const label = familyName(family)
      const seconds = (ended - started) / 1000
      all.with(label).observe(seconds)
      if (applied.kind === 'whole') whole.with(label).observe(seconds)
      else part.with(label).observe(seconds)
      for (const time of triggeredAt) programming.with(label).observe(Math.max(0, ended - time) / 1000)
      last.with(label).set(ended / 1000)
    },
    queued(now: number): void {
      for (const family of families) queued.with(familyName(family)).set(now / 1000)
    },
    failed: (family: Family): void => failures.with(familyName(family)).inc(),
    forgot(family: Family, count: number, milliseconds: number): void {
      conntrack.with(familyName(family)).observe(milliseconds / 1000)
      forgotten.with(familyName(family)).inc(count)
    },
    serviceChanges: counter('sync_proxy_rules_service_changes_total', 'Cumulative proxy rules Service changes'),
    endpointChanges: counter('sync_proxy_rules_endpoint_changes_total', 'Cumulative proxy rules Endpoint changes'),
    healthz: counter('proxy_healthz_total', 'Cumulative proxy healthz HTTP status', { labels: ['code'] }),
    livez: counter('proxy_livez_total', 'Cumulative proxy livez HTTP status', { labels: ['code'] }),
  }
}

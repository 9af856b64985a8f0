/** What `docs/metrics.md` says that a cluster tells, and what a whole cluster tells at `/metrics`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { controllerMetrics } from '#controllers/metrics.ts'
import { queueMetrics } from '#lib/async/queueMetrics.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { MetricRegistry, type MetricDescription } from '#lib/metrics.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { SchedulerCache } from '#scheduler/cache.ts'
import { SchedulingQueue } from '#scheduler/queue.ts'
import { SchedulerMetrics } from '#scheduler/schedulerMetrics.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'
import { busyCluster } from './busyCluster.ts'

const document = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')

/** The rows of the table that follows a mark of the document. */
function tableOf(mark: string): readonly string[] {
  const [, rest] = document.split(`<!-- metrics: ${mark} -->\n`)
  assert.ok(rest !== undefined, `no table "${mark}"`)
  const lines = rest.split('\n')
  const end = lines.findIndex((line) => !line.startsWith('|'))
  return lines.slice(2, end === -1 ? undefined : end)
}

function rowOf({ name, type, labels = [], stability }: MetricDescription): string {
  return `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(', ')} | ${stability ?? ''} |`
}

const documented: Readonly<Record<string, (registry: MetricRegistry) => unknown>> = {
  'work queues': (registry) => queueMetrics(registry, new SimulatedClock()),
  controllers: controllerMetrics,
  scheduler: (registry) => {
    const clock = new SimulatedClock()
    const queue = new SchedulingQueue({ clock, rulesOf: () => new Map() })
    return new SchedulerMetrics(registry, { queue, cache: new SchedulerCache() }, clock)
  },
}

/** What `/metrics` says to those who may read it and nothing else. */
async function read({ server }: SimulatedCluster): Promise<string> {
  const prometheus = { name: 'prometheus', groups: ['system:monitoring', 'system:authenticated'] }
  const { body } = await inProcessTransport(server, prometheus).send({ method: 'GET', path: '/metrics' })
  return String(body)
}

for (const [mark, register] of Object.entries(documented)) {
  test(`the document says of ${mark} what is counted`, () => {
    const registry = new MetricRegistry()
    register(registry)
    assert.deepEqual(tableOf(mark), registry.describe().map(rowOf))
  })
}

test('a whole cluster tells everything that is documented', async () => {
  await using cluster = await busyCluster()
  const text = await read(cluster)
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]))
  const names = Object.keys(documented).flatMap((mark) =>
    tableOf(mark).map((row) => /^\| `(\w+)` \| (\w+) \|/.exec(row)!.slice(1) as [string, string]),
  )
  assert.deepEqual(
    names.map(([name]) => [name, types.get(name)]),
    names,
  )
  const values = valuesOf(text)
  assert.deepEqual(
    Object.keys(expected).map((series) => [series, values.get(series)]),
    Object.entries(expected),
  )
})

/** The values of all series. */
function valuesOf(text: string): ReadonlyMap<string, number> {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ')
      return [line.slice(0, at), Number(line.slice(at + 1))]
    }),
  )
}

/** What the busy cluster has counted, where that does not hang on how often somebody looks. */
const expected: Readonly<Record<string, number>> = {
  cronjob_controller_job_creation_skew_duration_seconds_count: 3,
  cronjob_controller_job_creation_skew_duration_seconds_sum: 0,
  'endpoint_slice_controller_changes{operation="create"}': 1,
  endpoint_slice_controller_endpoints_added_per_sync_sum: 3,
  endpoint_slice_controller_endpoints_desired: 1,
  endpoint_slice_controller_endpoints_removed_per_sync_sum: 2,
  endpoint_slice_controller_num_endpoint_slices: 1,
  'endpoint_slice_controller_services_count_by_traffic_distribution{traffic_distribution="PreferSameZone"}': 1,
  'endpoint_slice_mirroring_controller_changes{operation="create"}': 1,
  endpoint_slice_mirroring_controller_endpoints_added_per_sync_sum: 2,
  endpoint_slice_mirroring_controller_endpoints_desired: 2,
  'horizontal_pod_autoscaler_controller_reconciliations_total{action="scale_down",error="none"}': 1,
  'job_controller_job_finished_indexes_total{status="failed",backoffLimit="perIndex"}': 2,
  'job_controller_job_pods_creation_total{reason="new",status="succeeded"}': 9,
  'job_controller_job_pods_finished_total{completion_mode="Indexed",result="failed"}': 2,
  'job_controller_job_pods_finished_total{completion_mode="NonIndexed",result="failed"}': 2,
  'job_controller_job_pods_finished_total{completion_mode="NonIndexed",result="succeeded"}': 4,
  'job_controller_jobs_by_external_controller_total{controller_name="example.com/queue"}': 1,
  'job_controller_jobs_finished_total{completion_mode="Indexed",result="failed",reason="FailedIndexes"}': 1,
  'job_controller_jobs_finished_total{completion_mode="NonIndexed",result="failed",reason="BackoffLimitExceeded"}': 1,
  'job_controller_jobs_finished_total{completion_mode="NonIndexed",result="failed",reason="PodFailurePolicy"}': 1,
  'job_controller_jobs_finished_total{completion_mode="NonIndexed",result="succeeded",reason="CompletionsReached"}': 3,
  'job_controller_pod_failures_handled_by_failure_policy_total{action="FailJob"}': 1,
  'job_controller_terminated_pods_tracking_finalizer_total{event="add"}': 8,
  'job_controller_terminated_pods_tracking_finalizer_total{event="delete"}': 8,
  'node_collector_evictions_total{zone=""}': 0,
  'node_collector_unhealthy_nodes_in_zone{zone=""}': 0,
  'node_collector_zone_health{zone=""}': 100,
  'node_collector_zone_size{zone=""}': 3,
  'node_ipam_controller_cidrset_allocation_tries_per_request_sum{clusterCIDR="10.244.0.0/16"}': 0,
  'node_ipam_controller_cidrset_cidrs_allocations_total{clusterCIDR="10.244.0.0/16"}': 3,
  'node_ipam_controller_cidrset_cidrs_releases_total{clusterCIDR="10.244.0.0/16"}': 0,
  'node_ipam_controller_cidrset_usage_cidrs{clusterCIDR="10.244.0.0/16"}': 0.01171875,
  'node_ipam_controller_cirdset_max_cidrs{clusterCIDR="10.244.0.0/16"}': 256,
  'pv_collector_bound_pv_count{storage_class="by-hand"}': 1,
  'pv_collector_bound_pvc_count{namespace="default",storage_class="by-hand",volume_attributes_class=""}': 1,
  'pv_collector_total_pv_count{plugin_name="kubernetes.io/host-path",volume_mode="Filesystem"}': 2,
  'pv_collector_unbound_pv_count{storage_class="by-hand"}': 1,
  'pv_collector_unbound_pvc_count{namespace="default",storage_class="by-hand",volume_attributes_class=""}': 1,
  replicaset_controller_sorting_deletion_age_ratio_sum: 3,
  replicaset_controller_sorting_deletion_age_ratio_count: 3,
  ttl_after_finished_controller_job_deletion_duration_seconds_count: 1,
  ttl_after_finished_controller_job_deletion_duration_seconds_sum: 0,
  'scheduler_cache_size{type="nodes"}': 3,
  'scheduler_pending_pods{queue="unschedulable"}': 1,
  'scheduler_unschedulable_pods{plugin="NodeResourcesFit",profile="default-scheduler"}': 1,
}

/** Those of kube-controller-manager v1.34. */
const queueNames = [
  'ClusterRoleAggregator',
  'bootstrap_signer_queue',
  'certificate',
  'cidrallocator_node',
  'claims',
  'cronjob',
  'daemonset',
  'deployment',
  'disruption',
  'endpoint',
  'endpoint_slice',
  'endpoint_slice_mirroring',
  'ephemeral_volume',
  'garbage_collector_attempt_to_delete',
  'horizontalpodautoscaler',
  'ipaddresses',
  'job',
  'namespace',
  'node_lifecycle_controller',
  'noexec_taint_pod',
  'pvcprotection',
  'pvprotection',
  'replicaset',
  'replicationmanager',
  'resourcequota_primary',
  'root_ca_cert_publisher',
  'serviceaccount',
  'serviceaccount_tokens_service',
  'statefulset',
  'token_cleaner',
  'ttl_jobs_to_delete',
  'ttlcontroller',
  'vacprotection',
  'validatingadmissionpolicy-status',
  'volume_expand',
]

test('each queue has the name that it has in Kubernetes', async () => {
  await using cluster = await simulatedCluster()
  const names = [...(await read(cluster)).matchAll(/^workqueue_depth\{name="([^"]+)"\}/gm)].map(([, name]) => name!)
  // What Kubernetes has no queue for is called after its controller.
  const others = [
    'certificatesigningrequest-cleaner-controller',
    'legacy-serviceaccount-token-cleaner-controller',
    'local-volume-provisioner',
    'pod-garbage-collector',
  ]
  assert.deepEqual(names, [...queueNames, ...others].toSorted())
})

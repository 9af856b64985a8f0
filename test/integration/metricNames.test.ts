/** What `docs/metrics.md` says that a cluster tells, and what a whole cluster tells at `/metrics`. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { queueMetrics } from '#lib/async/queueMetrics.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { MetricRegistry, type MetricDescription } from '#lib/metrics.ts'
import { inProcessTransport } from '#server/inProcess.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'

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
  await using cluster = await simulatedCluster()
  const types = new Map(
    [...(await read(cluster)).matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]),
  )
  const names = Object.keys(documented).flatMap((mark) =>
    tableOf(mark).map((row) => /^\| `(\w+)` \| (\w+) \|/.exec(row)!.slice(1) as [string, string]),
  )
  assert.deepEqual(
    names.map(([name]) => [name, types.get(name)]),
    names,
  )
})

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

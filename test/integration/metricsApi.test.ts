/** What nodes and pods use, as clients of metrics-server know it: with the real kubectl, and in discovery. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clusterPolicy } from '#cluster/roles.ts'
import { systemClock } from '#lib/clock.ts'
import { metricsObjects } from '#metrics/api.ts'
import { parseResourceMetrics } from '#metrics/resourceText.ts'
import { MetricsStore } from '#metrics/store.ts'
import { startForKubectl, type KubectlFixture } from './kubectlFixture.ts'

const then = Date.UTC(2026, 0, 1)

/** What a kubelet tells: seconds of cpu, and MiB of memory, by namespace, pod and container. */
function kubeletText(at: number, cpu: number, containers: Readonly<Record<string, readonly [number, number]>>): string {
  const lines = [`node_cpu_usage_seconds_total ${cpu} ${at}`, `node_memory_working_set_bytes ${512 * 2 ** 20} ${at}`]
  for (const [path, [used, memory]] of Object.entries(containers)) {
    const [namespace, pod, container] = path.split('/')
    const labels = `{container="${container}",namespace="${namespace}",pod="${pod}"}`
    lines.push(`container_cpu_usage_seconds_total${labels} ${used} ${at}`)
    lines.push(`container_memory_working_set_bytes${labels} ${memory * 2 ** 20} ${at}`)
    lines.push(`container_start_time_seconds${labels} ${then / 1000 - 3600}`)
  }
  return lines.join('\n')
}

async function startWithMetrics(): Promise<KubectlFixture & { readonly store: MetricsStore }> {
  const store = new MetricsStore(15_000)
  const kubectl = await startForKubectl({
    metrics: metricsObjects(store, systemClock),
    policy: () => clusterPolicy([]),
  })
  const { transport } = kubectl.fixture
  const post = (path: string, body: object) => transport.send({ method: 'POST', path, body })
  await post('/api/v1/nodes', {
    metadata: { name: 'n1', labels: { zone: 'a' } },
    status: {
      capacity: { cpu: '4', memory: '2Gi' },
      allocatable: { cpu: '4', memory: '2Gi' },
    },
  })
  for (const [namespace, name, app] of [
    ['default', 'web', 'web'],
    ['default', 'db', 'db'],
    ['kube-system', 'dns', 'dns'],
  ]) {
    await post(`/api/v1/namespaces/${namespace}/pods`, {
      metadata: { name, labels: { app } },
      spec: { nodeName: 'n1', containers: [{ name: 'main', image: 'i' }] },
    })
  }
  return Object.assign(kubectl, { store })
}

const scrape = (store: MetricsStore, at: number, cpu: number, containers: Parameters<typeof kubeletText>[2]): void =>
  store.take(new Map([['n1', parseResourceMetrics(kubeletText(then + at * 1000, cpu, containers), then)]]))

const squeezed = (text: string): string[] => text.split('\n').map((line) => line.replace(/ +/g, ' '))

test('kubectl shows what nodes and pods use, once it was read twice', async () => {
  await using kubectl = await startWithMetrics()
  const { say, store } = kubectl
  assert.equal(
    await say('root', 'top node n1'),
    'Error from server (NotFound): nodemetrics.metrics.k8s.io "n1" not found',
  )
  assert.equal(
    await say('root', 'top pod web'),
    'Error from server (NotFound): podmetrics.metrics.k8s.io "default/web" not found',
  )
  scrape(store, 0, 100, { 'default/web/main': [10, 50], 'default/web/side': [1, 10], 'kube-system/dns/main': [3, 20] })
  assert.match(await say('root', 'top node'), /^error: metrics not available yet$/)
  scrape(store, 15, 115, {
    'default/web/main': [13, 60],
    'default/web/side': [1.15, 10],
    'default/db/main': [7, 300],
    'kube-system/dns/main': [9, 20],
  })
  scrape(store, 30, 130, {
    'default/web/main': [16, 64],
    'default/web/side': [1.3, 12],
    'default/db/main': [7.75, 300],
    'kube-system/dns/main': [15, 20],
  })
  assert.deepEqual(squeezed(await say('root', 'top node')), [
    'NAME CPU(cores) CPU(%) MEMORY(bytes) MEMORY(%)',
    'n1 1000m 25% 512Mi 25%',
  ])
  assert.deepEqual(squeezed(await say('root', 'top pod')), [
    'NAME CPU(cores) MEMORY(bytes)',
    'db 50m 300Mi',
    'web 210m 76Mi',
  ])
  assert.deepEqual(squeezed(await say('root', 'top pod --containers -l app=web')), [
    'POD NAME CPU(cores) MEMORY(bytes)',
    'web main 200m 64Mi',
    'web side 10m 12Mi',
  ])
  assert.deepEqual(squeezed(await say('root', 'top pod -A --sort-by=cpu --no-headers')), [
    'kube-system dns 400m 20Mi',
    'default web 210m 76Mi',
    'default db 50m 300Mi',
  ])
  assert.deepEqual(squeezed(await say('root', 'get nodes.metrics.k8s.io')), [
    'NAME CPU MEMORY WINDOW',
    'n1 1 512Mi 15s',
  ])
  assert.deepEqual(squeezed(await say('root', 'get podmetrics')), [
    'NAME CPU MEMORY WINDOW',
    'db 50m 300Mi 15s',
    'web 210m 76Mi 15s',
  ])
  assert.deepEqual(kubectl.fixture.bugs, [])
})

test('the objects, discovery, documents and permissions are those of metrics-server', async () => {
  await using kubectl = await startWithMetrics()
  const { say, store } = kubectl
  scrape(store, 0, 100, { 'default/web/main': [10, 50] })
  scrape(store, 15, 101.5, { 'default/web/main': [10.0123456, 50] })
  const { metadata, ...pod } = JSON.parse(
    await say('root', 'get --raw /apis/metrics.k8s.io/v1beta1/namespaces/default/pods/web'),
  )
  assert.deepEqual(pod, {
    kind: 'PodMetrics',
    apiVersion: 'metrics.k8s.io/v1beta1',
    timestamp: '2026-01-01T00:00:15Z',
    window: '15s',
    containers: [{ name: 'main', usage: { cpu: '823040n', memory: '50Mi' } }],
  })
  assert.deepEqual([metadata.name, metadata.namespace, metadata.labels], ['web', 'default', { app: 'web' }])
  const list = JSON.parse(await say('root', 'get --raw /apis/metrics.k8s.io/v1beta1/nodes?labelSelector=zone%3Da'))
  assert.deepEqual([list.kind, list.metadata, list.items.length], ['NodeMetricsList', {}, 1])
  assert.equal(
    JSON.parse(await say('root', 'get --raw /apis/metrics.k8s.io/v1beta1/nodes?labelSelector=zone%3Db')).items.length,
    0,
  )
  assert.deepEqual(JSON.parse(await say('root', 'get --raw /apis/metrics.k8s.io/v1beta1')), {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: 'metrics.k8s.io/v1beta1',
    resources: [
      { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: ['get', 'list'] },
      { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: ['get', 'list'] },
    ],
  })
  const [head, service] = squeezed(await say('root', 'get apiservice v1beta1.metrics.k8s.io'))
  assert.equal(head, 'NAME SERVICE AVAILABLE AGE')
  assert.match(service!, /^v1beta1\.metrics\.k8s\.io Local True /)
  assert.match(
    await say('root', 'explain podmetrics.containers.usage'),
    /^GROUP: +metrics\.k8s\.io\nKIND: +PodMetrics\nVERSION: +v1beta1/,
  )
  assert.match(await say('root', 'delete podmetrics web'), /MethodNotAllowed/)
  assert.match(
    await say('jane', 'top pod'),
    /^Error from server \(Forbidden\): pods\.metrics\.k8s\.io is forbidden: User "jane" cannot list/,
  )
  const reader = JSON.parse(await say('root', 'get clusterrole system:aggregated-metrics-reader -o json'))
  assert.deepEqual(
    [
      reader.rules,
      ...['view', 'edit', 'admin'].map((to) => reader.metadata.labels[`rbac.authorization.k8s.io/aggregate-to-${to}`]),
    ],
    [
      [{ apiGroups: ['metrics.k8s.io'], resources: ['nodes', 'pods'], verbs: ['get', 'list', 'watch'] }],
      'true',
      'true',
      'true',
    ],
  )
  assert.deepEqual(kubectl.fixture.bugs, [])
})

test('a cluster without says so', async () => {
  await using kubectl = await startForKubectl()
  assert.equal(await kubectl.say('root', 'top pod'), 'error: Metrics API not available')
  assert.equal(await kubectl.say('root', 'top node'), 'error: Metrics API not available')
})

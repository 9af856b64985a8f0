/** What autoscalers measure by: custom and external metrics that another server serves, and a metrics-server in our place. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MetricSpec } from '#api/autoscaling/v2/metric.ts'
import { clientOver } from '#client/client.ts'
import type { Transport } from '#client/transport.ts'
import { MetricsApis } from '#controllers/horizontalPodAutoscaler/metricsApis.ts'
import { ServedKinds } from '#controllers/horizontalPodAutoscaler/servedKinds.ts'
import { systemClock } from '#lib/clock.ts'
import { until } from './aggregationFixture.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { register, registrations, startExtension, whenSaid, type ExtensionServer } from './extensionServer.ts'

const custom = 'custom.metrics.k8s.io'
const external = 'external.metrics.k8s.io'
const ofPods: MetricSpec = {
  type: 'Pods',
  pods: {
    metric: { name: 'requests', selector: { matchLabels: { verb: 'get' } } },
    target: { type: 'AverageValue', averageValue: '1' },
  },
}
const ofObject = (kind: string, apiVersion = 'v1'): MetricSpec => ({
  type: 'Object',
  object: {
    describedObject: { kind, apiVersion, name: 'web' },
    metric: { name: 'hits' },
    target: { type: 'Value', value: '1' },
  },
})
const outside: MetricSpec = {
  type: 'External',
  external: {
    metric: { name: 'queue', selector: { matchLabels: { topic: 'a' } } },
    target: { type: 'Value', value: '1' },
  },
}
const cpu: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 1 } },
}

/** Has the extension serve one more version of a group. */
async function registerGroup(
  fixture: ServerFixture,
  extension: ExtensionServer,
  group: string,
  version: string,
): Promise<void> {
  const service = { namespace: 'default', name: 'kitchen', port: extension.port }
  const { transport } = fixture
  const path = `${registrations}/${version}.${group}`
  const spec = {
    group,
    version,
    groupPriorityMinimum: 100,
    versionPriority: 100,
    caBundle: extension.caBundle,
    service,
  }
  const isThere = (await transport.send({ method: 'GET', path: registrations })).body as {
    items: { metadata: { name: string } }[]
  }
  if (isThere.items.some(({ metadata }) => metadata.name === `${version}.${group}`)) {
    await transport.send({ method: 'PATCH', path, body: { spec }, contentType: 'application/merge-patch+json' })
  } else
    await transport.send({
      method: 'POST',
      path: registrations,
      body: { metadata: { name: `${version}.${group}` }, spec },
    })
  await until(async () => {
    const { body } = await transport.send({ method: 'GET', path })
    const { status } = body as { status?: { conditions?: { reason: string }[] } }
    return status?.conditions?.some(({ reason }) => reason === 'Passed') === true ? true : undefined
  })
}

/** A server whose extension answers the paths of `answers`, and is found in discovery with the kinds of `groups`. */
async function start(
  groups: Readonly<Record<string, readonly string[]>>,
  answers: Readonly<Record<string, readonly object[]>>,
) {
  const stack = new AsyncDisposableStack()
  const fixture = stack.use(await startServer({ clock: systemClock }))
  const extension = stack.use(await startExtension())
  const asked: string[] = []
  extension.isAggregated = false
  extension.behave = ({ path, search }, reply) => {
    const [, , group = '', version = ''] = path.split('/')
    const versions = Object.hasOwn(groups, group) ? groups[group] : undefined
    if (!path.startsWith('/apis/') || versions?.includes(version) !== true) return false
    const json = (body: object, code = 200) =>
      reply.send(code, { 'content-type': 'application/json' }, JSON.stringify(body))
    if (path.split('/').length === 4) {
      const resources = [
        { name: 'pods', singularName: '', namespaced: true, kind: 'MetricValueList', verbs: ['get', 'list'] },
      ]
      json({ kind: 'APIResourceList', apiVersion: 'v1', groupVersion: `${group}/${version}`, resources })
      return true
    }
    asked.push(decodeURIComponent(path.slice(6) + (search === '' ? '' : `?${search}`)))
    const items = Object.hasOwn(answers, path) ? answers[path] : undefined
    if (items === undefined) {
      json(
        {
          kind: 'Status',
          apiVersion: 'v1',
          status: 'Failure',
          reason: 'NotFound',
          message: 'there is no such metric',
          details: { name: 'x' },
          code: 404,
        },
        404,
      )
    } else json({ kind: 'List', apiVersion: `${group}/${version}`, metadata: {}, items })
    return true
  }
  await register(fixture, extension)
  await whenSaid(fixture, 'Passed')
  for (const [group, versions] of Object.entries(groups)) {
    for (const version of versions) await registerGroup(fixture, extension, group, version)
  }
  const client = clientOver(fixture.transport as Transport)
  const apis = new MetricsApis(client, new ServedKinds(client, systemClock))
  const measure = (...specs: MetricSpec[]) =>
    apis.measure(specs, { namespace: 'default', selector: 'app=web' }, AbortSignal.timeout(20_000))
  return { fixture, extension, asked, measure, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const timestamp = '2026-01-01T00:00:00Z'
const at = Date.parse(timestamp)

test('custom and external metrics are asked for as by clients of upstream', async () => {
  const root = `/apis/${custom}/v1beta2/namespaces/default`
  await using both = await start(
    { [custom]: ['v1beta1', 'v1beta2'], [external]: ['v1beta1'] },
    {
      [`${root}/pods/*/requests`]: [
        {
          describedObject: { kind: 'Pod', name: 'a' },
          metric: { name: 'requests' },
          timestamp,
          windowSeconds: 30,
          value: '1500m',
        },
        { describedObject: { kind: 'Pod', name: 'b' }, metric: { name: 'requests' }, timestamp, value: '2' },
      ],
      [`${root}/services/web/hits`]: [{ describedObject: { kind: 'Service', name: 'web' }, timestamp, value: '7k' }],
      [`${root}/ingresses.networking.k8s.io/web/hits`]: [
        { timestamp, value: '3' },
        { timestamp, value: '4' },
      ],
      [`${root}/metrics/hits`]: [{ timestamp, value: '9' }],
      [`/apis/${external}/v1beta1/namespaces/default/queue`]: [
        { metricName: 'queue', metricLabels: {}, timestamp, value: '10' },
        { metricName: 'queue', metricLabels: {}, timestamp, value: '5500m' },
      ],
    },
  )
  const ingress = ofObject('Ingress', 'networking.k8s.io/v1')
  const found = await both.measure(
    ofPods,
    ofObject('Service'),
    ingress,
    ofObject('Namespace'),
    outside,
    ofObject('Gadget', 'example.com/v1'),
  )
  assert.deepEqual(found, [
    {
      pods: new Map([
        ['a', { milli: 1500, at, window: 30_000 }],
        ['b', { milli: 2000, at, window: 60_000 }],
      ]),
    },
    { milli: 7_000_000 },
    {
      problem:
        'unable to get metric hits: unable to fetch metrics from custom metrics API: the custom metrics API server returned 2 results when we asked for exactly one on Ingress default/web',
    },
    { milli: 9_000 },
    { milli: 15_500 },
    {
      problem:
        'unable to get metric hits: unable to fetch metrics from custom metrics API: no matches for kind "Gadget" in group "example.com" on Gadget default/web',
    },
  ])
  assert.deepEqual(both.asked.toSorted(), [
    `${custom}/v1beta2/namespaces/default/ingresses.networking.k8s.io/web/hits`,
    `${custom}/v1beta2/namespaces/default/metrics/hits`,
    `${custom}/v1beta2/namespaces/default/pods/*/requests?labelSelector=app=web&metricLabelSelector=verb=get`,
    `${custom}/v1beta2/namespaces/default/services/web/hits`,
    `${external}/v1beta1/namespaces/default/queue?labelSelector=topic=a`,
  ])
})

test('the older version of custom metrics is asked where there is no newer one; what is refused is told', async () => {
  await using both = await start(
    { [custom]: ['v1beta1'], [external]: ['v1beta1'] },
    { [`/apis/${custom}/v1beta1/namespaces/default/pods/*/requests`]: [] },
  )
  assert.deepEqual(await both.measure(ofPods, ofObject('Service'), outside), [
    { problem: 'no metrics returned from custom metrics API' },
    {
      problem:
        'unable to get metric hits: unable to fetch metrics from custom metrics API: there is no such metric on Service default/web',
    },
    {
      problem:
        'unable to get external metric default/queue/&LabelSelector{MatchLabels:map[string]string{topic: a,},MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: there is no such metric',
    },
  ])
  await both.extension[Symbol.asyncDispose]()
  const [, , gone] = await both.measure(ofPods, ofObject('Service'), outside)
  assert.match(
    (gone as { problem: string }).problem,
    /: unable to fetch metrics from external metrics API: .*\(get queue\.external\.metrics\.k8s\.io\)$/,
  )
})

test('without the APIs it is said that there are none', async () => {
  await using both = await start({}, {})
  assert.deepEqual(await both.measure(cpu, ofPods, outside), [
    {
      problem:
        'unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)',
    },
    {
      problem:
        'unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
    },
    {
      problem:
        'unable to get external metric default/queue/&LabelSelector{MatchLabels:map[string]string{topic: a,},MatchExpressions:[]LabelSelectorRequirement{},}: unable to fetch metrics from external metrics API: the server could not find the requested resource (get queue.external.metrics.k8s.io)',
    },
  ])
})

test('a metrics-server that is registered takes the place of ours', async () => {
  const path = '/apis/metrics.k8s.io/v1beta1/namespaces/default/pods'
  const pod = (name: string, cpuText: string) => ({
    metadata: { name, namespace: 'default' },
    timestamp,
    window: '20s',
    containers: [{ name: 'c', usage: { cpu: cpuText, memory: '1Mi' } }],
  })
  await using both = await start({ 'metrics.k8s.io': ['v1beta1'] }, { [path]: [pod('a', '250m'), pod('b', '1')] })
  assert.deepEqual(await both.measure(cpu), [
    {
      pods: new Map([
        ['a', { milli: 250, at, window: 20_000 }],
        ['b', { milli: 1000, at, window: 20_000 }],
      ]),
    },
  ])
})

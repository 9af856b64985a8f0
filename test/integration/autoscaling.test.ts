/** Autoscalers in a simulated cluster, whose pods use what is declared: out and in, in virtual time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deployments } from '#api/apps/v1/deployment.ts'
import {
  horizontalPodAutoscalers,
  type HorizontalPodAutoscaler,
  type HorizontalPodAutoscalerSpec,
} from '#api/autoscaling/v2/horizontalPodAutoscaler.ts'
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import { events } from '#api/core/v1/event.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { resource } from '#api/resource.ts'
import { simulatedCluster, type SimulatedCluster, type SimulatedClusterOptions } from '#simulation/simulatedCluster.ts'

const at = { name: 'web', namespace: 'default' }
const labels = { app: 'web' }
const load = 'simulation.k8ts.dev'

interface Shape {
  readonly replicas?: number
  readonly annotations?: Record<string, string>
  readonly traffic?: string
  readonly spec?: Partial<HorizontalPodAutoscalerSpec>
  readonly cluster?: SimulatedClusterOptions
}

/** A Deployment behind a Service, with an autoscaler: 50 % of 200m. */
async function start({ replicas = 1, annotations = {}, traffic, spec, cluster: options }: Shape) {
  const cluster = await simulatedCluster({ nodes: 3, ...options })
  const { client } = cluster
  await client.create(deployments, {
    metadata: at,
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels, annotations },
        spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '200m', memory: '100Mi' } } }] },
      },
    },
  })
  await client.create(services, {
    metadata: { ...at, ...(traffic === undefined ? {} : { annotations: { [`${load}/traffic`]: traffic } }) },
    spec: { selector: labels, ports: [{ port: 80 }] },
  })
  await client.create(horizontalPodAutoscalers, {
    metadata: at,
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      maxReplicas: 10,
      metrics: [
        { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } } },
      ],
      ...spec,
    },
  })
  return cluster
}

const autoscaler = ({ client }: SimulatedCluster): Promise<HorizontalPodAutoscaler> =>
  client.get(horizontalPodAutoscalers, at)

const replicasOf = async ({ client }: SimulatedCluster): Promise<number> =>
  (await client.get(deployments, at)).spec.replicas ?? 0

async function told({ client }: SimulatedCluster): Promise<readonly string[]> {
  const { items } = await client.list(events, { fieldSelector: 'involvedObject.kind=HorizontalPodAutoscaler' })
  return items.map(({ type, reason, message, source }) => `${type} ${reason} ${source?.component}: ${message}`)
}

const facts = ({ status }: HorizontalPodAutoscaler): Record<string, string> =>
  Object.fromEntries((status?.conditions ?? []).map(({ type, status: holds, reason }) => [type, `${holds} ${reason}`]))

test('the load of a service is shared by more and more pods, and by fewer again once it is over', async () => {
  await using cluster = await start({
    annotations: { [`${load}/cpu-per-request`]: '1m' },
    traffic: '0s=50, 5m=50, 6m=700, 40m=700, 41m=90',
  })
  await cluster.until(async () => facts(await autoscaler(cluster))['ScalingActive'] === 'True ValidMetricFound')
  await cluster.clock.advance('3m')
  assert.equal(await replicasOf(cluster), 1)
  await cluster.until(async () => (await replicasOf(cluster)) === 7, '10m')
  const raised = await told(cluster)
  assert.ok(
    raised.every((each) =>
      /^Normal SuccessfulRescale horizontal-pod-autoscaler: New size: \d; reason: cpu resource utilization \(percentage of request\) above target$/.test(
        each,
      ),
    ),
    raised.join('\n'),
  )
  await cluster.clock.advance('10m')
  const { status, metadata } = await autoscaler(cluster)
  assert.deepEqual(
    [status?.currentReplicas, status?.desiredReplicas, status?.currentMetrics],
    [
      7,
      7,
      [{ type: 'Resource', resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '101m' } } }],
    ],
  )
  // At rest nobody writes.
  await cluster.clock.advance('5m')
  assert.equal((await autoscaler(cluster)).metadata.resourceVersion, metadata.resourceVersion)
  const before = cluster.clock.now()
  await cluster.until(async () => (await replicasOf(cluster)) < 7, '60m')
  // The traffic falls in the 41st minute; for five minutes from then on the pods are kept.
  assert.equal(facts(await autoscaler(cluster))['AbleToScale'], 'True SucceededRescale')
  assert.ok(cluster.clock.now() - before > 15 * 60_000)
  await cluster.until(async () => (await replicasOf(cluster)) === 1, '10m')
  assert.equal(
    (await told(cluster)).at(-1),
    'Normal SuccessfulRescale horizontal-pod-autoscaler: New size: 1; reason: All metrics below target',
  )
  assert.deepEqual(cluster.problems, [])
})

test('a wave of load, within the bounds and the rates of a behaviour', async () => {
  await using cluster = await start({
    annotations: { [`${load}/cpu-per-request`]: '1m' },
    traffic: '100..1100 every 80m',
    spec: {
      minReplicas: 2,
      maxReplicas: 8,
      behavior: {
        scaleUp: { policies: [{ type: 'Pods', value: 1, periodSeconds: 100 }] },
        scaleDown: { stabilizationWindowSeconds: 200, policies: [{ type: 'Pods', value: 1, periodSeconds: 200 }] },
      },
    },
    cluster: { nodes: 2 },
  })
  const sizes: number[] = []
  for (let step = 0; step < 48; step++) {
    await cluster.clock.advance('100s')
    sizes.push(await replicasOf(cluster))
  }
  // Up by one in 100 seconds, and no further than eight; down by one in 200 seconds, and 200 seconds late.
  const steps = sizes.map((size, index) => size - (sizes[index - 1] ?? 2))
  assert.deepEqual([Math.min(...sizes), Math.max(...sizes)], [2, 8])
  assert.deepEqual([Math.min(...steps), Math.max(...steps)], [-1, 1], sizes.join(' '))
  assert.ok(
    steps.every((step, index) => step >= 0 || (steps[index - 1] ?? 0) >= 0),
    sizes.join(' '),
  )
  const full = sizes.indexOf(8)
  assert.ok(full < 24 && sizes.lastIndexOf(8) > 24, sizes.join(' '))
  await cluster.until(async () => facts(await autoscaler(cluster))['ScalingLimited'] === 'True TooManyReplicas', '2h')
})

test('without metrics it says so, once, and leaves the target alone', async () => {
  await using cluster = await start({ replicas: 2, cluster: { metrics: false } })
  await cluster.until(async () => facts(await autoscaler(cluster))['ScalingActive'] !== undefined)
  const cause =
    'failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)'
  const { status, metadata } = await autoscaler(cluster)
  assert.deepEqual(
    [status?.currentReplicas, status?.desiredReplicas, status?.currentMetrics, facts(await autoscaler(cluster))],
    [2, 0, [{ type: '' }], { AbleToScale: 'True SucceededGetScale', ScalingActive: 'False FailedGetResourceMetric' }],
  )
  assert.deepEqual(await told(cluster), [
    `Warning FailedGetResourceMetric horizontal-pod-autoscaler: ${cause}`,
    `Warning FailedComputeMetricsReplicas horizontal-pod-autoscaler: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${cause}`,
  ])
  await cluster.clock.advance('30m')
  assert.equal((await autoscaler(cluster)).metadata.resourceVersion, metadata.resourceVersion)
  assert.equal(await replicasOf(cluster), 2)
  const [why] = cluster.causes.of({ kind: 'HorizontalPodAutoscaler', ...at })
  assert.equal(why?.reason, 'FailedComputeMetricsReplicas')
})

test('a target that is not there, one that rests, and one that two autoscalers want', async () => {
  await using cluster = await start({ replicas: 0 })
  const { client } = cluster
  const other = { name: 'other', namespace: 'default' }
  const spec = (await autoscaler(cluster)).spec
  await client.create(horizontalPodAutoscalers, {
    metadata: other,
    spec: { ...spec, scaleTargetRef: { ...spec.scaleTargetRef, name: 'nobody' } },
  })
  await cluster.until(async () => facts(await client.get(horizontalPodAutoscalers, other))['AbleToScale'] !== undefined)
  const missing = (await client.get(horizontalPodAutoscalers, other)).status?.conditions
  assert.deepEqual(
    missing?.map(({ status, reason, message }) => [status, reason, message]),
    [
      [
        'False',
        'FailedGetScale',
        'the HPA controller was unable to get the target\'s current scale: deployments.apps "nobody" not found',
      ],
    ],
  )
  assert.deepEqual(facts(await autoscaler(cluster)), {
    AbleToScale: 'True SucceededGetScale',
    ScalingActive: 'False ScalingDisabled',
  })
  await client.patch(deployments, at, { type: 'merge', body: { spec: { replicas: 1 } } })
  await client.patch(horizontalPodAutoscalers, other, {
    type: 'merge',
    body: { spec: { scaleTargetRef: { name: 'web' } } },
  })
  await cluster.until(async () => facts(await autoscaler(cluster))['ScalingActive'] === 'False AmbiguousSelector')
  assert.ok(
    (await told(cluster)).includes(
      'Warning AmbiguousSelector horizontal-pod-autoscaler: pods by selector app=web are controlled by multiple HPAs: [default/other default/web]',
    ),
  )
  await client.delete(horizontalPodAutoscalers, other)
  await cluster.until(async () => facts(await autoscaler(cluster))['ScalingActive'] === 'True ValidMetricFound')
})

test('an object of a kind that users defined is scaled through its scale', async () => {
  await using cluster = await simulatedCluster({ nodes: 1 })
  const { client } = cluster
  const racks = resource({
    group: 'example.com',
    version: 'v1',
    kind: 'Rack',
    plural: 'racks',
    scope: 'Namespaced',
  })
  const object = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  await client.create(customResourceDefinitions, {
    metadata: { name: 'racks.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'racks', kind: 'Rack' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: 'object', properties: { spec: object, status: object } } as never },
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
        },
      ],
    },
  })
  await cluster.until(async () =>
    (await client.get(customResourceDefinitions, { name: 'racks.example.com' })).status?.conditions?.some(
      ({ type, status }) => type === 'Established' && status === 'True',
    ),
  )
  const rack = await client.create(racks, { metadata: at, spec: { replicas: 2 } } as never)
  await client.updateStatus(racks, { ...rack, status: { replicas: 2, selector: 'app=web' } } as never)
  for (const name of ['a', 'b']) {
    await client.create(pods, {
      metadata: { ...at, name, labels, annotations: { [`${load}/cpu.c`]: '200m', [`${load}/cpu`]: '1' } },
      spec: { containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '200m' } } }] },
    })
  }
  await client.create(horizontalPodAutoscalers, {
    metadata: at,
    spec: {
      scaleTargetRef: { apiVersion: 'example.com/v1', kind: 'Rack', name: 'web' },
      maxReplicas: 10,
      metrics: [
        {
          type: 'ContainerResource',
          containerResource: { name: 'cpu', container: 'c', target: { type: 'Utilization', averageUtilization: 50 } },
        },
      ],
    },
  })
  await cluster.until(
    async () => ((await client.get(racks, at)) as { spec?: { replicas?: number } }).spec?.replicas === 4,
  )
  assert.deepEqual(await told(cluster), [
    'Normal SuccessfulRescale horizontal-pod-autoscaler: New size: 4; reason: cpu container resource utilization (percentage of request) above target',
  ])
  await client.patch(horizontalPodAutoscalers, at, {
    type: 'merge',
    body: { spec: { scaleTargetRef: { apiVersion: 'example.com/v1', kind: 'Shelf' } } },
  })
  await cluster.until(async () => facts(await autoscaler(cluster))['AbleToScale'] === 'False FailedGetScale')
  assert.ok(
    (await told(cluster)).includes(
      'Warning FailedGetScale horizontal-pod-autoscaler: no matches for kind "Shelf" in group "example.com"',
    ),
  )
})

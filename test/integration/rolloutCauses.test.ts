/** A rollout that cannot finish says within seconds which pod, which container, and why; and nothing once it is mended. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { daemonSets } from '#api/apps/v1/daemonSet.ts'
import { deployments } from '#api/apps/v1/deployment.ts'
import { statefulSets } from '#api/apps/v1/statefulSet.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { PodTemplateSpec } from '#api/core/v1/podTemplate.ts'
import { resourceQuotas } from '#api/core/v1/resourceQuota.ts'
import { simulatedCluster, type SimulatedCluster } from '#simulation/simulatedCluster.ts'

const name = 'web'
const namespace = 'default'
const labels = { app: name }
const selector = { matchLabels: labels }

const template = (behaviour: Record<string, string>, container: object = {}, spec: object = {}): PodTemplateSpec => ({
  metadata: {
    labels,
    annotations: Object.fromEntries(
      Object.entries(behaviour).map(([key, value]) => [`simulation.k8ts.dev/${key}`, value]),
    ),
  },
  spec: { containers: [{ name: 'app', image: 'app:1', ...container }], ...spec },
})

const good = template({})
const probe = { httpGet: { path: '/', port: 80 }, periodSeconds: 5 }

const kinds = { Deployment: deployments, StatefulSet: statefulSets, DaemonSet: daemonSets } as const

async function create({ client }: SimulatedCluster, kind: keyof typeof kinds, of: PodTemplateSpec): Promise<void> {
  const metadata = { name, namespace }
  const common = { selector, template: of }
  if (kind === 'Deployment') await client.create(deployments, { metadata, spec: { ...common, replicas: 2 } })
  else if (kind === 'StatefulSet') {
    await client.create(statefulSets, { metadata, spec: { ...common, replicas: 2, serviceName: '' } })
  } else await client.create(daemonSets, { metadata, spec: common })
}

const troubles: readonly {
  readonly name: string
  readonly bad: PodTemplateSpec
  readonly reason: string
  readonly message: RegExp
  readonly within: string
  /** DaemonSets have no pods where they do not fit, or fit by another measure. */
  readonly only?: readonly string[]
}[] = [
  {
    name: 'an image that is not there',
    bad: template({ 'pull-failures': 'always' }),
    reason: 'ErrImagePull',
    message: /^The container "app" of pod "web-\S+" cannot start: .*not found/,
    within: '2s',
  },
  {
    name: 'a process that ends',
    bad: template({ crash: 'always', 'exit-code': '3' }),
    reason: 'CrashLoopBackOff',
    message: /^The container "app" of pod "web-\S+" ends again and again, last with exit code 1/,
    within: '12s',
  },
  {
    name: 'no node that is large enough',
    bad: template({}, { resources: { requests: { cpu: '500' } } }),
    reason: 'Unschedulable',
    message: /web-\S+": .*Insufficient cpu/,
    within: '3s',
    only: ['Deployment', 'StatefulSet'],
  },
  {
    name: 'a probe that never succeeds',
    bad: template({ 'ready-after': '10h' }, { readinessProbe: probe }),
    reason: 'NotReady',
    message: /^The container "app" of pod "web-\S+" runs since \S+, and its readiness probe has not succeeded/,
    within: '15s',
  },
]

for (const { name: situation, bad, reason, message, within, only = Object.keys(kinds) } of troubles) {
  test(`the cause of a rollout that cannot finish: ${situation}`, async () => {
    for (const kind of only as (keyof typeof kinds)[]) {
      await using cluster = await simulatedCluster({ nodes: 2 })
      const { client, clock, causes } = cluster
      await clock.advance('10s')
      const subject = { kind, name, namespace }
      await create(cluster, kind, bad)
      const isSaid = (): boolean => causes.of(subject)[0]?.reason === reason
      await cluster.until(isSaid, within)
      const [cause] = causes.of(subject)
      const found = `${kind}: ${JSON.stringify(cause)}`
      assert.match(cause!.message, message, found)
      assert.ok(
        cause!.involves?.some((each) => each.kind === 'Pod' && each.namespace === namespace),
        found,
      )
      const resource = kinds[kind] as typeof deployments
      await client.patch(
        resource,
        { name, namespace },
        { type: 'json', operations: [{ op: 'replace', path: '/spec/template', value: good }] },
      )
      // A StatefulSet waits for a pod that is not ready, also for one that will never be.
      if (kind === 'StatefulSet') await client.deleteCollection(pods, { namespace })
      await cluster.until(() => causes.of(subject).length === 0, '3m')
    }
  })
}

test('a quota that leaves no room is the cause', async () => {
  await using cluster = await simulatedCluster({ nodes: 1 })
  const { client, clock, causes } = cluster
  await clock.advance('10s')
  await client.create(resourceQuotas, { metadata: { name: 'small', namespace }, spec: { hard: { pods: '1' } } })
  await clock.advance('5s')
  await create(cluster, 'Deployment', good)
  const subject = { kind: 'Deployment', name, namespace }
  await cluster.until(() => causes.of(subject).length > 0, '3s')
  assert.match(
    causes.of(subject)[0]!.message,
    /exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1/,
  )
  await client.delete(resourceQuotas, { name: 'small', namespace })
  await cluster.until(() => causes.of(subject).length === 0, '30m')
})

import assert from 'node:assert/strict'
import { replicaSets } from '#api/apps/v1/replicaSet.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import { replicationControllers } from '#api/core/v1/replicationController.ts'
import { resourceQuotas, type ResourceQuota } from '#api/core/v1/resourceQuota.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { services } from '#api/core/v1/service.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { Draft } from '#client/client.ts'
import { resourceQuotaController } from '#controllers/resourceQuota/controller.ts'
import { serviceAccountController } from '#controllers/serviceAccount/controller.ts'
import { isReason } from '#machinery/status.ts'
import { startCluster, type TestCluster } from '../integration/controllersCluster.ts'
import { conformance } from './conformance.ts'
import { assertHolds, namespace } from './lifeCycle.ts'

const at = (name: string) => ({ name, namespace })

/** The quota that most of the tests keep. */
const hard: Record<string, string> = {
  pods: '5',
  services: '10',
  'services.nodeports': '1',
  'services.loadbalancers': '1',
  replicationcontrollers: '10',
  resourcequotas: '1',
  cpu: '1',
  memory: '500Mi',
  configmaps: '10',
  secrets: '10',
  'count/replicasets.apps': '5',
  'requests.ephemeral-storage': '50Gi',
  'requests.example.com/dongle': '3',
}

/** Runs a test in a namespace with quotas, once they are counted. */
async function withQuotas(
  quotas: Record<string, ResourceQuota['spec']>,
  run: (cluster: TestCluster) => Promise<void>,
): Promise<void> {
  await using cluster = await startCluster({
    controllers: [serviceAccountController, resourceQuotaController],
    becomesReady: () => false,
    podDelay: () => 0,
  })
  for (const [name, spec] of Object.entries(quotas)) {
    await cluster.client.create(resourceQuotas, { metadata: at(name), spec })
  }
  for (const name of Object.keys(quotas)) {
    await cluster.until('it is counted', async () => (await usedOf(cluster, name)) !== undefined)
  }
  await run(cluster)
}

async function usedOf({ client }: TestCluster, name: string): Promise<Record<string, string> | undefined> {
  return (await client.get(resourceQuotas, at(name))).status?.used
}

async function untilUsed(cluster: TestCluster, name: string, wanted: Record<string, string>): Promise<void> {
  const isSo = async (): Promise<boolean> => {
    const used = await usedOf(cluster, name)
    return Object.entries(wanted).every(([each, amount]) => used?.[each] === amount)
  }
  await cluster.until(`used: ${JSON.stringify(wanted)}`, isSo, '20s').catch(async (error: unknown) => {
    assertHolds((await usedOf(cluster, name))!, wanted)
    throw error
  })
}

const isOverQuota = (error: unknown): boolean => isReason(error, 'Forbidden') && /exceeded quota/.test(error.message)

/** Counts one object of a kind while it is there, and gives it back when it is gone. */
async function showCounted<T extends KubeObject>(
  resource: Resource<T>,
  object: Omit<Draft<NoInfer<T>>, 'metadata'>,
  counted: string,
): Promise<void> {
  await withQuotas({ q: { hard } }, async (cluster) => {
    const { client } = cluster
    const before = Number((await usedOf(cluster, 'q'))?.[counted])
    await client.create(resource, { ...object, metadata: at('counted') } as unknown as Draft<T>)
    await untilUsed(cluster, 'q', { [counted]: String(before + 1), resourcequotas: '1' })
    await client.delete(resource, at('counted'))
    await untilUsed(cluster, 'q', { [counted]: String(before) })
  })
}

const template = { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a configMap.',
  () => showCounted(configMaps, { data: { a: 'b' } }, 'configmaps'),
)

conformance('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a secret.', () =>
  showCounted(secrets, { data: { a: 'Yg==' } }, 'secrets'),
)

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replica set.',
  () =>
    showCounted(
      replicaSets,
      { spec: { replicas: 0, selector: { matchLabels: { app: 'a' } }, template } },
      'count/replicasets.apps',
    ),
)

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a replication controller.',
  async () => {
    await withQuotas({ q: { hard } }, async (cluster) => {
      const { client } = cluster
      await client.create(replicationControllers, {
        metadata: at('rc'),
        spec: { replicas: 0, selector: { app: 'a' }, template },
      })
      await untilUsed(cluster, 'q', { replicationcontrollers: '1' })
      await client.delete(replicationControllers, at('rc'), { propagationPolicy: 'Background' })
      await untilUsed(cluster, 'q', { replicationcontrollers: '0' })
    })
  },
)

conformance('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a service.', () =>
  withQuotas({ q: { hard } }, async (cluster) => {
    const { client } = cluster
    const create = (name: string, type: 'ClusterIP' | 'NodePort' | 'LoadBalancer'): Promise<unknown> =>
      client.create(services, { metadata: at(name), spec: { type, ports: [{ port: 80 }] } })
    await create('plain', 'ClusterIP')
    await create('node-port', 'NodePort')
    await assert.rejects(create('balanced', 'LoadBalancer'), isOverQuota)
    await untilUsed(cluster, 'q', { services: '2', 'services.nodeports': '1', 'services.loadbalancers': '0' })
    for (const name of ['plain', 'node-port']) await client.delete(services, at(name))
    await untilUsed(cluster, 'q', { services: '0', 'services.nodeports': '0' })
  }),
)

interface Amounts {
  readonly requests?: Record<string, string>
  readonly limits?: Record<string, string>
}

const podOf = (resources: Amounts, spec: Partial<Pod['spec']> = {}): Pick<Pod, 'spec'> => ({
  spec: { containers: [{ name: 'c', image: 'i', resources }], ...spec },
})

conformance('[sig-api-machinery] ResourceQuota should create a ResourceQuota and capture the life of a pod.', () =>
  withQuotas({ q: { hard } }, async (cluster) => {
    const { client } = cluster
    const amounts = {
      requests: { cpu: '500m', memory: '252Mi', 'ephemeral-storage': '30Gi', 'example.com/dongle': '2' },
      limits: { 'example.com/dongle': '2' },
    }
    const used = {
      pods: '1',
      cpu: '500m',
      memory: '252Mi',
      'requests.ephemeral-storage': '30Gi',
      'requests.example.com/dongle': '2',
    }
    await client.create(pods, { metadata: at('fits'), ...podOf(amounts) })
    await untilUsed(cluster, 'q', used)
    const tooMuch = podOf({ requests: { cpu: '600m', memory: '100Mi' } })
    await assert.rejects(client.create(pods, { metadata: at('cpu'), ...tooMuch }))
    const tooMany = podOf({ ...amounts, requests: { ...amounts.requests, memory: '100Mi' } })
    await assert.rejects(client.create(pods, { metadata: at('dongles'), ...tooMany }), isOverQuota)
    const running = await client.get(pods, at('fits'))
    const changed = podOf({ requests: { cpu: '100m', memory: '100Mi', 'ephemeral-storage': '10Gi' } })
    await assert.rejects(
      client.update(pods, { ...running, spec: { ...running.spec, containers: changed.spec.containers } }),
      (error) => isReason(error, 'Invalid'),
    )
    await untilUsed(cluster, 'q', used)
    await client.delete(pods, at('fits'), { gracePeriodSeconds: 0 })
    await untilUsed(cluster, 'q', {
      pods: '0',
      cpu: '0',
      memory: '0',
      'requests.ephemeral-storage': '0',
      'requests.example.com/dongle': '0',
    })
  }),
)

conformance(
  '[sig-api-machinery] ResourceQuota should create a ResourceQuota and ensure its status is promptly calculated.',
  () =>
    withQuotas({ q: { hard } }, async (cluster) => {
      await untilUsed(cluster, 'q', { resourcequotas: '1', pods: '0' })
      assert.deepEqual((await cluster.client.get(resourceQuotas, at('q'))).status?.hard, hard)
    }),
)

/** A pod is counted by one of two quotas with scopes, and not by the other. */
async function showScopes(
  quotas: Record<string, ResourceQuota['spec']>,
  bodies: Record<string, Pick<Pod, 'spec'>>,
  used: Record<string, string>,
): Promise<void> {
  await withQuotas(quotas, async (cluster) => {
    const { client } = cluster
    for (const [counting, body] of Object.entries(bodies)) {
      const other = Object.keys(quotas).find((name) => name !== counting)!
      await client.create(pods, { metadata: at('p'), ...body })
      const shown = Object.fromEntries(
        Object.entries(used).filter(([name]) => quotas[counting]!.hard![name] !== undefined),
      )
      await untilUsed(cluster, counting, shown)
      const zero = (name: string) =>
        Object.fromEntries(Object.keys(quotas[name]!.hard!).map((each): [string, string] => [each, '0']))
      await untilUsed(cluster, other, zero(other))
      await client.delete(pods, at('p'), { gracePeriodSeconds: 0 })
      await untilUsed(cluster, counting, zero(counting))
    }
  })
}

const amounts: Amounts = { requests: { cpu: '500m', memory: '200Mi' }, limits: { cpu: '1', memory: '400Mi' } }

conformance('[sig-api-machinery] ResourceQuota should verify ResourceQuota with best effort scope.', () =>
  showScopes(
    {
      best: { hard: { pods: '5' }, scopes: ['BestEffort'] },
      other: { hard: { pods: '5' }, scopes: ['NotBestEffort'] },
    },
    { best: podOf({}), other: podOf(amounts) },
    { pods: '1' },
  ),
)

const computed = {
  pods: '5',
  'requests.cpu': '1',
  'requests.memory': '500Mi',
  'limits.cpu': '2',
  'limits.memory': '1Gi',
}

conformance('[sig-api-machinery] ResourceQuota should verify ResourceQuota with terminating scopes.', () =>
  showScopes(
    {
      ending: { hard: computed, scopes: ['Terminating'] },
      staying: { hard: computed, scopes: ['NotTerminating'] },
    },
    { staying: podOf(amounts), ending: podOf(amounts, { activeDeadlineSeconds: 3600 }) },
    { pods: '1', 'requests.cpu': '500m', 'requests.memory': '200Mi', 'limits.cpu': '1', 'limits.memory': '400Mi' },
  ),
)

conformance('[sig-api-machinery] ResourceQuota should be able to update and delete ResourceQuota.', () =>
  withQuotas({ q: { hard: { cpu: '1', memory: '500Mi' } } }, async ({ client }) => {
    const found = await client.get(resourceQuotas, at('q'))
    await client.update(resourceQuotas, { ...found, spec: { hard: { cpu: '2', memory: '1Gi' } } })
    assert.deepEqual((await client.get(resourceQuotas, at('q'))).spec?.hard, { cpu: '2', memory: '1Gi' })
    await client.delete(resourceQuotas, at('q'))
    await assert.rejects(client.get(resourceQuotas, at('q')), (error) => isReason(error, 'NotFound'))
  }),
)

conformance('[sig-api-machinery] ResourceQuota should manage the lifecycle of a ResourceQuota', () =>
  withQuotas({ q: { hard: { cpu: '1', memory: '500Mi' } } }, async ({ client }) => {
    const body = { metadata: { labels: { state: 'patched' } }, spec: { hard: { memory: '750Mi' } } }
    await client.patch(resourceQuotas, at('q'), { type: 'strategic', body })
    const { items } = await client.list(resourceQuotas, { labelSelector: 'state=patched' })
    assert.deepEqual(
      items.map(({ spec }) => spec?.hard),
      [{ cpu: '1', memory: '750Mi' }],
    )
    await client.deleteCollection(resourceQuotas, { namespace, labelSelector: 'state=patched' })
    assert.deepEqual((await client.list(resourceQuotas)).items, [])
  }),
)

conformance('[sig-api-machinery] ResourceQuota should apply changes to a resourcequota status', () =>
  withQuotas({ q: { hard: { cpu: '500m', memory: '500Mi' } } }, async (cluster) => {
    const { client } = cluster
    const isHard = (cpu: string, memory: string) =>
      cluster.until(`the status says ${cpu} and ${memory}`, async () => {
        const { status } = await client.get(resourceQuotas, at('q'))
        return status?.hard?.['cpu'] === cpu && status.hard['memory'] === memory
      })
    await isHard('500m', '500Mi')
    const found = await client.get(resourceQuotas, at('q'))
    await client.update(resourceQuotas, { ...found, spec: { hard: { cpu: '1', memory: '1Gi' } } })
    await isHard('1', '1Gi')
    const body = { status: { hard: { cpu: '2', memory: '2Gi' } } }
    const patched = await client.patchStatus(resourceQuotas, at('q'), { type: 'merge', body })
    assert.deepEqual(patched.status?.hard, { cpu: '2', memory: '2Gi' })
    // The controller sees the difference and tells again what is asked for.
    await isHard('1', '1Gi')
    assert.deepEqual((await client.getSubresource<ResourceQuota>(resourceQuotas, at('q'), 'status')).spec?.hard, {
      cpu: '1',
      memory: '1Gi',
    })
  }),
)

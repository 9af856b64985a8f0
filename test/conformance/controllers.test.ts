import assert from 'node:assert/strict'
import { configMaps } from '#api/core/v1/configMap.ts'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { namespaces } from '#api/core/v1/namespace.ts'
import { pods } from '#api/core/v1/pod.ts'
import { services } from '#api/core/v1/service.ts'
import { endpointSlices } from '#api/discovery/v1/endpointSlice.ts'
import { podDisruptionBudgets } from '#api/policy/v1/podDisruptionBudget.ts'
import type { KubeObject, Resource } from '#api/resource.ts'
import type { ObjectName } from '#client/client.ts'
import { controllers } from '#controllers/index.ts'
import { isReason } from '#machinery/status.ts'
import { startCluster, type TestCluster } from '../integration/controllersCluster.ts'
import { conformance } from './conformance.ts'
import { namespace } from './lifeCycle.ts'

const name = 'shown'
const at = { name, namespace }
const ofNamespace = { namespace: name }
const spec = { containers: [{ name: 'c', image: 'i' }] }

async function withCluster(run: (cluster: TestCluster) => Promise<void>): Promise<void> {
  await using cluster = await startCluster({ controllers, podDelay: () => 100 })
  await run(cluster)
}

async function isThere<T extends KubeObject>(
  { client }: TestCluster,
  kind: Resource<T>,
  at: ObjectName,
): Promise<boolean> {
  try {
    await client.get(kind, at)
    return true
  } catch (error) {
    if (!isReason(error, 'NotFound')) throw error
    return false
  }
}

/** Makes a namespace that pods can be put into. */
async function createNamespace(cluster: TestCluster): Promise<void> {
  await cluster.client.create(namespaces, { metadata: { name } })
  const account = { method: 'GET', path: `/api/v1/namespaces/${name}/serviceaccounts/default` } as const
  await cluster.until('it has an account', () =>
    cluster.client.transport.send(account).then(
      () => true,
      () => false,
    ),
  )
}

/** Deletes a namespace with its objects, makes it again, and sees that they are gone. */
async function showEmptied<T extends KubeObject>(cluster: TestCluster, kind: Resource<T>): Promise<void> {
  const { client } = cluster
  await client.delete(namespaces, { name })
  await cluster.until('the namespace is gone', async () => !(await isThere(cluster, namespaces, { name })))
  await createNamespace(cluster)
  assert.deepEqual((await client.list(kind, ofNamespace)).items, [])
}

conformance('[sig-api-machinery] Namespaces should ensure that all pods are removed when a namespace is deleted', () =>
  withCluster(async (cluster) => {
    await createNamespace(cluster)
    await cluster.client.create(pods, { metadata: { name: 'p', ...ofNamespace }, spec })
    await cluster.until('it runs', async () => {
      const { status } = await cluster.client.get(pods, { name: 'p', ...ofNamespace })
      return status?.phase === 'Running'
    })
    await showEmptied(cluster, pods)
  }),
)

conformance(
  '[sig-api-machinery] Namespaces should ensure that all services are removed when a namespace is deleted',
  () =>
    withCluster(async (cluster) => {
      await createNamespace(cluster)
      await cluster.client.create(services, {
        metadata: { name: 's', ...ofNamespace },
        spec: { ports: [{ port: 80 }] },
      })
      await showEmptied(cluster, services)
    }),
)

conformance('[sig-api-machinery] OrderedNamespaceDeletion namespace deletion should delete pod first', () =>
  withCluster(async (cluster) => {
    const { client } = cluster
    await createNamespace(cluster)
    const pod = { name: 'p', ...ofNamespace }
    const map = { name: 'm', ...ofNamespace }
    await client.create(pods, { metadata: { ...pod, finalizers: ['example.com/held'] }, spec })
    await client.create(configMaps, { metadata: map })
    await cluster.until('the pod has a node', async () => (await client.get(pods, pod)).spec.nodeName !== undefined)
    await client.delete(namespaces, { name })
    await cluster.until('the pod is being deleted', async () => {
      return (await client.get(pods, pod)).metadata.deletionTimestamp !== undefined
    })
    await cluster.clock.advance('20s')
    assert.equal((await client.get(configMaps, map)).metadata.deletionTimestamp, undefined)
    await client.patch(pods, pod, { type: 'merge', body: { metadata: { finalizers: null } } })
    await cluster.until('the namespace is gone', async () => !(await isThere(cluster, namespaces, { name })))
  }),
)

conformance('[sig-apps] DisruptionController should observe PodDisruptionBudget status updated', () =>
  withCluster(async (cluster) => {
    const { client } = cluster
    const labels = { app: 'a' }
    await client.create(podDisruptionBudgets, {
      metadata: at,
      spec: { minAvailable: 1, selector: { matchLabels: labels } },
    })
    const status = async () => (await client.get(podDisruptionBudgets, at)).status
    await cluster.until('it is looked at', async () => ((await status())?.observedGeneration ?? 0) > 0)
    assert.equal((await status())?.disruptionsAllowed, 0)
    for (const each of ['a', 'b', 'c']) {
      await client.create(pods, { metadata: { name: each, namespace, labels }, spec })
    }
    await cluster.until('two may go', async () => (await status())?.disruptionsAllowed === 2)
  }),
)

conformance('[sig-auth] ServiceAccounts should guarantee kube-root-ca.crt exist in any namespace', () =>
  withCluster(async (cluster) => {
    const { client } = cluster
    const map = { name: 'kube-root-ca.crt', namespace }
    const isRight = async (): Promise<boolean> => {
      if (!(await isThere(cluster, configMaps, map))) return false
      const { data = {} } = await client.get(configMaps, map)
      return data['ca.crt'] === 'PEM' && Object.keys(data).length === 1
    }
    await cluster.until('it is made', isRight)
    await client.delete(configMaps, map)
    await cluster.until('it is made again', isRight)
    await client.patch(configMaps, map, { type: 'merge', body: { data: { 'ca.crt': '', more: 'x' } } })
    assert.equal(await isRight(), false)
    await cluster.until('it is put right', isRight)
  }),
)

conformance(
  '[sig-network] EndpointSlice should create and delete Endpoints and EndpointSlices for a Service with a selector specified',
  () =>
    withCluster(async (cluster) => {
      const { client } = cluster
      const service = await client.create(services, {
        metadata: at,
        spec: { selector: { app: 'nobody' }, ports: [{ name: 'http', port: 80, protocol: 'TCP' }] },
      })
      const slices = async () => {
        const labelSelector = `kubernetes.io/service-name=${name}`
        return (await client.list(endpointSlices, { namespace, labelSelector })).items
      }
      await cluster.until('there are endpoints', () => isThere(cluster, endpoints, at))
      await cluster.until('there is a slice', async () => (await slices()).length === 1)
      const [slice] = await slices()
      assert.equal(slice?.metadata.ownerReferences?.[0]?.uid, service.metadata.uid)
      assert.ok(slice?.metadata.labels?.['endpointslice.kubernetes.io/managed-by'])
      await client.delete(services, at)
      await cluster.until('the endpoints are gone', async () => !(await isThere(cluster, endpoints, at)))
      await cluster.until('the slice is gone', async () => (await slices()).length === 0)
    }),
)

conformance(
  '[sig-network] EndpointSliceMirroring should mirror a custom Endpoints resource through create update and delete',
  () =>
    withCluster(async (cluster) => {
      const { client } = cluster
      const shown = async (): Promise<readonly (readonly unknown[])[]> => {
        const labelSelector = `kubernetes.io/service-name=${name}`
        const { items } = await client.list(endpointSlices, { namespace, labelSelector })
        return items.map((slice) => [
          (slice.endpoints ?? []).map(({ addresses }) => addresses.join()).join(),
          slice.ports?.map(({ port }) => port).join(),
        ])
      }
      const untilShown = (...wanted: readonly string[]): Promise<void> =>
        cluster.until(`shown: ${wanted.join()}`, async () => (await shown()).join(';') === wanted.join(';'), '12s')
      await client.create(services, { metadata: at, spec: { ports: [{ name: 'example', port: 80, protocol: 'TCP' }] } })
      const subset = (ip: string) => ({ addresses: [{ ip }], ports: [{ port: 80 }] })
      const created = await client.create(endpoints, { metadata: at, subsets: [subset('10.1.2.3')] })
      await untilShown('10.1.2.3,80')
      await client.update(endpoints, { ...created, subsets: [subset('10.2.3.4')] })
      await untilShown('10.2.3.4,80')
      await client.delete(endpoints, at)
      await untilShown()
    }),
)

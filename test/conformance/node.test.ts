import assert from 'node:assert/strict'
import { leases } from '#api/coordination/v1/lease.ts'
import { configMaps } from '#api/core/v1/configMap.ts'
import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import { podTemplates } from '#api/core/v1/podTemplate.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { runtimeClasses } from '#api/node/v1/runtimeClass.ts'
import { isReason } from '#machinery/status.ts'
import { conformance } from './conformance.ts'
import { assertHolds, namespace, showLifeCycle, withServer } from './lifeCycle.ts'

const at = { name: 'a', namespace }
const template = () => ({ template: { spec: { containers: [{ name: 'c', image: 'i' }] } } })

conformance('[sig-node] ConfigMap should fail to create ConfigMap with empty key', () =>
  withServer((client) =>
    assert.rejects(client.create(configMaps, { metadata: at, data: { '': 'value' } }), (error) =>
      isReason(error, 'Invalid'),
    ),
  ),
)

conformance('[sig-node] Secrets should fail to create secret due to empty secret key', () =>
  withServer((client) =>
    assert.rejects(client.create(secrets, { metadata: at, data: { '': 'dmFsdWU=' } }), (error) =>
      isReason(error, 'Invalid'),
    ),
  ),
)

conformance('[sig-node] ConfigMap should run through a ConfigMap lifecycle', () =>
  showLifeCycle(configMaps, {
    object: () => ({ data: { value: 'first' } }),
    async also(client, { metadata }) {
      const { name } = metadata
      const body = { data: { value: 'second' }, metadata: { labels: { state: 'patched' } } }
      await client.patch(configMaps, { name: name!, namespace }, { type: 'strategic', body })
      const { items } = await client.list(configMaps, { labelSelector: 'state=patched' })
      assert.deepEqual(
        items.map((each) => [each.metadata.name, each.data]),
        [[name, { value: 'second' }]],
      )
    },
  }),
)

conformance('[sig-node] ConfigMap should update ConfigMap successfully', () =>
  withServer(async (client) => {
    const created = await client.create(configMaps, { metadata: at })
    const data = { key: 'value' }
    await client.update(configMaps, { ...created, data })
    assert.deepEqual((await client.get(configMaps, at)).data, data)
  }),
)

conformance('[sig-node] Secrets should patch a secret', () =>
  showLifeCycle(secrets, {
    object: () => ({ type: 'Opaque', data: { key: 'dmFsdWU=' } }),
    async also(client, { metadata }) {
      const where = { name: metadata.name!, namespace }
      const body = { metadata: { labels: { state: 'patched' } }, data: { key: 'b3RoZXI=' } }
      await client.patch(secrets, where, { type: 'strategic', body })
      const { items } = await client.list(secrets, { labelSelector: 'state=patched' })
      assert.deepEqual(
        items.map(({ data }) => data),
        [{ key: 'b3RoZXI=' }],
      )
    },
  }),
)

conformance('[sig-node] Lease lease API should be available', () =>
  showLifeCycle(leases, {
    object: () => ({
      spec: {
        holderIdentity: 'holder',
        leaseDurationSeconds: 30,
        acquireTime: '2026-01-01T00:00:00.000000Z',
        renewTime: '2026-01-01T00:00:05.000000Z',
        leaseTransitions: 0,
      },
    }),
    async also(client, lease) {
      const spec = { ...lease.spec, holderIdentity: 'other', leaseDurationSeconds: 42, leaseTransitions: 1 }
      await client.update(leases, { ...lease, spec })
      const where = { name: lease.metadata.name!, namespace }
      assertHolds((await client.get(leases, where)).spec!, spec)
      const operations = [{ op: 'replace', path: '/spec/holderIdentity', value: 'patched' }] as const
      await client.patch(leases, where, { type: 'json', operations })
      assert.equal((await client.get(leases, where)).spec?.holderIdentity, 'patched')
    },
  }),
)

conformance('[sig-node] PodTemplates should run the lifecycle of PodTemplates', () =>
  showLifeCycle(podTemplates, { object: template }),
)

conformance('[sig-node] PodTemplates should delete a collection of pod templates', () =>
  withServer(async (client) => {
    for (const name of ['a', 'b', 'c', 'kept']) {
      const labels = { set: name === 'kept' ? 'other' : 'gone' }
      await client.create(podTemplates, { metadata: { name, namespace, labels }, ...template() })
    }
    assert.equal((await client.list(podTemplates, { namespace, labelSelector: 'set=gone' })).items.length, 3)
    await client.deleteCollection(podTemplates, { namespace, labelSelector: 'set=gone' })
    const { items } = await client.list(podTemplates, { namespace })
    assert.deepEqual(
      items.map(({ metadata }) => metadata.name),
      ['kept'],
    )
  }),
)

conformance('[sig-node] PodTemplates should replace a pod template', () =>
  withServer(async (client) => {
    const created = await client.create(podTemplates, { metadata: at, ...template() })
    const metadata = { ...created.metadata, annotations: { state: 'replaced' } }
    await client.update(podTemplates, { ...created, metadata })
    assert.deepEqual((await client.get(podTemplates, at)).metadata.annotations, { state: 'replaced' })
  }),
)

conformance('[sig-node] RuntimeClass should support RuntimeClasses API operations', () =>
  showLifeCycle(runtimeClasses, { object: () => ({ handler: 'runc' }) }),
)

const podOfClass = { metadata: at, spec: { runtimeClassName: 'sandbox', containers: [{ name: 'c', image: 'i' }] } }

conformance('[sig-node] RuntimeClass should reject a Pod requesting a non-existent RuntimeClass', () =>
  withServer((client) => assert.rejects(client.create(pods, podOfClass), (error) => isReason(error, 'Forbidden'))),
)

conformance('[sig-node] RuntimeClass should reject a Pod requesting a deleted RuntimeClass', () =>
  withServer(async (client) => {
    await client.create(runtimeClasses, { metadata: { name: 'sandbox' }, handler: 'sandbox' })
    await client.create(pods, { ...podOfClass, metadata: { name: 'before', namespace } })
    await client.delete(runtimeClasses, { name: 'sandbox' })
    await assert.rejects(client.create(pods, podOfClass), (error) => isReason(error, 'Forbidden'))
  }),
)

conformance('[sig-node] Node Lifecycle should run through the lifecycle of a node', () =>
  showLifeCycle(nodes, {
    object: () => ({ spec: { unschedulable: true } }),
    status: { phase: 'Pending', capacity: { cpu: '4', pods: '10' } },
  }),
)

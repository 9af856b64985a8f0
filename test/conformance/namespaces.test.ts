import assert from 'node:assert/strict'
import { namespaces, type Namespace } from '#api/core/v1/namespace.ts'
import { conformance } from './conformance.ts'
import { withServer } from './lifeCycle.ts'

const at = { name: 'shown' }

conformance('[sig-api-machinery] Namespaces should patch a Namespace', () =>
  withServer(async (client) => {
    await client.create(namespaces, { metadata: at })
    await client.patch(namespaces, at, { type: 'strategic', body: { metadata: { labels: { state: 'patched' } } } })
    assert.equal((await client.get(namespaces, at)).metadata.labels?.['state'], 'patched')
  }),
)

conformance('[sig-api-machinery] Namespaces should apply an update to a Namespace', () =>
  withServer(async (client) => {
    const created = await client.create(namespaces, { metadata: at })
    const metadata = { ...created.metadata, labels: { ...created.metadata.labels, state: 'updated' } }
    const updated = await client.update(namespaces, { ...created, metadata })
    assert.equal(updated.metadata.labels?.['state'], 'updated')
    assert.equal(updated.metadata.labels?.['kubernetes.io/metadata.name'], at.name)
  }),
)

conformance('[sig-api-machinery] Namespaces should apply changes to a namespace status', () =>
  withServer(async (client) => {
    const created = await client.create(namespaces, { metadata: at })
    const read = await client.getSubresource<Namespace>(namespaces, at, 'status')
    assert.equal(read.status?.phase, 'Active')
    const condition = { type: 'StatusPatch', status: 'True', reason: 'Shown', message: 'patched' } as const
    const patched = await client.patchStatus(namespaces, at, {
      type: 'merge',
      body: { metadata: { annotations: { state: 'patched' } }, status: { conditions: [condition] } },
    })
    assert.equal(patched.metadata.annotations?.['state'], 'patched')
    assert.equal(patched.status?.conditions?.[0]?.message, 'patched')
    const conditions = [...patched.status!.conditions!, { ...condition, type: 'StatusUpdate', message: 'updated' }]
    const updated = await client.updateStatus(namespaces, { ...patched, status: { ...patched.status, conditions } })
    assert.deepEqual(
      updated.status?.conditions?.map(({ type, message }) => `${type} ${message}`),
      ['StatusPatch patched', 'StatusUpdate updated'],
    )
    assert.equal(updated.metadata.uid, created.metadata.uid)
  }),
)

conformance('[sig-api-machinery] Namespaces should apply a finalizer to a Namespace', () =>
  withServer(async (client) => {
    const created = await client.create(namespaces, { metadata: at })
    const finalize = (namespace: Namespace, finalizers: readonly string[]): Promise<Namespace> =>
      client.updateSubresource(namespaces, at, 'finalize', {
        ...namespace,
        spec: { finalizers: [...finalizers] },
      }) as Promise<Namespace>
    const own = created.spec?.finalizers ?? []
    assert.deepEqual(own, ['kubernetes'])
    const added = await finalize(created, [...own, 'example.com/held'])
    assert.deepEqual((await client.get(namespaces, at)).spec?.finalizers, ['kubernetes', 'example.com/held'])
    await finalize(added, own)
    assert.deepEqual((await client.get(namespaces, at)).spec?.finalizers, ['kubernetes'])
  }),
)

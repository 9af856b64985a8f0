import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '#api/resource.ts'
import { resourceClaims as claims } from '#api/resource/v1/resourceClaim.ts'
import { resourceSlices as slices } from '#api/resource/v1/resourceSlice.ts'
import { resourceClaims as betaClaims } from '#api/resource/v1beta1/resourceClaim.ts'
import { resourceSlices as betaSlices } from '#api/resource/v1beta1/resourceSlice.ts'
import { volumeAttributesClasses as classes } from '#api/storage/v1/volumeAttributesClass.ts'
import { volumeAttributesClasses as betaClasses } from '#api/storage/v1beta1/volumeAttributesClass.ts'
import { clientOver } from '#client/client.ts'
import { decodeProtobuf } from '#machinery/codec/protobuf.ts'
import { startServer } from './apiServerFixture.ts'
import { listen } from './apiServerHttp.ts'

const group = '/apis/storage.k8s.io'
const fast = { metadata: { name: 'fast' }, driverName: 'csi.example.com', parameters: { iops: '100' } }

test('an object is the same one in every version', async () => {
  await using fixture = await startServer()
  const client = clientOver(fixture.transport)
  const created = await client.create(betaClasses, fast)
  assert.equal(created.apiVersion, 'storage.k8s.io/v1beta1')
  const stored = await client.get(classes, { name: 'fast' })
  assert.deepEqual(stored, { ...created, apiVersion: 'storage.k8s.io/v1' })
  const labelled = { type: 'merge', body: { metadata: { labels: { a: 'b' } } } } as const
  const patched = await client.patch(betaClasses, { name: 'fast' }, labelled)
  assert.deepEqual([patched.apiVersion, patched.metadata.labels], ['storage.k8s.io/v1beta1', { a: 'b' }])
  const again = await client.update(betaClasses, patched)
  assert.equal(again.metadata.resourceVersion, patched.metadata.resourceVersion, 'nothing changed')
  const { items } = await client.list(betaClasses, { labelSelector: 'a=b', fieldSelector: 'metadata.name=fast' })
  assert.deepEqual(
    items.map((item) => [item.apiVersion, item.driverName]),
    [['storage.k8s.io/v1beta1', 'csi.example.com']],
  )
  await client.delete(betaClasses, { name: 'fast' })
  // No controller runs here that would see that nobody uses it.
  await client.patch(betaClasses, { name: 'fast' }, { type: 'merge', body: { metadata: { finalizers: null } } })
  assert.deepEqual((await client.list(classes)).items, [])
})

test('a watch shows the version that it was opened in', async () => {
  await using fixture = await startServer()
  const client = clientOver(fixture.transport)
  await client.create(classes, fast)
  const end = new AbortController()
  const path = `${group}/v1alpha1/volumeattributesclasses`
  for await (const events of fixture.transport.watch({ method: 'GET', path }, end.signal)) {
    const { type, object } = events[0] as { readonly type: string; readonly object: KubeObject }
    assert.deepEqual([type, object.apiVersion], ['ADDED', 'storage.k8s.io/v1alpha1'])
    break
  }
})

test('discovery, tables, protobuf, warnings and refusals know every version', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const versions = JSON.parse((await http.ask('GET', group)).text).versions.map(
    ({ version }: { version: string }) => version,
  )
  assert.deepEqual(versions, ['v1', 'v1beta1', 'v1alpha1'])
  const hashOf = async (version: string): Promise<unknown> =>
    JSON.parse((await http.ask('GET', `${group}/${version}`)).text).resources.find(
      ({ name }: { name: string }) => name === 'volumeattributesclasses',
    ).storageVersionHash
  assert.equal(await hashOf('v1beta1'), await hashOf('v1'))

  const collection = `${group}/v1beta1/volumeattributesclasses`
  const created = await http.ask('POST', collection, { body: fast })
  assert.equal(created.code, 201)
  assert.match(String(created.headers['warning']), /v1beta1 VolumeAttributesClass is deprecated in v1\.34\+/)

  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  const table = JSON.parse((await http.ask('GET', collection, { headers: { accept } })).text)
  assert.deepEqual(table.rows[0].cells.slice(0, 2), ['fast', 'csi.example.com'])

  const binary = await http.ask('GET', `${collection}/fast`, {
    headers: { accept: 'application/vnd.kubernetes.protobuf' },
  })
  const kind = { group: 'storage.k8s.io', version: 'v1beta1', kind: 'VolumeAttributesClass' }
  const decoded = decodeProtobuf(binary.bytes, kind)
  assert.deepEqual('object' in decoded && decoded.object['driverName'], 'csi.example.com')

  const other = { apiVersion: 'storage.k8s.io/v1', kind: 'VolumeAttributesClass', ...fast }
  const refused = await http.ask('POST', collection, { body: other })
  assert.match(refused.text, /does not match the expected API version/)
})

test('claims of devices keep what they ask for in every version', async () => {
  await using fixture = await startServer()
  const client = clientOver(fixture.transport)
  const namespace = 'default'
  const sorts = [{ name: 'small', deviceClassName: 'gpu' }]
  const created = await client.create(betaClaims, {
    metadata: { name: 'c', namespace },
    spec: {
      devices: {
        requests: [
          { name: 'one', deviceClassName: 'gpu', tolerations: [{ key: 'a' }] },
          { name: 'any', firstAvailable: sorts },
        ],
      },
    },
  })
  const toleration = { key: 'a', operator: 'Equal' }
  const asked = { deviceClassName: 'gpu', allocationMode: 'ExactCount', count: 1 }
  assert.deepEqual(created.spec.devices?.requests, [
    { name: 'one', ...asked, tolerations: [toleration] },
    { name: 'any', deviceClassName: '', firstAvailable: [{ name: 'small', ...asked }] },
  ])
  const stored = await client.get(claims, { name: 'c', namespace })
  assert.deepEqual(stored.spec.devices?.requests, [
    { name: 'one', exactly: { ...asked, tolerations: [toleration] } },
    { name: 'any', firstAvailable: [{ name: 'small', ...asked }] },
  ])
  const again = await client.update(betaClaims, created)
  assert.equal(again.metadata.resourceVersion, created.metadata.resourceVersion, 'nothing changed')
  const status = { allocation: { devices: { results: [{ request: 'one', driver: 'd', pool: 'p', device: 'gpu-1' }] } } }
  const given = await client.updateStatus(betaClaims, { ...created, status })
  assert.equal(given.apiVersion, 'resource.k8s.io/v1beta1')
  assert.equal((await client.get(claims, { name: 'c', namespace })).status?.allocation?.devices?.results?.length, 1)
  await assert.rejects(
    client.patch(
      betaClaims,
      { name: 'c', namespace },
      { type: 'json', operations: [{ op: 'replace', path: '/spec/devices/requests/0/count', value: 2 }] },
    ),
    /spec: Invalid value: .*field is immutable/s,
  )
})

test('slices of devices keep their devices in every version', async () => {
  await using fixture = await startServer()
  const client = clientOver(fixture.transport)
  const attributes = { model: { string: 'x' }, cores: { int: 4 } }
  const created = await client.create(betaSlices, {
    metadata: { name: 's' },
    spec: {
      driver: 'd.example.com',
      nodeName: 'n',
      pool: { name: 'n', generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'gpu-1', basic: { attributes } }],
    },
  })
  assert.deepEqual(created.spec.devices, [{ name: 'gpu-1', basic: { attributes } }])
  const { items } = await client.list(slices, { fieldSelector: 'spec.nodeName=n' })
  assert.deepEqual(
    items.map(({ spec }) => spec.devices),
    [[{ name: 'gpu-1', attributes }]],
  )
})

import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { test } from 'node:test'
import type { APIGroupDiscoveryList } from '#api/apidiscovery/v2/discovery.ts'
import type { APIResourceList } from '#api/meta/v1/discovery.ts'
import type { Table } from '#api/meta/v1/table.ts'
import { decodeProtobuf, decodeWatchFrame } from '#machinery/codec/protobuf.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { startServer } from './apiServerFixture.ts'
import { listen } from './apiServerHttp.ts'

const path = '/api/v1/namespaces/default/configmaps'
const tableAccept =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json'

test('objects are written as Kubernetes writes them', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const body = { data: { x: '1' }, metadata: { labels: { b: '2', a: '1' }, name: 'a' } }
  const created = await http.ask('POST', path, { body })
  assert.equal(created.code, 201)
  const metadata = `"metadata":{"name":"a","namespace":"default","uid":"00000000-0000-4000-8000-000000000007","resourceVersion":"8","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"a":"1","b":"2"},"managedFields":[{"manager":"unknown","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:data":{".":{},"f:x":{}},"f:metadata":{"f:labels":{".":{},"f:a":{},"f:b":{}}}}}]}`
  assert.equal(created.text, `{"kind":"ConfigMap","apiVersion":"v1",${metadata},"data":{"x":"1"}}\n`)
  assert.equal((await http.ask('GET', `${path}/a`)).text, created.text)
  const list = await http.ask('GET', path)
  assert.equal(
    list.text,
    `{"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"8"},"items":[{${metadata},"data":{"x":"1"}}]}\n`,
  )
})

test('a list that is always written is null when it is empty, wherever it is read, and is given in any form', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
  const rows: readonly (readonly [string, object, object, string])[] = [
    [
      slices,
      { addressType: 'IPv4' },
      { endpoints: [], ports: [] },
      '"addressType":"IPv4","endpoints":null,"ports":null',
    ],
    ['/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles', {}, { rules: [] }, '"rules":null'],
    ['/apis/rbac.authorization.k8s.io/v1/clusterroles', {}, { rules: [] }, '"rules":null'],
    ['/api/v1/namespaces/default/limitranges', { spec: {} }, { spec: { limits: [] } }, '"spec":{"limits":null}'],
    ['/apis/storage.k8s.io/v1/csinodes', { spec: {} }, { spec: { drivers: [] } }, '"spec":{"drivers":null}'],
    [
      '/apis/resource.k8s.io/v1beta1/namespaces/default/resourceclaims',
      { spec: { devices: {} } },
      { spec: { devices: { requests: [] } } },
      '"spec":{"devices":{"requests":null}}',
    ],
  ]
  for (const [path, absent, empty, expected] of rows) {
    const given = { ...absent, metadata: { name: 'a' } }
    assert.ok((await http.ask('POST', `${path}?dryRun=All`, { body: given })).text.includes(expected), path)
    const { text } = await http.ask('POST', path, { body: given })
    assert.ok(text.includes(expected), `${path}: ${text}`)
    assert.equal((await http.ask('GET', `${path}/a`)).text, text)
    assert.ok((await http.ask('GET', path)).text.includes(expected))
    const yaml = await http.ask('GET', `${path}/a`, { headers: { accept: 'application/yaml' } })
    assert.match(yaml.text, /: null$/m)
    const accept = 'application/vnd.kubernetes.protobuf'
    const { bytes } = await http.ask('GET', `${path}/a`, { headers: { accept } })
    const again = await http.ask('PUT', `${path}/a`, { headers: { 'content-type': accept }, body: bytes })
    assert.deepEqual([again.code, again.text], [200, text])
    // The same in another form is no change, also where what is wanted may not change.
    const put = await http.ask('PUT', `${path}/a`, { body: { ...(JSON.parse(text) as object), ...empty } })
    assert.deepEqual([put.code, put.text], [200, text])
  }
  const watching = http.ask('GET', `${slices}?watch=true&timeoutSeconds=5`)
  assert.match((await ended(clock, watching)).text, /"endpoints":null,"ports":null/)
})

test('a table has the columns and cells of kubectl get', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  await http.ask('POST', path, { body: { metadata: { name: 'a' }, data: { x: '1', y: '2' } } })
  const answer = await http.ask('GET', path, { headers: { accept: tableAccept } })
  const table = JSON.parse(answer.text) as Table
  assert.deepEqual(
    [table.kind, table.apiVersion, table.columnDefinitions.map(({ name }) => name)],
    ['Table', 'meta.k8s.io/v1', ['Name', 'Data', 'Age']],
  )
  assert.deepEqual(
    table.rows.map(({ cells }) => cells.map(String)),
    [['a', '2', '0s']],
  )
  assert.equal(table.rows[0]?.object?.['kind'], 'PartialObjectMetadata')
  const bare = await http.ask('GET', `${path}?includeObject=None`, { headers: { accept: tableAccept } })
  assert.equal((JSON.parse(bare.text) as Table).rows[0]?.object, undefined)
  const wrong = await http.ask('GET', `${path}?includeObject=Some`, { headers: { accept: tableAccept } })
  assert.equal(wrong.code, 400)
})

test('a watch as tables names the columns once', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  for (const name of ['a', 'b']) await http.ask('POST', path, { body: { metadata: { name } } })
  const watching = http.ask('GET', `${path}?watch=true&timeoutSeconds=5`, { headers: { accept: tableAccept } })
  const answer = await ended(clock, watching)
  const events = answer.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { type: string; object: Table })
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.columnDefinitions?.length ?? null, object.rows[0]?.cells[0]]),
    [
      ['ADDED', 3, 'a'],
      ['ADDED', null, 'b'],
    ],
  )
})

test('protobuf goes both ways', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  const accept = 'application/vnd.kubernetes.protobuf'
  await http.ask('POST', path, { body: { metadata: { name: 'a' }, data: { x: '1' } } })
  const read = await http.ask('GET', `${path}/a`, { headers: { accept } })
  assert.equal(read.headers['content-type'], accept)
  const kind = { group: '', version: 'v1', kind: 'ConfigMap' }
  const decoded = decodeProtobuf(read.bytes, kind)
  assert.ok('object' in decoded)
  assert.deepEqual((decoded.object as { data: unknown }).data, { x: '1' })
  const list = await http.ask('GET', path, { headers: { accept } })
  const decodedList = decodeProtobuf(list.bytes, { ...kind, kind: 'ConfigMapList' })
  assert.ok('object' in decodedList)
  assert.equal((decodedList.object as { items: unknown[] }).items.length, 1)
  const watch = await ended(clock, http.ask('GET', `${path}?watch=1&timeoutSeconds=5`, { headers: { accept } }))
  assert.equal(watch.headers['content-type'], `${accept};stream=watch`)
  const frame = watch.bytes.subarray(4, 4 + watch.bytes.readUInt32BE())
  assert.equal(decodeWatchFrame(frame).type, 'ADDED')
  const copy = Buffer.from(read.bytes)
  const again = await http.ask('PUT', `${path}/a`, { headers: { 'content-type': accept }, body: copy })
  assert.equal(again.code, 200, again.text)
  const refusal = await http.ask('GET', `${path}/none`, { headers: { accept } })
  const status = decodeProtobuf(refusal.bytes, { group: '', version: 'v1', kind: 'Status' })
  assert.ok('object' in status)
  assert.equal((status.object as { reason: string }).reason, 'NotFound')
})

test('YAML goes both ways, and JSON can be indented', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const yaml = { 'content-type': 'application/yaml', accept: 'application/yaml' }
  const created = await http.ask('POST', path, { headers: yaml, body: 'metadata:\n  name: a\ndata:\n  x: "1"\n' })
  assert.equal(created.code, 201)
  assert.match(created.text, /^apiVersion: v1\ndata:\n {2}x: "1"\nkind: ConfigMap\nmetadata:\n/)
  const pretty = await http.ask('GET', `${path}/a?pretty=true`)
  assert.match(pretty.text, /^\{\n {2}"kind": "ConfigMap",\n/)
})

test('a kind that should not be used any more says so with each answer', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const endpoints = '/api/v1/namespaces/default/endpoints'
  const answers = [
    await http.ask('GET', endpoints),
    await http.ask('GET', `${endpoints}/none`),
    await http.ask('POST', endpoints, { body: { metadata: { name: 'a' } } }),
  ]
  const text = '299 - "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"'
  assert.deepEqual(
    answers.map(({ code, headers }) => [code, headers['warning']]),
    [
      [200, text],
      [404, text],
      [201, text],
    ],
  )
})

test('unknown fields are refused, told or ignored', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const body = { metadata: { name: 'a' }, datta: {} }
  const warned = await http.ask('POST', `${path}?dryRun=All`, { body })
  assert.equal(warned.headers['warning'], '299 - "unknown field \\"datta\\""')
  const ignored = await http.ask('POST', `${path}?dryRun=All&fieldValidation=Ignore`, { body })
  assert.deepEqual([ignored.code, ignored.headers['warning']], [201, undefined])
  const strict = await http.ask('POST', `${path}?dryRun=All&fieldValidation=Strict`, { body })
  assert.equal(strict.code, 400)
  assert.match(strict.text, /strict decoding error: unknown field \\"datta\\"/)
})

test('long lists are compressed for those who can take it', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const data = { x: 'y'.repeat(100_000) }
  for (const name of ['a', 'b', 'c']) await http.ask('POST', path, { body: { metadata: { name }, data } })
  const plain = await http.ask('GET', path)
  assert.equal(plain.headers['content-encoding'], undefined)
  const zipped = await http.ask('GET', path, { headers: { 'accept-encoding': 'gzip' } })
  assert.equal(zipped.headers['content-encoding'], 'gzip')
  assert.equal(gunzipSync(zipped.bytes).toString('utf8'), plain.text)
})

test('discovery comes in one piece or in many', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json'
  const answer = await http.ask('GET', '/api', { headers: { accept } })
  assert.equal(answer.headers['content-type'], 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList')
  const { items } = JSON.parse(answer.text) as APIGroupDiscoveryList
  const pods = items[0]?.versions?.[0]?.resources?.find(({ resource }) => resource === 'pods')
  assert.deepEqual(pods?.subresources?.find(({ subresource }) => subresource === 'eviction')?.responseKind, {
    group: 'policy',
    version: 'v1',
    kind: 'Eviction',
  })
  const known = await http.ask('GET', '/api', { headers: { accept, 'if-none-match': answer.headers['etag']! } })
  assert.equal(known.code, 304)
  const { resources } = JSON.parse((await http.ask('GET', '/api/v1')).text) as APIResourceList
  assert.deepEqual(
    resources.find(({ name }) => name === 'pods'),
    {
      name: 'pods',
      singularName: 'pod',
      namespaced: true,
      kind: 'Pod',
      verbs: ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'],
      shortNames: ['po'],
      categories: ['all'],
      storageVersionHash: 'xPOwRZ+Yhw8=',
    },
  )
  for (const each of [
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/',
    '/openapi/v2',
    '/openapi/v3',
    '/openapi/v3/api/v1',
  ]) {
    assert.equal((await http.ask('GET', each)).code, 200, each)
  }
})

test('health, version and metrics', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const text = async (where: string): Promise<[number, string]> => {
    const { code, text: body } = await http.ask('GET', where)
    return [code, body]
  }
  assert.deepEqual(await text('/readyz'), [200, 'ok'])
  assert.deepEqual(await text('/livez?verbose'), [200, '[+]ping ok\n[+]log ok\n[+]etcd ok\nlivez check passed\n'])
  assert.deepEqual(await text('/livez?verbose&exclude=etcd'), [
    200,
    '[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\nlivez check passed\n',
  ])
  assert.deepEqual(await text('/healthz/ping'), [200, 'ok'])
  assert.equal((await text('/healthz/none'))[0], 404)
  const version = JSON.parse((await text('/version'))[1]) as { gitVersion: string }
  assert.match(version.gitVersion, /^v1\.34\./)
  await http.ask('GET', path)
  const [, metrics] = await text('/metrics')
  assert.match(metrics, /apiserver_request_total\{code="200",[^}]*resource="configmaps",[^}]*verb="LIST"/)
  assert.match(metrics, /apiserver_storage_objects\{resource="namespaces"\} 3/)
})

async function ended<T>(clock: SimulatedClock, promise: Promise<T>): Promise<T> {
  let done = false
  const finish = promise.finally(() => (done = true))
  while (!done) await clock.advance(50)
  return finish
}

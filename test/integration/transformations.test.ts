// Objects in other forms: as tables, as their metadata alone, in protobuf, compressed.
import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { clientOver } from '#client/client.ts'
import type { Table } from '#api/meta/v1/table.ts'
import { decodeProtobuf } from '#machinery/codec/protobuf.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, type HttpAnswer } from './apiServerHttp.ts'
import { define, path as widgetPath, widget, widgets } from './customResourcesFixture.ts'
import { answered, path, protobufEvents, refusalOf, settle, watchEvents } from './readFixture.ts'

const as = (kind: string, type = 'application/json'): string => `${type};as=${kind};v=v1;g=meta.k8s.io`
const protobuf = 'application/vnd.kubernetes.protobuf'
const one = as('PartialObjectMetadata')
const several = as('PartialObjectMetadataList')

interface Shown {
  readonly kind: string
  readonly apiVersion: string
  readonly metadata: { readonly name?: string; readonly resourceVersion?: string }
  readonly [member: string]: unknown
}

/** What an object in protobuf says of itself and its members. */
function decoded({ bytes }: HttpAnswer, kind: string): Shown {
  const read = decodeProtobuf(bytes, { group: '', version: 'v1', kind })
  if (!('object' in read)) throw new Error(read.problem)
  return {
    ...(read.object as object),
    kind: read.kind.kind,
    apiVersion: `${read.kind.group}/${read.kind.version}`,
  } as Shown
}

test('a watch of a table says once what its columns are, and shows as much of the objects as wanted', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  for (const name of ['a', 'b']) await http.ask('POST', path, { body: { metadata: { name }, data: { k: 'v' } } })
  const start = await fixture.store.revision()
  await http.ask('DELETE', `${path}/b`)
  const watch = async (query: string): Promise<{ type: string; object: Table }[]> =>
    (await watchEvents(http, clock, `${path}?watch=true&timeoutSeconds=1${query}`, {
      accept: as('Table'),
    })) as unknown as { type: string; object: Table }[]
  const events = await watch(`&resourceVersion=${start - 1}`)
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.kind, object.apiVersion, object.columnDefinitions?.length ?? null]),
    [
      ['ADDED', 'Table', 'meta.k8s.io/v1', 3],
      ['DELETED', 'Table', 'meta.k8s.io/v1', null],
    ],
  )
  assert.equal(events[1]!.object.metadata?.resourceVersion, String(start + 1))
  const rowOf = async (query: string): Promise<unknown> => (await watch(query))[0]!.object.rows[0]!.object
  const { metadata, ...whole } = (await rowOf('&includeObject=Object')) as Shown
  assert.deepEqual(whole, { kind: 'ConfigMap', apiVersion: 'v1', data: { k: 'v' } })
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
  assert.deepEqual(await rowOf(''), partial)
  assert.deepEqual(await rowOf('&includeObject=Metadata'), partial)
  assert.equal(await rowOf('&includeObject=None'), undefined)
  assert.deepEqual(fixture.bugs, [])
})

test('what cannot be had as a table or as metadata is refused in words', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  await http.ask('POST', path, { body: { metadata: { name: 'a' } } })
  await define(clientOver(fixture.transport))
  const rows: [where: string, accept: string, expected: string][] = [
    [
      `${path}?includeObject=Some`,
      as('Table'),
      `400 BadRequest: Unable to convert to Table as requested: includeObject: Invalid value: "Some": must be 'Metadata', 'Object', 'None', or empty`,
    ],
    [
      path,
      one,
      '406 NotAcceptable: you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)',
    ],
    [
      '/apis/rbac.authorization.k8s.io/v1/clusterroles',
      one,
      '406 NotAcceptable: you requested PartialObjectMetadata, but the requested object is a list (*rbac.ClusterRoleList)',
    ],
    [
      `${path}/a`,
      several,
      '406 NotAcceptable: you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)',
    ],
    [
      widgetPath,
      one,
      '406 NotAcceptable: you requested PartialObjectMetadata, but the requested object is a list (*unstructured.UnstructuredList)',
    ],
  ]
  for (const [where, accept, expected] of rows) {
    assert.equal(refusalOf(await http.ask('GET', where, { headers: { accept } })), expected)
  }
  const table = await http.ask('GET', path, { headers: { accept: as('Table', protobuf) } })
  const status = JSON.parse(table.text) as Shown
  const only = 'only the following media types are accepted: '
  const types = 'application/json, application/yaml, application/vnd.kubernetes.protobuf'
  assert.deepEqual([table.code, status['message']], [406, `${only}${types}`])
  const fallback = await http.ask('GET', path, { headers: { accept: `${as('Table', protobuf)}, application/json` } })
  assert.equal((JSON.parse(fallback.text) as Shown).kind, 'ConfigMapList')
  const yaml = await http.ask('GET', `${path}?watch=true`, { headers: { accept: 'application/yaml' } })
  assert.equal(yaml.code, 406)
  assert.match(yaml.text, /application\/json;stream=watch,\s+application\/vnd\.kubernetes\.protobuf;stream=watch'\n/)
  assert.deepEqual(fixture.bugs, [])
})

test('metadata alone is what every verb answers to whoever asks for that, in JSON and in protobuf', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const client = clientOver(fixture.transport)
  await define(client)
  await settle(clock, fixture)
  await client.create(widgets, {
    ...widget('a', { size: 1 }),
    metadata: { name: 'a', namespace: 'default', finalizers: ['example.com/hold'] },
  })
  await http.ask('POST', path, {
    body: { metadata: { name: 'a', finalizers: ['example.com/hold'] }, data: { k: 'v' } },
  })
  const merge = 'application/merge-patch+json'
  for (const where of [path, widgetPath]) {
    for (const type of ['application/json', protobuf]) {
      const read = (answer: HttpAnswer, kind: string): Shown =>
        type === protobuf ? decoded(answer, kind) : (JSON.parse(answer.text) as Shown)
      const check = (answer: HttpAnswer, note: string): void => {
        assert.equal(answer.code, 200, `${note} ${where} ${type}: ${answer.text}`)
        assert.equal(answer.headers['content-type'], type, note)
        const shown = read(answer, 'PartialObjectMetadata')
        assert.deepEqual(Object.keys(shown).toSorted(), ['apiVersion', 'kind', 'metadata'], note)
        assert.deepEqual(
          [shown.kind, shown.apiVersion, shown.metadata.name],
          ['PartialObjectMetadata', 'meta.k8s.io/v1', 'a'],
          note,
        )
      }
      const accept = as('PartialObjectMetadata', type)
      check(await http.ask('GET', `${where}/a`, { headers: { accept } }), 'get')
      const body = { metadata: { labels: { type: type.length.toString() } } }
      check(await http.ask('PATCH', `${where}/a`, { headers: { accept, 'content-type': merge }, body }), 'patch')
      check(await http.ask('DELETE', `${where}/a`, { headers: { accept } }), 'delete')
      const list = await http.ask('GET', where, { headers: { accept: as('PartialObjectMetadataList', type) } })
      const listed = read(list, 'PartialObjectMetadataList')
      assert.deepEqual([listed.kind, listed.apiVersion], ['PartialObjectMetadataList', 'meta.k8s.io/v1'])
      assert.equal(listed.metadata.resourceVersion, String(await fixture.store.revision()))
      const items = listed['items'] as readonly Shown[]
      assert.deepEqual(
        items.map((item) => item.metadata.name),
        ['a'],
      )
      if (type !== protobuf) assert.equal(items[0]!.kind, 'PartialObjectMetadata')
      const query = 'watch=true&timeoutSeconds=1'
      const watched =
        type === protobuf
          ? protobufEvents(
              (await answered(clock, http.ask('GET', `${where}?${query}`, { headers: { accept } }))).bytes,
              'PartialObjectMetadata',
            )
          : await watchEvents(http, clock, `${where}?${query}`, { accept })
      assert.deepEqual(
        watched.map(({ type: event, object }) => [event, object.kind, object.apiVersion, object.metadata.name]),
        [['ADDED', 'PartialObjectMetadata', 'meta.k8s.io/v1', 'a']],
      )
    }
  }
  const body = { metadata: { finalizers: null } }
  const last = await http.ask('PATCH', `${path}/a`, { headers: { accept: one, 'content-type': merge }, body })
  assert.equal((JSON.parse(last.text) as Shown).kind, 'PartialObjectMetadata')
  await http.ask('POST', path, { body: { metadata: { name: 'b' } } })
  const gone = await http.ask('DELETE', `${path}/b`, { headers: { accept: one } })
  assert.deepEqual([gone.code, (JSON.parse(gone.text) as Shown).kind], [200, 'Status'])
  assert.deepEqual(fixture.bugs, [])
})

test('only what is longer than 128 KiB is compressed, and only for those who take gzip', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const limit = 128 * 1024
  const get = (where: string, encoding?: string, accept = 'application/json'): Promise<HttpAnswer> =>
    http.ask('GET', where, { headers: { accept, ...(encoding === undefined ? {} : { 'accept-encoding': encoding }) } })
  /** Makes the answer of this many bytes: the revision in it may grow by a digit meanwhile. */
  const resize = async (wanted: number): Promise<void> => {
    for (let letters = wanted, length = -1; length !== wanted; letters += wanted - length) {
      await http.ask('PUT', `${path}/a`, { body: { metadata: { name: 'a' }, data: { x: 'y'.repeat(letters) } } })
      length = (await get(`${path}/a`)).bytes.length
    }
  }
  await http.ask('POST', path, { body: { metadata: { name: 'a' } } })
  await resize(limit)
  assert.equal((await get(`${path}/a`, 'gzip')).headers['content-encoding'], undefined)
  await resize(limit + 1)
  const plain = await get(`${path}/a`)
  for (const [encoding, expected] of [
    ['gzip', 'gzip'],
    ['deflate, gzip', 'gzip'],
    ['gzip, br', 'gzip'],
    ['gzip;q=0', undefined],
    ['br', undefined],
    ['x-gzip', undefined],
  ] as const) {
    const answer = await get(`${path}/a`, encoding)
    assert.equal(answer.headers['content-encoding'], expected, encoding)
    if (expected === undefined) continue
    assert.equal(answer.headers['vary'], 'Accept-Encoding')
    assert.equal(gunzipSync(answer.bytes).toString('utf8'), plain.text)
  }
  // Many small objects are counted by their bytes too.
  const secrets = '/api/v1/namespaces/kube-public/secrets'
  const create = (index: number): Promise<HttpAnswer> =>
    http.ask('POST', secrets, { body: { metadata: { name: `s${String(index).padStart(4, '0')}` } } })
  for (let index = 0; index < 505; index++) await create(index)
  const names = `${secrets}?limit=502`
  for (const [where, accept] of [
    [names, 'application/json'],
    [names, as('Table')],
    [`${names}&includeObject=None`, as('Table')],
    [names, several],
    [names, protobuf],
  ] as const) {
    const whole = await get(where, undefined, accept)
    const answer = await get(where, 'gzip', accept)
    const isLong = whole.bytes.length > limit
    assert.equal(answer.headers['content-encoding'], isLong ? 'gzip' : undefined, `${accept} ${whole.bytes.length}`)
    assert.deepEqual(isLong ? gunzipSync(answer.bytes) : answer.bytes, whole.bytes)
  }
  assert.deepEqual(fixture.bugs, [])
})

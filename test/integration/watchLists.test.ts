// Where a watch begins, and how it tells that its initial events are over (KEP-3157).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { clientOver } from '#client/client.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, type HttpFixture } from './apiServerHttp.ts'
import { define, path as widgetPath, widget, widgets } from './customResourcesFixture.ts'
import { answered, describeEvent, path, protobufEvents, settle, watchEvents, type WatchEvent } from './readFixture.ts'

const streaming = 'watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
const brief = 'timeoutSeconds=1'
const protobuf = 'application/vnd.kubernetes.protobuf'

async function create(http: HttpFixture, name: string): Promise<string> {
  const { text } = await http.ask('POST', path, { body: { metadata: { name } } })
  return (JSON.parse(text) as WatchEvent['object']).metadata.resourceVersion!
}

test('a watch begins where its options say', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const first = await create(http, 'a')
  await create(http, 'b')
  const last = await http.ask('DELETE', `${path}/b`).then(() => fixture.store.revision())
  await create(http, 'c')
  const newest = await fixture.store.revision()
  const all = ['ADDED a', 'ADDED c']
  const notOlder = 'resourceVersionMatch=NotOlderThan'
  const bookmarks = 'allowWatchBookmarks=true'
  const rows: [query: string, expected: string[]][] = [
    ['', all],
    ['resourceVersion=0', all],
    [`resourceVersion=${first}`, ['ADDED b', 'DELETED b', 'ADDED c']],
    [`resourceVersion=${last}`, ['ADDED c']],
    [`resourceVersion=${newest}`, []],
    [`resourceVersion=${newest + 50}`, []],
    // From nowhere in particular: as if the initial events had been asked for.
    [bookmarks, [...all, 'BOOKMARK (end)']],
    [`resourceVersion=0&${bookmarks}`, [...all, 'BOOKMARK (end)']],
    [`sendInitialEvents=true&${notOlder}`, all],
    [`sendInitialEvents=true&${notOlder}&${bookmarks}`, [...all, 'BOOKMARK (end)']],
    [`sendInitialEvents=true&${notOlder}&${bookmarks}&resourceVersion=0`, [...all, 'BOOKMARK (end)']],
    [`sendInitialEvents=true&${notOlder}&${bookmarks}&resourceVersion=${first}`, [...all, 'BOOKMARK (end)']],
    [`sendInitialEvents=false&${notOlder}`, []],
    [`sendInitialEvents=false&${notOlder}&resourceVersion=0`, []],
    [`sendInitialEvents=false&${notOlder}&resourceVersion=${last}`, ['ADDED c']],
    [`sendInitialEvents=true&${notOlder}&${bookmarks}&fieldSelector=metadata.name%3Dc`, ['ADDED c', 'BOOKMARK (end)']],
  ]
  for (const [query, expected] of rows) {
    const events = await watchEvents(http, clock, `${path}?watch=true&${brief}&${query}`)
    assert.deepEqual(events.map(describeEvent), expected, query)
    for (const { type, object } of events) {
      if (type === 'BOOKMARK') assert.equal(object.metadata.resourceVersion, String(newest), query)
    }
  }
  const old = await watchEvents(http, clock, `/api/v1/watch/namespaces/default/configmaps/c?${brief}`)
  assert.deepEqual(old.map(describeEvent), ['ADDED c'])
  assert.deepEqual(fixture.bugs, [])
})

test('after its initial events a watch goes on without a gap', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  await create(http, 'a')
  const seen: string[] = []
  const stop = new AbortController()
  const watch = fixture.transport.watch(
    { method: 'GET', path, query: { ...Object.fromEntries(new URLSearchParams(streaming)), timeoutSeconds: '150' } },
    stop.signal,
  )
  for await (const batch of watch) {
    seen.push(...(batch as unknown as WatchEvent[]).map(describeEvent))
    if (seen.length === 2) await create(http, 'b')
    if (seen.length === 3) await http.ask('DELETE', `${path}/a`)
    if (seen.length === 4) break
  }
  assert.deepEqual(seen, ['ADDED a', 'BOOKMARK (end)', 'ADDED b', 'DELETED a'])
})

test('a refusal after the watch was understood is an event of it', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock, windowEvents: 8 })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const first = Number(await create(http, 'first'))
  for (let index = 0; index < 40; index++) await create(http, `m${index}`)
  const newest = await fixture.store.revision()
  const expired = await watchEvents(http, clock, `${path}?watch=true&resourceVersion=${first}`)
  const { message } = expired[0]!.object as unknown as { message: string }
  assert.match(message, new RegExp(`^too old resource version: ${first} \\(\\d+\\)$`))
  assert.deepEqual(expired, [
    {
      type: 'ERROR',
      object: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message,
        reason: 'Expired',
        code: 410,
      },
    },
  ])
  const tooLarge = await watchEvents(http, clock, `${path}?${streaming}&resourceVersion=${newest + 10}`)
  assert.deepEqual(tooLarge, [
    {
      type: 'ERROR',
      object: {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Failure',
        message: `Timeout: Too large resource version: ${newest + 10}, current: ${newest}`,
        reason: 'Timeout',
        details: {
          causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
          retryAfterSeconds: 1,
        },
        code: 504,
      },
    },
  ])
  const inProtobuf = await answered(
    clock,
    http.ask('GET', `${path}?watch=true&resourceVersion=${first}`, { headers: { accept: protobuf } }),
  )
  assert.deepEqual(
    protobufEvents(inProtobuf.bytes, 'Status').map(({ type, object }) => [type, object['reason']]),
    [['ERROR', 'Expired']],
  )
})

test('the mark at the end of initial events has the form of the other events', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  await create(http, 'a')
  const revision = String(await fixture.store.revision())
  const metadata = { resourceVersion: revision, annotations: { 'k8s.io/initial-events-end': 'true' } }
  const where = `${path}?${streaming}&${brief}`
  const last = async (accept: string, query = ''): Promise<WatchEvent> => {
    const events = await watchEvents(http, clock, `${where}${query}`, { accept })
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ADDED', 'BOOKMARK'],
      accept,
    )
    return events[1]!
  }
  assert.deepEqual(await last('application/json'), {
    type: 'BOOKMARK',
    object: { kind: 'ConfigMap', apiVersion: 'v1', metadata },
  })
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
  assert.deepEqual((await last('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io')).object, partial)
  for (const [include, object] of [
    ['Metadata', partial],
    // Without the object nobody would see the mark.
    ['None', partial],
    ['Object', { kind: 'ConfigMap', apiVersion: 'v1', metadata }],
  ] as const) {
    const table = (await last('application/json;as=Table;v=v1;g=meta.k8s.io', `&includeObject=${include}`)).object
    assert.deepEqual(
      [table.kind, table['columnDefinitions'], table.metadata],
      ['Table', null, { resourceVersion: revision }],
    )
    assert.deepEqual(table['rows'], [{ cells: ['', 0, '<unknown>'], object }], include)
  }
  const pods = await watchEvents(http, clock, `/api/v1/namespaces/default/pods?${streaming}&${brief}`)
  assert.deepEqual(pods, [
    {
      type: 'BOOKMARK',
      object: { kind: 'Pod', apiVersion: 'v1', metadata, spec: { containers: [] }, status: {} },
    },
  ])
  const wholes = await answered(clock, http.ask('GET', where, { headers: { accept: protobuf } }))
  const whole = protobufEvents(wholes.bytes, 'ConfigMap')
  assert.deepEqual(whole.map(describeEvent), ['ADDED a', 'BOOKMARK (end)'])
  assert.equal(whole[1]?.object.kind, 'ConfigMap')
  const accept = `${protobuf};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`
  const partials = await answered(clock, http.ask('GET', where, { headers: { accept } }))
  assert.deepEqual(
    protobufEvents(partials.bytes, 'PartialObjectMetadata').map(({ type, object }) => [
      type,
      object.kind,
      object.apiVersion,
    ]),
    [
      ['ADDED', 'PartialObjectMetadata', 'meta.k8s.io/v1'],
      ['BOOKMARK', 'PartialObjectMetadata', 'meta.k8s.io/v1'],
    ],
  )
  assert.deepEqual(fixture.bugs, [])
})

test('custom objects are streamed in every form that they have', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const client = clientOver(fixture.transport)
  await define(client)
  await settle(clock, fixture)
  await client.create(widgets, widget('a', { size: 1 }))
  const revision = String(await fixture.store.revision())
  const where = `${widgetPath}?${streaming}&${brief}`
  const metadata = { annotations: { 'k8s.io/initial-events-end': 'true' }, resourceVersion: revision }
  const events = await watchEvents(http, clock, where)
  assert.deepEqual(events.map(describeEvent), ['ADDED a', 'BOOKMARK (end)'])
  assert.deepEqual(events[1]!.object, { apiVersion: 'example.com/v1', kind: 'Widget', metadata })
  const tables = await watchEvents(http, clock, where, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' })
  assert.deepEqual(
    tables.map(({ type, object }) => [type, object.kind, object['columnDefinitions'] !== null]),
    [
      ['ADDED', 'Table', true],
      ['BOOKMARK', 'Table', false],
    ],
  )
  const partial = { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
  assert.deepEqual(tables[1]!.object['rows'], [{ cells: ['', null, null, null], object: partial }])
  const accept = `${protobuf};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`
  const answer = await answered(clock, http.ask('GET', where, { headers: { accept } }))
  assert.equal(answer.headers['content-type'], `${protobuf};stream=watch`)
  const partials = protobufEvents(answer.bytes, 'PartialObjectMetadata')
  assert.deepEqual(partials.map(describeEvent), ['ADDED a', 'BOOKMARK (end)'])
  const none = await http.ask('GET', where, { headers: { accept: protobuf } })
  assert.equal(none.code, 406)
  assert.deepEqual(fixture.bugs, [])
})

test('bookmarks come about every minute in every form', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const start = await create(http, 'a')
  await create(http, 'b')
  const where = `${path}?watch=true&allowWatchBookmarks=true&resourceVersion=${start}&timeoutSeconds=150`
  const revision = String(await fixture.store.revision())
  const kinds = async (accept: string): Promise<unknown[]> =>
    (await watchEvents(http, clock, where, { accept })).map(({ type, object }) => [
      type,
      object.kind,
      object.metadata.resourceVersion,
    ])
  const of = (kind: string): unknown[] => [
    ['ADDED', kind, revision],
    ['BOOKMARK', kind, revision],
    ['BOOKMARK', kind, revision],
    ['BOOKMARK', kind, revision],
  ]
  assert.deepEqual(await kinds('application/json'), of('ConfigMap'))
  assert.deepEqual(await kinds('application/json;as=Table;v=v1;g=meta.k8s.io'), of('Table'))
  assert.deepEqual(
    await kinds('application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'),
    of('PartialObjectMetadata'),
  )
})

test('the columns of every kind can show a bookmark', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await settle(clock, fixture)
  await using http = await listen(fixture.server)
  const { text } = await http.ask('GET', '/apis', {
    headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
  })
  const core = await http.ask('GET', '/api', {
    headers: { accept: 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList' },
  })
  interface Groups {
    readonly items: readonly {
      readonly metadata: { readonly name?: string }
      readonly versions: readonly {
        readonly version: string
        readonly resources: readonly { readonly resource: string; readonly verbs: readonly string[] }[]
      }[]
    }[]
  }
  const paths = [core.text, text]
    .flatMap((each) => (JSON.parse(each) as Groups).items)
    .flatMap(({ metadata: { name = '' }, versions }) =>
      versions.flatMap(({ version, resources }) =>
        resources
          .filter(({ verbs }) => verbs.includes('watch'))
          .map(({ resource }) => `${name === '' ? '/api' : `/apis/${name}`}/${version}/${resource}`),
      ),
    )
  assert.ok(paths.length > 70, String(paths.length))
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io'
  const all = await Promise.all(
    paths.map((each) => watchEvents(http, clock, `${each}?${streaming}&${brief}`, { accept })),
  )
  for (const [index, events] of all.entries())
    assert.equal(describeRow(events.at(-1)!), 'BOOKMARK (end)', paths[index]!)
  assert.deepEqual(fixture.bugs, [])
})

/** A bookmark in a table has its mark on the object of its row. */
function describeRow({ type, object }: WatchEvent): string {
  const [row] = object['rows'] as readonly { readonly object: WatchEvent['object'] }[]
  return describeEvent({ type, object: row!.object })
}

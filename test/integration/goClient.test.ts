// A client that behaves as client-go does on the wire reads and writes objects.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { GoClient, protobufType, type GoAnswer, type GoEvent } from './goClient.ts'
import { listenSecurely, testAudience, testUsers } from './secureServer.ts'

interface Started extends AsyncDisposable {
  readonly fixture: ServerFixture
  readonly root: GoClient
  readonly jane: GoClient
}

async function start(options: { readonly windowEvents?: number } = {}): Promise<Started> {
  const stack = new AsyncDisposableStack()
  const tokens = staticTokens(testUsers, [testAudience])
  const fixture = stack.use(await startServer({ ...options, roles: true, tokenAuthenticators: [tokens] }))
  const secure = stack.use(await listenSecurely(fixture.server))
  const [root, jane] = [new GoClient(secure, 'root'), new GoClient(secure, 'jane')]
  stack.use(root)
  stack.use(jane)
  return { fixture, root, jane, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

const namespaced = (group: string, plural: string): string =>
  `${group === '' ? '/api/v1' : `/apis/${group}`}/namespaces/default/${plural}`
const configMaps = namespaced('', 'configmaps')

const template = {
  metadata: { labels: { app: 'a' } },
  spec: {
    containers: [
      {
        name: 'c',
        image: 'x',
        command: ['a', ''],
        ports: [{ containerPort: 80, name: 'http' }],
        resources: { requests: { cpu: '100m', memory: '64Mi' }, limits: { memory: '1Gi' } },
        livenessProbe: { httpGet: { path: '/', port: 'http' }, periodSeconds: 3 },
        readinessProbe: { tcpSocket: { port: 80 } },
        volumeMounts: [{ name: 'v', mountPath: '/v', readOnly: true }],
        securityContext: { runAsUser: 0, allowPrivilegeEscalation: false },
      },
    ],
    volumes: [
      { name: 'v', secret: { secretName: 's', defaultMode: 256 } },
      { name: 'w', emptyDir: { sizeLimit: '1Gi' } },
    ],
    terminationGracePeriodSeconds: 0,
    nodeSelector: { disk: 'ssd' },
  },
}

/** One object of each kind that clients of Go write most, with the odd types in it. */
const objects: readonly {
  readonly path: string
  readonly object: { apiVersion: string; kind: string; metadata: object }
}[] = [
  {
    path: namespaced('', 'pods'),
    object: {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', labels: { 'a.b/c': '' } },
      spec: template.spec,
    } as never,
  },
  {
    path: namespaced('apps/v1', 'deployments'),
    object: {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'a' },
      spec: {
        replicas: 0,
        selector: { matchLabels: { app: 'a' } },
        strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: '50%' } },
        template,
      },
    } as never,
  },
  {
    path: namespaced('', 'events'),
    object: {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'a' },
      involvedObject: { kind: 'Pod', namespace: 'default', name: 'a' },
      reason: 'Seen',
      message: 'm',
      type: 'Normal',
      firstTimestamp: '2026-01-01T00:00:00Z',
      count: 2,
    } as never,
  },
  {
    path: namespaced('coordination.k8s.io/v1', 'leases'),
    object: {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'a' },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: '2026-01-01T00:00:00.123456Z' },
    } as never,
  },
  {
    path: namespaced('', 'secrets'),
    object: { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'a' }, data: { k: 'AP8=', empty: '' } } as never,
  },
]

const asJson = { accept: 'application/json' }

test('objects are written and read in protobuf, and say the same in JSON', async () => {
  await using started = await start()
  const { root } = started
  for (const { path, object } of objects) {
    const created = await root.ask('POST', path, { body: object })
    assert.deepEqual([created.code, created.contentType], [201, protobufType], JSON.stringify(created.object))
    const { object: json } = await root.ask('GET', `${path}/a`, asJson)
    assert.deepEqual(created.object, json)
    assert.deepEqual(containing(json, object), object)
    assert.equal(json.metadata.managedFields[0].manager, 'manager')
    const read = await root.ask('GET', `${path}/a`)
    assert.deepEqual([read.contentType, read.object], [protobufType, json])
    const list = await root.ask('GET', path)
    assert.equal(list.object.kind, `${object.kind}List`)
    // Neither form has the kind on the items of lists.
    const { kind: _, apiVersion: __, ...item } = json
    assert.deepEqual(list.object.items, [item])
    const changed = { ...read.object, metadata: { ...read.object.metadata, labels: { changed: 'yes' } } }
    const updated = await root.ask('PUT', `${path}/a`, { body: changed })
    assert.deepEqual([updated.code, updated.object.metadata.labels], [200, { changed: 'yes' }])
    const stale = await root.ask('PUT', `${path}/a`, { body: read.object })
    assert.deepEqual([stale.code, stale.contentType, stale.object.reason], [409, protobufType, 'Conflict'])
  }
})

/** Of an object only what the other one has too. */
function containing(whole: any, part: any): unknown {
  if (typeof part !== 'object' || part === null || typeof whole !== 'object' || whole === null) return whole
  if (Array.isArray(part)) return part.map((each, index) => containing(whole[index], each))
  return Object.fromEntries(Object.keys(part).map((key) => [key, containing(whole[key], part[key])]))
}

test('refusals are a Status in protobuf', async () => {
  await using started = await start()
  const { root, jane } = started
  const map = (name: string): never => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }) as never
  await root.ask('POST', configMaps, { body: map('a') })
  const rows: readonly [GoAnswer, number, string, object | undefined][] = [
    [await root.ask('GET', `${configMaps}/none`), 404, 'NotFound', { name: 'none', kind: 'configmaps' }],
    [await root.ask('POST', configMaps, { body: map('a') }), 409, 'AlreadyExists', { name: 'a', kind: 'configmaps' }],
    [await root.ask('GET', configMaps, { query: { limit: 'x' } }), 400, 'BadRequest', undefined],
    [await jane.ask('GET', namespaced('', 'secrets')), 403, 'Forbidden', { kind: 'secrets' }],
  ]
  for (const [{ code, contentType, object }, expectedCode, reason, details] of rows) {
    assert.deepEqual([code, contentType, object.reason], [expectedCode, protobufType, reason])
    assert.deepEqual(object.details, details)
    assert.deepEqual([object.kind, object.apiVersion, object.status, object.code], ['Status', 'v1', 'Failure', code])
  }
  const invalid = await root.ask('POST', configMaps, { body: map('A_') })
  assert.deepEqual(
    [invalid.code, invalid.contentType, invalid.object.details.causes[0].field],
    [422, protobufType, 'metadata.name'],
  )
  const garbage = await root.ask('POST', configMaps, { body: Buffer.from('{}') })
  assert.deepEqual(
    [garbage.code, garbage.object.message],
    [
      400,
      'the object provided is unrecognized (must be of type ConfigMap): provided data does not appear to be a protobuf message, expected prefix 6b 38 73 00 ({})',
    ],
  )
})

test('deletions take their options in protobuf, and answer with a Status or the object', async () => {
  await using started = await start()
  const { root } = started
  const [pods] = objects
  const options = (more: object): never => ({ apiVersion: 'v1', kind: 'DeleteOptions', ...more }) as never
  const { object: map } = await root.ask('POST', configMaps, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } as never,
  })
  const wrong = await root.ask('DELETE', `${configMaps}/a`, { body: options({ preconditions: { uid: 'x' } }) })
  assert.deepEqual([wrong.code, wrong.object.reason], [409, 'Conflict'])
  const { uid, resourceVersion } = map.metadata
  const dry = await root.ask('DELETE', `${configMaps}/a`, { body: options({ dryRun: ['All'] }) })
  assert.deepEqual([dry.code, dry.object.status], [200, 'Success'])
  const gone = await root.ask('DELETE', `${configMaps}/a`, {
    body: options({ preconditions: { uid, resourceVersion }, propagationPolicy: 'Background' }),
  })
  assert.deepEqual([gone.code, gone.contentType], [200, protobufType])
  assert.deepEqual(gone.object, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    details: { name: 'a', kind: 'configmaps', uid },
  })
  // A pod on a node has time to end; the answer is the pod.
  const spec = { containers: [{ name: 'c', image: 'x' }], nodeName: 'n' }
  const body = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'b' }, spec } as never
  assert.equal((await root.ask('POST', pods!.path, { body })).code, 201)
  const ending = await root.ask('DELETE', `${pods!.path}/b`, { body: options({ gracePeriodSeconds: 7 }) })
  assert.deepEqual(
    [ending.code, ending.object.kind, ending.object.metadata.deletionGracePeriodSeconds],
    [200, 'Pod', 7],
  )
  const all = await root.ask('DELETE', configMaps, { body: options({}), query: { labelSelector: 'none=here' } })
  assert.deepEqual([all.code, all.object.kind, all.object.items], [200, 'ConfigMapList', undefined])
})

test('patches of every type answer in protobuf; what is no patch is refused', async () => {
  await using started = await start()
  const { root } = started
  await root.ask('POST', configMaps, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { a: '1' } } as never,
  })
  const patch = (contentType: string, body: string | Buffer, query = {}): Promise<GoAnswer> =>
    root.ask('PATCH', `${configMaps}/a`, { contentType, body, query })
  const apply = 'apiVersion: v1\nkind: ConfigMap\ndata: {d: "4"}\n'
  const owned = { fieldManager: 'manager', force: 'true' }
  const rows: readonly [GoAnswer, object][] = [
    [await patch('application/json-patch+json', '[{"op":"add","path":"/data/b","value":"2"}]'), { a: '1', b: '2' }],
    [await patch('application/merge-patch+json', '{"data":{"a":null}}'), { b: '2' }],
    [await patch('application/strategic-merge-patch+json', '{"data":{"c":"3"}}'), { b: '2', c: '3' }],
    [await patch('application/apply-patch+yaml', apply, owned), { b: '2', c: '3', d: '4' }],
  ]
  for (const [{ code, contentType, object }, data] of rows) {
    assert.deepEqual([code, contentType, object.data], [200, protobufType, data])
  }
  const anonymous = await patch('application/apply-patch+yaml', apply)
  assert.deepEqual([anonymous.code, anonymous.object.details.causes[0].field], [422, 'fieldManager'])
  for (const type of ['application/apply-patch+cbor', 'application/cbor', protobufType]) {
    const { code, object } = await patch(type, Buffer.from('d9d9f7a0', 'hex'), owned)
    assert.deepEqual([code, object.message], [415, '415: Unsupported Media Type'])
  }
})

test('long lists come compressed, in protobuf as in JSON', async () => {
  await using started = await start()
  const { root } = started
  for (const name of ['a', 'b', 'c']) {
    const data = { x: 'y'.repeat(60_000) }
    await root.ask('POST', configMaps, {
      body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data } as never,
    })
  }
  for (const ask of [{}, asJson]) {
    const { headers, object } = await root.ask('GET', configMaps, ask)
    assert.equal(headers['content-encoding'], 'gzip')
    assert.equal(object.items.length, 3)
  }
})

/** What each list of accepted forms gets: of a built-in kind, and of a custom one. */
const accepts: readonly (readonly [accept: string, builtIn: string, custom: string])[] = [
  [`${protobufType},application/json`, protobufType, 'application/json'],
  [`${protobufType}, */*`, protobufType, 'application/json'],
  [protobufType, protobufType, '406'],
  ['application/json', 'application/json', 'application/json'],
  ['application/cbor;q=1,application/json;q=0.9', 'application/json', 'application/json'],
  ['application/json;q=0.9,application/cbor;q=1', 'application/json', 'application/json'],
  ['application/cbor', '406', '406'],
  [
    `${protobufType};as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io,application/json`,
    'application/json Table',
    'application/json Table',
  ],
  [
    `${protobufType};as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json`,
    `${protobufType} PartialObjectMetadataList`,
    `${protobufType} PartialObjectMetadataList`,
  ],
  ['application/json;as=Table;v=v9;g=meta.k8s.io', '406', '406'],
]

test('the form of an answer is negotiated as clients of Go ask for it', async () => {
  await using started = await start()
  const { root } = started
  const pies = await startPies(root)
  await root.ask('POST', configMaps, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } as never,
  })
  const got = async (path: string, accept: string): Promise<string> => {
    const { code, contentType, object } = await root.ask('GET', path, { accept })
    if (code !== 200) return String(code)
    return /^(Table|Partial)/.test(object.kind) ? `${contentType} ${object.kind}` : contentType
  }
  for (const [accept, builtIn, custom] of accepts) {
    assert.deepEqual([await got(configMaps, accept), await got(pies, accept)], [builtIn, custom], accept)
  }
  const refused = await root.ask('GET', configMaps, { accept: 'application/cbor' })
  assert.deepEqual(
    [refused.contentType, refused.object.message],
    [
      'application/json',
      `406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, ${protobufType}, application/json;stream=watch, ${protobufType};stream=watch`,
    ],
  )
})

/** A custom kind with two objects; resolves with their path. */
async function startPies(root: GoClient): Promise<string> {
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } }
  const json = { accept: 'application/json', contentType: 'application/json' }
  const spec = {
    group: 'example.com',
    scope: 'Namespaced',
    names: { plural: 'pies', kind: 'Pie' },
    versions: [{ name: 'v1', served: true, storage: true, schema }],
  }
  const body = JSON.stringify({ metadata: { name: 'pies.example.com' }, spec })
  await root.ask('POST', definitions, { ...json, body })
  const path = namespaced('example.com/v1', 'pies')
  for (const name of ['a', 'b']) {
    const pie = JSON.stringify({ apiVersion: 'example.com/v1', kind: 'Pie', metadata: { name }, spec: { n: 1 } })
    // The definition is served a moment after it was made.
    while ((await root.ask('POST', path, { ...json, body: pie })).code === 404);
  }
  return path
}

test('custom objects have no form in protobuf, but their metadata, their refusals and their deletions have', async () => {
  await using started = await start()
  const { root } = started
  const path = await startPies(root)
  const body = Buffer.from('k8s\0')
  const sent = await root.ask('POST', path, { body })
  assert.deepEqual(
    [sent.code, sent.object.message],
    [
      415,
      'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml',
    ],
  )
  const only = await root.ask('GET', `${path}/a`, { accept: protobufType })
  assert.deepEqual(
    [only.code, only.contentType, only.object.message],
    [
      406,
      protobufType,
      `only the following media types are accepted: application/json, application/yaml, ${protobufType}`,
    ],
  )
  const missing = await root.ask('GET', `${path}/none`)
  assert.deepEqual([missing.code, missing.contentType, missing.object.reason], [404, protobufType, 'NotFound'])
  const as = (kind: string): string =>
    `${protobufType};as=${kind};g=meta.k8s.io;v=v1,application/json;as=${kind};g=meta.k8s.io;v=v1`
  const one = await root.ask('GET', `${path}/a`, { accept: as('PartialObjectMetadata') })
  const { metadata } = (await root.ask('GET', `${path}/a`)).object
  assert.deepEqual(one.object, { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata })
  const list = await root.ask('GET', path, { accept: as('PartialObjectMetadataList') })
  assert.deepEqual(
    list.object.items.map(({ metadata: { name } }: { metadata: { name: string } }) => name),
    ['a', 'b'],
  )
  const strategic = await root.ask('PATCH', `${path}/a`, {
    contentType: 'application/strategic-merge-patch+json',
    body: '{}',
  })
  assert.deepEqual(
    [strategic.code, strategic.object.message],
    [
      415,
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    ],
  )
})

test('watches come as frames of protobuf, of built-in kinds and of metadata', async () => {
  await using started = await start()
  const { root } = started
  const pies = await startPies(root)
  await root.ask('POST', configMaps, {
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } } as never,
  })
  const initial = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' }
  const first = async (path: string, count: number, accept?: string): Promise<GoEvent[]> => {
    const events: GoEvent[] = []
    for await (const event of root.watch(path, { query: initial, ...(accept === undefined ? {} : { accept }) })) {
      if (events.push(event) === count) break
    }
    return events
  }
  const words = (events: readonly GoEvent[]): string[] =>
    events.map(({ type, object }) => `${type} ${object.kind} ${object.metadata.name ?? ''}`.trim())
  const typed = await first(configMaps, 2)
  assert.deepEqual(words(typed), ['ADDED ConfigMap a', 'BOOKMARK ConfigMap'])
  assert.deepEqual(typed[1]!.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' })
  const as = `${protobufType};as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json`
  const metadata = await first(pies, 3, as)
  assert.deepEqual(words(metadata), [
    'ADDED PartialObjectMetadata a',
    'ADDED PartialObjectMetadata b',
    'BOOKMARK PartialObjectMetadata',
  ])
  // What has no form in protobuf comes as lines of JSON.
  assert.deepEqual(words(await first(pies, 3)), ['ADDED Pie a', 'ADDED Pie b', 'BOOKMARK Pie'])
})

test('a watch from a history that is gone gets an error in protobuf', async () => {
  await using started = await start({ windowEvents: 2 })
  const { root } = started
  for (const name of ['a', 'b', 'c', 'd']) {
    await root.ask('POST', configMaps, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } } as never })
  }
  const events: GoEvent[] = []
  for await (const event of root.watch(configMaps, { query: { resourceVersion: '1' } })) events.push(event)
  assert.equal(events.length, 1)
  const { type, object } = events[0]!
  assert.deepEqual(
    [type, object.kind, object.apiVersion, object.code, object.reason],
    ['ERROR', 'Status', 'v1', 410, 'Expired'],
  )
  assert.match(object.message, /^too old resource version: 1 \(\d+\)$/)
})

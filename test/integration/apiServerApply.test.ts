import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ManagedFieldsEntry } from '#api/meta/v1/objectMeta.ts'
import type { KubeObject } from '#api/resource.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { startServer } from './apiServerFixture.ts'
import { define, path as widgetsPath, withServer } from './customResourcesFixture.ts'
import { listen, type HttpFixture } from './apiServerHttp.ts'

const maps = '/api/v1/namespaces/default/configmaps'
const deployments = '/apis/apps/v1/namespaces/default/deployments'

interface Said {
  readonly code: number
  readonly body: any
}

async function send(
  http: HttpFixture,
  method: string,
  path: string,
  body?: string | object,
  type = 'application/json',
): Promise<Said> {
  const answer = await http.ask(method, path, {
    headers: { 'content-type': type },
    ...(body === undefined ? {} : { body }),
  })
  return { code: answer.code, body: JSON.parse(answer.text) }
}

const apply = (http: HttpFixture, path: string, body: string | object): Promise<Said> =>
  send(http, 'PATCH', path, body, 'application/apply-patch+yaml')

const map = (name: string, data: object, metadata: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...metadata },
  data,
})

/** Who owns what, in short. */
const ownersIn = ({ metadata }: KubeObject): string[] =>
  (metadata.managedFields ?? []).map(
    ({ manager, operation, subresource = '', fieldsV1 }: ManagedFieldsEntry) =>
      `${manager} ${operation}${subresource === '' ? '' : `/${subresource}`} ${JSON.stringify(fieldsV1)}`,
  )

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'a' },
  spec: {
    replicas: 2,
    selector: { matchLabels: { app: 'a' } },
    template: { metadata: { labels: { app: 'a' } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
  },
}

test('an apply in YAML creates, and applying the same again writes nothing', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  const text = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  x: "1"\n'
  const created = await apply(http, `${maps}/a?fieldManager=one`, text)
  assert.equal(created.code, 201)
  await clock.advance(5_000)
  const again = await apply(http, `${maps}/a?fieldManager=one`, text)
  assert.equal(again.code, 200)
  assert.deepEqual(again.body, created.body)
  assert.deepEqual(ownersIn(again.body), ['one Apply {"f:data":{"f:x":{}}}'])
})

test('dry runs and refused applies write nothing', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  assert.equal((await apply(http, `${maps}/a?fieldManager=one&dryRun=All`, map('a', { x: '1' }))).code, 201)
  assert.equal((await send(http, 'GET', `${maps}/a`)).code, 404)
  const { body } = await send(http, 'POST', `${maps}?fieldManager=two`, map('a', { x: '1' }))
  const refused = await apply(http, `${maps}/a?fieldManager=one`, map('a', { x: '2' }))
  assert.equal(refused.code, 409)
  assert.deepEqual(refused.body, {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: 'Apply failed with 1 conflict: conflict with "two" using v1: .data.x',
    reason: 'Conflict',
    details: {
      causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "two" using v1', field: '.data.x' }],
    },
    code: 409,
  })
  assert.deepEqual((await send(http, 'GET', `${maps}/a`)).body, body)
})

test('bad applies are refused', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  await apply(http, `${maps}/a?fieldManager=one`, map('a', { x: '1' }))
  const at = `${maps}/a?fieldManager=one`
  const rows: readonly [string, string, string | object, number, string][] = [
    ['no YAML', at, 'a: [', 400, 'error decoding YAML: error converting YAML to JSON: yaml: '],
    [
      'no object',
      at,
      '- a',
      400,
      'error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into Go value of type map[string]interface {}',
    ],
    ['no kind', at, { metadata: { name: 'a' } }, 400, 'invalid object type: /, Kind='],
    [
      'another kind',
      at,
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      400,
      'invalid object type: apps/v1, Kind=Deployment',
    ],
    ['another name', at, map('b', {}), 400, 'the name of the object (b) does not match the name on the URL (a)'],
    [
      'another namespace',
      at,
      map('a', {}, { namespace: 'other' }),
      400,
      'the namespace of the object (other) does not match the namespace on the URL (default)',
    ],
    [
      'a wrong type',
      at,
      map('a', { x: 1 }),
      500,
      'failed to create typed patch object (/a; /v1, Kind=ConfigMap): .data.x: expected string, got &value.valueUnstructured{Value:1}',
    ],
    [
      'an older revision',
      at,
      map('a', { x: '2' }, { resourceVersion: '1' }),
      409,
      'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
    ],
    [
      'another uid',
      at,
      map('a', {}, { uid: 'x' }),
      409,
      'Operation cannot be fulfilled on configmaps "a": StorageError: invalid object, Code: 4,',
    ],
    [
      'a uid of what is not there',
      `${maps}/new?fieldManager=one`,
      map('new', {}, { uid: 'x' }),
      409,
      'Operation cannot be fulfilled on configmaps "new": uid mismatch: the provided object specified uid x, and no existing object was found',
    ],
    [
      'a status of what is not there',
      `${deployments}/x/status?fieldManager=one`,
      { apiVersion: 'apps/v1', kind: 'Deployment' },
      404,
      'deployments.apps "x" not found',
    ],
    [
      'keys that stand twice',
      `${at}&fieldValidation=Strict`,
      'apiVersion: v1\nkind: ConfigMap\ndata:\n  x: a\n  x: b\n',
      400,
      'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 5: key "x" already set in map',
    ],
    ['invalid objects', at, map('a', { 'x y': '1' }), 422, 'ConfigMap "a" is invalid: data[x y]: Invalid value: "x y"'],
  ]
  for (const [name, path, body, code, message] of rows) {
    const said = await apply(http, path, body)
    assert.equal(said.code, code, `${name}: ${JSON.stringify(said.body)}`)
    assert.ok((said.body.message as string).startsWith(message), `${name}: ${said.body.message}`)
  }
  assert.deepEqual(fixture.bugs, [])
})

test('each way of writing owns what it writes', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const at = `${deployments}/a`
  await apply(http, `${at}?fieldManager=one`, deployment)
  const merge = 'application/merge-patch+json'
  await send(
    http,
    'PATCH',
    `${at}?fieldManager=two`,
    { metadata: { labels: { a: 'b' } }, status: { replicas: 7 } },
    merge,
  )
  await send(http, 'PATCH', `${at}/scale?fieldManager=three`, { spec: { replicas: 3 } }, merge)
  const { body } = await send(
    http,
    'PATCH',
    `${at}/status?fieldManager=four`,
    { status: { replicas: 1 }, spec: { replicas: 9 } },
    merge,
  )
  const template =
    '"f:template":{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:containers":{"k:{\\"name\\":\\"c\\"}":{".":{},"f:image":{},"f:name":{}}}}}'
  assert.deepEqual(ownersIn(body), [
    `one Apply {"f:spec":{"f:selector":{},${template}}}`,
    'three Update/scale {"f:spec":{"f:replicas":{}}}',
    'four Update/status {"f:status":{"f:replicas":{}}}',
    'two Update {"f:metadata":{"f:labels":{".":{},"f:a":{}}}}',
  ])
  assert.equal(body.spec.replicas, 3)
})

test('status and scale can be applied', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const at = `${deployments}/a`
  await apply(http, `${at}?fieldManager=one`, deployment)
  const status = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'a', labels: { x: 'y' } },
    spec: { replicas: 9 },
    status: { replicas: 1 },
  }
  const applied = await apply(http, `${at}/status?fieldManager=two`, status)
  assert.equal(applied.code, 200)
  assert.deepEqual([applied.body.spec.replicas, applied.body.metadata.labels], [2, undefined])
  assert.equal(ownersIn(applied.body)[1], 'two Apply/status {"f:status":{"f:replicas":{}}}')

  const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'a' }, spec: { replicas: 5 } }
  const refused = await apply(http, `${at}/scale?fieldManager=three`, scale)
  assert.equal(refused.body.message, 'Apply failed with 1 conflict: conflict with "one": .spec.replicas')
  assert.equal((await apply(http, `${at}/scale?fieldManager=three&force=true`, scale)).body.spec.replicas, 5)
  const { body } = await send(http, 'GET', at)
  assert.equal(body.spec.replicas, 5)
  assert.ok(ownersIn(body).includes('three Apply/scale {"f:spec":{"f:replicas":{}}}'), ownersIn(body).join('\n'))
  assert.ok(!ownersIn(body).some((owner) => owner.startsWith('one ') && owner.includes('f:replicas')))
  assert.deepEqual(fixture.bugs, [])
})

test('clients may send owners back, change them, and forget them', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const at = `${maps}/a`
  const { body } = await send(http, 'POST', `${maps}?fieldManager=one`, map('a', { x: '1' }))
  const put = (metadata: object, data = { x: '1' }): Promise<Said> =>
    send(http, 'PUT', `${at}?fieldManager=two`, {
      ...body,
      metadata: { ...body.metadata, resourceVersion: '', ...metadata },
      data,
    })
  assert.deepEqual((await put({})).body, body)
  assert.deepEqual((await put({ managedFields: undefined })).body, body)
  assert.deepEqual((await put({ managedFields: [{ manager: 'x' }] })).body, body)
  const [own] = body.metadata.managedFields
  const renamed = await put({
    managedFields: [{ ...own, manager: 'three', fieldsV1: { 'f:data': { 'f:x': {}, '.': {} } } }],
  })
  assert.deepEqual(ownersIn(renamed.body), ['three Update {"f:data":{".":{},"f:x":{}}}'])
  const long = await put({ managedFields: [{ ...own, manager: 'x'.repeat(129) }] })
  assert.equal(
    long.body.message,
    'ConfigMap "a" is invalid: metadata.managedFields[0].manager: Too long: may not be more than 128 bytes',
  )
  assert.deepEqual(ownersIn((await put({ managedFields: [{}] })).body), [])
  assert.deepEqual(
    ownersIn((await put({ managedFields: undefined }, { x: '2' })).body),
    [],
    'nobody is followed until somebody applies',
  )
  const applied = await apply(http, `${at}?fieldManager=four&force=true`, map('a', { x: '3' }))
  assert.deepEqual(ownersIn(applied.body), [
    'four Apply {"f:data":{"f:x":{}}}',
    'before-first-apply Update {"f:data":{}}',
  ])
})

test('kubectl takes over what kubectl apply set from its side', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const last = JSON.stringify(map('a', { x: '1' }))
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': last }
  await send(
    http,
    'POST',
    `${maps}?fieldManager=kubectl-client-side-apply`,
    map('a', { x: '1', y: '1' }, { annotations }),
  )
  const others = await apply(http, `${maps}/a?fieldManager=other`, map('a', { x: '2' }))
  assert.equal(others.code, 409)
  const partly = await apply(http, `${maps}/a?fieldManager=kubectl`, map('a', { x: '2', y: '2' }))
  assert.equal(
    partly.body.message,
    'Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.y',
  )
  const taken = await apply(http, `${maps}/a?fieldManager=kubectl`, map('a', { x: '2' }))
  assert.equal(taken.code, 200)
  assert.deepEqual(taken.body.data, { x: '2', y: '1' })
  assert.equal(
    taken.body.metadata.annotations['kubectl.kubernetes.io/last-applied-configuration'],
    '{"apiVersion":"v1","data":{"x":"2"},"kind":"ConfigMap","metadata":{"name":"a"}}\n',
  )
})

test('events of both groups have owners in the version of who wrote', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const event = {
    metadata: { name: 'e' },
    eventTime: '2026-01-01T00:00:00.000000Z',
    reportingController: 'a/b',
    reportingInstance: 'x',
    action: 'Do',
    reason: 'Done',
    type: 'Normal',
    note: 'n',
  }
  const at = '/apis/events.k8s.io/v1/namespaces/default/events'
  const created = await send(http, 'POST', `${at}?fieldManager=one`, event)
  assert.equal(created.code, 201, JSON.stringify(created.body))
  assert.equal(created.body.metadata.managedFields[0].apiVersion, 'events.k8s.io/v1')
  assert.ok(Object.hasOwn(created.body.metadata.managedFields[0].fieldsV1, 'f:note'))
  const core = '/api/v1/namespaces/default/events/e?fieldManager=two'
  const { body } = await send(http, 'PATCH', core, { message: 'm' }, 'application/merge-patch+json')
  const [one, two] = body.metadata.managedFields
  assert.deepEqual([one.manager, Object.hasOwn(one.fieldsV1, 'f:note')], ['one', false])
  assert.deepEqual([two.manager, two.apiVersion, two.fieldsV1], ['two', 'v1', { 'f:message': {} }])
})

test('a client is known by its user agent', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const names: string[] = []
  for (const [index, agent] of ['kubectl/v1.34.0 (linux)', '', `${'x'.repeat(200)}/1`].entries()) {
    const answer = await http.ask('POST', maps, {
      headers: { 'user-agent': agent },
      body: map(`m${index}`, { x: '1' }),
    })
    names.push(JSON.parse(answer.text).metadata.managedFields[0].manager)
  }
  assert.deepEqual(names, ['kubectl', 'unknown', 'x'.repeat(128)])
})

test('an object that is too large with its owners goes without them', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const labels = (n: number): object => Object.fromEntries(Array.from({ length: n }, (_, at) => [`k${at}`, 'v']))
  const annotations = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`a${at}`, 'x'.repeat(10_000)]))
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'a', labels: labels(25_000), annotations },
    data: { x: 'A'.repeat(1_000_000) },
  }
  const answer = await send(http, 'POST', '/api/v1/namespaces/default/secrets', secret)
  assert.equal(answer.code, 201, answer.body.message)
  assert.ok(!Object.hasOwn(answer.body.metadata, 'managedFields'))
})

test('custom objects are applied by their schema', () =>
  withServer(async (client, fixture) => {
    await using http = await listen(fixture.server)
    await define(client)
    const at = `${widgetsPath}/a`
    const applied = (spec: object, rest: object = {}): object => ({
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'a' },
      spec,
      ...rest,
    })
    const first = await apply(
      http,
      `${at}?fieldManager=one`,
      applied({ size: 1, tags: ['x', 'y'], extra: { a: { b: 1 } } }, { status: { replicas: 9 } }),
    )
    assert.equal(first.code, 201, JSON.stringify(first.body))
    assert.deepEqual(first.body.spec, { color: 'blue', extra: { a: { b: 1 } }, replicas: 1, size: 1, tags: ['x', 'y'] })
    assert.equal(first.body.status, undefined)
    const own = '{"f:spec":{"f:extra":{"f:a":{".":{},"f:b":{}}},"f:size":{},"f:tags":{"v:\\"x\\"":{},"v:\\"y\\"":{}}}}'
    assert.deepEqual(ownersIn(first.body), [`one Apply ${own}`])
    const again = await apply(
      http,
      `${at}?fieldManager=one`,
      applied({ size: 1, tags: ['x', 'y'], extra: { a: { b: 1 } } }),
    )
    assert.deepEqual(again.body, first.body)
    const other = await apply(http, `${at}?fieldManager=two`, applied({ tags: ['z'], color: 'red' }))
    assert.deepEqual(other.body.spec.tags, ['x', 'y', 'z'])
    const dropped = await apply(http, `${at}?fieldManager=one`, applied({ size: 2, tags: ['y'] }))
    assert.deepEqual(dropped.body.spec, { color: 'red', replicas: 1, size: 2, tags: ['y', 'z'] })
    const conflicting = await apply(http, `${at}?fieldManager=one`, applied({ size: 2, color: 'blue' }))
    assert.equal(conflicting.body.message, 'Apply failed with 1 conflict: conflict with "two": .spec.color')
    const unknown = await apply(http, `${at}?fieldManager=one`, applied({ size: 2, shape: 'x' }))
    assert.equal(
      unknown.body.message,
      'failed to create typed patch object (/a; example.com/v1, Kind=Widget): .spec.shape: field not declared in schema',
    )
    const status = await apply(
      http,
      `${at}/status?fieldManager=three`,
      applied({ size: 5 }, { status: { replicas: 3 } }),
    )
    assert.deepEqual([status.body.spec.size, status.body.status], [2, { replicas: 3 }])
    const scale = { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'a' }, spec: { replicas: 4 } }
    assert.equal((await apply(http, `${at}/scale?fieldManager=four&force=true`, scale)).body.spec.replicas, 4)
    const { body } = await send(http, 'GET', at)
    assert.ok(ownersIn(body).includes('four Apply/scale {"f:spec":{"f:replicas":{}}}'))
    assert.deepEqual(fixture.bugs, [])
  }))

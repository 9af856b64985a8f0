import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '#lib/clock.ts'
import { StatusError } from '#machinery/status.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { patching, startWebhooks, type Behaviour, type WebhookServer } from './webhookServer.ts'

const group = '/apis/admissionregistration.k8s.io/v1'
const maps = '/api/v1/namespaces/default/configmaps'
const rules = [{ operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] }]

type Sort = 'mutating' | 'validating'

/** One configuration of one webhook. */
function configure(
  { transport }: ServerFixture,
  { url, caBundle }: WebhookServer,
  sort: Sort,
  name: string,
  webhook: object = {},
): Promise<unknown> {
  const body = {
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.com`,
        clientConfig: { url: `${url}/${name}`, caBundle },
        rules,
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 30,
        ...webhook,
      },
    ],
  }
  return transport.send({ method: 'POST', path: `${group}/${sort}webhookconfigurations`, body })
}

interface Outcome {
  readonly object?: any
  readonly refused?: string
  readonly code?: number
  readonly warnings?: readonly string[]
}

async function send(
  server: ServerFixture,
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: object,
): Promise<Outcome> {
  try {
    const query = path.includes('?') ? Object.fromEntries(new URLSearchParams(path.split('?')[1])) : {}
    const contentType = method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}
    const answer = await server.transport.send({ method, path: path.split('?')[0]!, query, body, ...contentType })
    return { object: answer.body, ...(answer.warnings.length > 0 ? { warnings: answer.warnings } : {}) }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    return { refused: error.message, code: error.code }
  }
}

const map = (name: string, data: object = { a: '1' }, metadata: object = {}): object => ({
  metadata: { name, ...metadata },
  data,
})

async function start(behaviours: Readonly<Record<string, Behaviour>>, names?: readonly string[]) {
  const server = await startServer({ clock: systemClock })
  const webhooks = await startWebhooks(behaviours, names)
  return {
    server,
    webhooks,
    async [Symbol.asyncDispose]() {
      await webhooks[Symbol.asyncDispose]()
      await server[Symbol.asyncDispose]()
      assert.deepEqual(server.bugs, [])
    },
  }
}

test('webhooks see what is written and change it, in the order of their names; then it is validated', async () => {
  const label =
    (key: string): Behaviour =>
    ({ request }) =>
      patching(
        ...(request.object?.metadata.labels === undefined ? [{ op: 'add', path: '/metadata/labels', value: {} }] : []),
        {
          op: 'add',
          path: `/metadata/labels/${key}`,
          value: String(Object.keys(request.object?.metadata.labels ?? {}).length),
        },
      )
  await using it = await start({
    '/b': label('b'),
    '/a': label('a'),
    '/judge': ({ request }) => ({
      warnings: [`${request.operation} with ${Object.keys(request.object?.metadata.labels ?? {})}`],
    }),
  })
  const { server, webhooks } = it
  await configure(server, webhooks, 'mutating', 'b')
  await configure(server, webhooks, 'mutating', 'a')
  await configure(server, webhooks, 'validating', 'judge')
  const created = await send(server, 'POST', maps, map('m'))
  assert.deepEqual(created.object.metadata.labels, { a: '0', b: '1' })
  assert.deepEqual(created.warnings, ['CREATE with a,b'])
  const [first] = webhooks.asked
  const { uid, ...request } = first!.request
  delete (request.object.metadata as { managedFields?: unknown }).managedFields
  assert.match(uid, /^[0-9a-f-]{36}$/)
  assert.deepEqual(request, {
    kind: { group: '', version: 'v1', kind: 'ConfigMap' },
    resource: { group: '', version: 'v1', resource: 'configmaps' },
    requestKind: { group: '', version: 'v1', kind: 'ConfigMap' },
    requestResource: { group: '', version: 'v1', resource: 'configmaps' },
    name: 'm',
    namespace: 'default',
    operation: 'CREATE',
    userInfo: { username: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
    object: { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'm', namespace: 'default' }, data: { a: '1' } },
    oldObject: null,
    dryRun: false,
    options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
  })
  webhooks.asked.length = 0
  const deleted = await send(server, 'DELETE', `${maps}/m`)
  assert.equal(
    deleted.refused,
    'Internal error occurred: admission webhook "a.example.com" attempted to modify the object, which is not supported for this operation',
  )
})

const outcomes: readonly {
  readonly name: string
  readonly sort?: Sort
  readonly webhook?: object
  readonly behave: Behaviour
  readonly path?: string
  readonly is: Outcome | ((outcome: Outcome) => void)
}[] = [
  {
    name: 'denies',
    sort: 'validating',
    behave: () => ({ allowed: false, status: { code: 403, reason: 'Forbidden', message: 'not here' } }),
    is: { refused: 'admission webhook "hook.example.com" denied the request: not here', code: 403 },
  },
  {
    name: 'denies without a word',
    behave: () => ({ allowed: false }),
    is: { refused: 'admission webhook "hook.example.com" denied the request without explanation', code: 400 },
  },
  {
    name: 'hangs',
    webhook: { timeoutSeconds: 1 },
    behave: () => undefined,
    is: ({ refused, code }) => {
      assert.equal(code, 500)
      assert.match(
        refused!,
        /^Internal error occurred: failed calling webhook "hook\.example\.com": failed to call webhook: Post "https:\/\/127\.0\.0\.1:\d+\/hook\?timeout=1s": context deadline exceeded$/,
      )
    },
  },
  {
    name: 'hangs in the middle of its answer and may fail',
    webhook: { failurePolicy: 'Ignore', timeoutSeconds: 1 },
    behave: (_asked, reply) => void reply.write('{"response":'),
    is: ({ object }) => assert.deepEqual(object.data, { a: '1' }),
  },
  {
    name: 'redirects',
    behave: (_asked, reply) => void reply.writeHead(302, { location: 'https://10.0.0.1/' }).end(),
    is: {
      refused:
        'Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: the server responded with the status code 302 but did not return more information',
      code: 500,
    },
  },
  {
    name: 'fails',
    sort: 'validating',
    behave: (_asked, reply) => void reply.writeHead(500).end('boom\n'),
    is: {
      refused:
        'Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: an error on the server ("boom") has prevented the request from succeeding',
      code: 500,
    },
  },
  {
    name: 'answers 10 MB',
    behave: (_asked, reply) => void reply.end(Buffer.alloc(10 * 1024 * 1024, 'x')),
    is: {
      refused:
        'Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: the answer is larger than 3145728 bytes',
      code: 500,
    },
  },
  {
    name: 'answers something else',
    behave: (_asked, reply) => void reply.end('<html>'),
    is: ({ refused }) => assert.match(refused!, /failed to call webhook: couldn't get version\/kind; json parse error/),
  },
  {
    name: 'answers another call',
    behave: () => ({ uid: 'x' }),
    is: ({ refused }) =>
      assert.match(refused!, /received invalid webhook response: expected response\.uid="[0-9a-f-]+", got "x"$/),
  },
  {
    name: 'patches in another language',
    behave: () => ({ patchType: 'MergePatch', patch: Buffer.from('{}').toString('base64') }),
    is: {
      refused:
        'Internal error occurred: failed calling webhook "hook.example.com": unsupported patch type "MergePatch"',
      code: 500,
    },
  },
  {
    name: 'patches what is not there',
    behave: () => patching({ op: 'replace', path: '/spec/replicas', value: 1 }),
    is: ({ refused, code }) => {
      assert.equal(code, 500)
      assert.match(refused!, /^Internal error occurred: /)
    },
  },
  {
    name: 'patches nonsense into a field',
    behave: () => patching({ op: 'replace', path: '/data', value: [1] }),
    is: ({ refused, code }) => {
      assert.equal(code, 500)
      assert.match(
        refused!,
        /^Internal error occurred: json: cannot unmarshal array into Go struct field ConfigMap\.data/,
      )
    },
  },
  {
    name: 'moves the object to another namespace',
    behave: () => patching({ op: 'replace', path: '/metadata/namespace', value: 'kube-system' }),
    is: { refused: 'the namespace of the provided object does not match the namespace sent on the request', code: 400 },
  },
  {
    name: 'sets what only the server decides',
    behave: () =>
      patching(
        { op: 'add', path: '/metadata/uid', value: 'mine' },
        { op: 'add', path: '/metadata/creationTimestamp', value: '2000-01-01T00:00:00Z' },
        { op: 'add', path: '/metadata/resourceVersion', value: '7' },
        { op: 'add', path: '/data/__proto__', value: 'x' },
        { op: 'add', path: '/unknown', value: 'x' },
      ),
    is: ({ object }) => {
      assert.notEqual(object.metadata.uid, 'mine')
      assert.notEqual(object.metadata.resourceVersion, '7')
      assert.ok(!object.metadata.creationTimestamp.startsWith('2000'))
      assert.deepEqual(Object.keys(object.data).sort(), ['__proto__', 'a'])
      assert.ok(!('unknown' in object))
    },
  },
  {
    name: 'is asked in a dry run and has side effects on dry runs',
    webhook: { sideEffects: 'NoneOnDryRun' },
    path: `${maps}?dryRun=All`,
    behave: ({ request }) => ({ warnings: [`dry: ${request.dryRun}`] }),
    is: ({ warnings }) => assert.deepEqual(warnings, ['dry: true']),
  },
  {
    name: 'has an unknown authority',
    sort: 'validating',
    webhook: {},
    behave: () => ({}),
    is: ({ refused }) =>
      assert.match(
        refused!,
        /failed to call webhook: Post ".*": tls: failed to verify certificate: x509: certificate signed by unknown authority$/,
      ),
  },
]

for (const { name, sort = 'mutating', webhook = {}, behave, path = maps, is } of outcomes) {
  test(`a webhook that ${name}`, async () => {
    await using it = await start({ '/hook': behave })
    const { server, webhooks } = it
    const unknown = name.includes('unknown authority')
    const client = unknown ? { clientConfig: { url: `${webhooks.url}/hook` } } : {}
    await configure(server, webhooks, sort, 'hook', { ...webhook, ...client })
    const outcome = await send(server, 'POST', path, map('m'))
    if (typeof is === 'function') is(outcome)
    else assert.deepEqual(outcome, is)
  })
}

test('an update may not change what cannot change, nor status through the object, whoever patches it', async () => {
  await using it = await start({
    '/hook': ({ request }) =>
      request.operation === 'UPDATE'
        ? patching(
            { op: 'replace', path: '/metadata/uid', value: 'mine' },
            { op: 'add', path: '/metadata/labels', value: { a: 'b' } },
            { op: 'add', path: '/status', value: { phase: 'Terminating' } },
          )
        : {},
    '/rename': ({ request }) =>
      request.operation === 'UPDATE' ? patching({ op: 'replace', path: '/metadata/name', value: 'other' }) : {},
  })
  const { server, webhooks } = it
  const resources = [{ ...rules[0], resources: ['namespaces'] }]
  const { object } = await send(server, 'POST', '/api/v1/namespaces', { metadata: { name: 'n' } })
  await configure(server, webhooks, 'mutating', 'hook', { rules: resources })
  const patched = await send(server, 'PATCH', '/api/v1/namespaces/n', { metadata: { annotations: { x: 'y' } } })
  assert.equal(patched.object.metadata.uid, object.metadata.uid)
  assert.deepEqual(patched.object.metadata.labels.a, 'b')
  assert.deepEqual(patched.object.status, { phase: 'Active' })
  await configure(server, webhooks, 'mutating', 'rename')
  await send(server, 'POST', maps, map('m'))
  const renamed = await send(server, 'PATCH', `${maps}/m`, { data: { b: '2' } })
  assert.match(renamed.refused!, /metadata\.name: Invalid value: "other": field is immutable/)
})

test('a webhook that wants it is asked again when a later one has changed the object, once', async () => {
  const count: Behaviour = ({ request }) => {
    const { labels = {} } = request.object.metadata
    return patching({ op: 'add', path: '/metadata/labels', value: { ...labels, seen: Object.keys(labels).join('.') } })
  }
  await using it = await start({
    '/a': count,
    '/b': ({ request }) =>
      request.object.metadata.labels!['late'] === undefined
        ? patching({ op: 'add', path: '/metadata/labels/late', value: 'x' })
        : {},
  })
  const { server, webhooks } = it
  await configure(server, webhooks, 'mutating', 'a', { reinvocationPolicy: 'IfNeeded' })
  await configure(server, webhooks, 'mutating', 'b')
  const { object } = await send(server, 'POST', maps, map('m'))
  assert.deepEqual(
    webhooks.asked.map(({ path }) => path),
    ['/a', '/b', '/a'],
  )
  assert.equal(object.metadata.labels.seen, 'late.seen')
})

test('a webhook behind a service is reached at one of its endpoints, by the name of the service', async () => {
  await using it = await start({ '/check': () => ({ warnings: ['here'] }) }, ['hook.default.svc'])
  const { server, webhooks } = it
  const { port, caBundle } = webhooks
  const service = { namespace: 'default', name: 'hook', path: '/check' }
  await configure(server, webhooks, 'validating', 'hook', { clientConfig: { service, caBundle } })
  const failed = 'Internal error occurred: failed calling webhook "hook.example.com": failed to call webhook: '
  const post = 'Post "https://hook.default.svc:443/check?timeout=30s"'
  assert.equal((await send(server, 'POST', maps, map('m'))).refused, `${failed}${post}: service "hook" not found`)
  const spec = { ports: [{ port: 443, targetPort: port }] }
  await send(server, 'POST', '/api/v1/namespaces/default/services', { metadata: { name: 'hook' }, spec })
  assert.equal(
    (await send(server, 'POST', maps, map('m'))).refused,
    `${failed}${post}: no endpoints available for service "hook"`,
  )
  const subsets = [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ port }] }]
  // Loopback is no address of an endpoint for the rules of the API: the server's own store takes it all the same here.
  const endpoints = { metadata: { name: 'hook' }, subsets: [{ ...subsets[0], addresses: [{ ip: '10.0.0.1' }] }] }
  await send(server, 'POST', '/api/v1/namespaces/default/endpoints', endpoints)
  const { cluster } = server.server
  const { endpoints: resource } = await import('#api/core/v1/endpoints.ts')
  await cluster.current()
  const stored = cluster.get(resource, 'default', 'hook')!
  assert.ok(await cluster.replace(resource, stored, { ...stored, subsets }))
  await cluster.current()
  assert.deepEqual((await send(server, 'POST', maps, map('m'))).warnings, ['here'])
})

test('scales, evictions and connections are shown as what travels', async () => {
  await using it = await start({
    '/hook': ({ request }) => ({
      warnings: [`${request.operation} ${JSON.stringify(request.kind)} ${request.subResource}`],
    }),
    '/scale': ({ request }) =>
      request.object['kind'] === 'Scale' ? patching({ op: 'replace', path: '/spec/replicas', value: 5 }) : {},
  })
  const { server, webhooks } = it
  const all = (resources: readonly string[]) => [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources }]
  const template = { metadata: { labels: { a: 'b' } }, spec: { containers: [{ name: 'c', image: 'i' }] } }
  const spec = { replicas: 1, selector: { matchLabels: { a: 'b' } }, template }
  const deployments = '/apis/apps/v1/namespaces/default/deployments'
  await send(server, 'POST', deployments, { metadata: { name: 'd' }, spec })
  await configure(server, webhooks, 'validating', 'hook', { rules: all(['*/scale', 'pods/*']) })
  await configure(server, webhooks, 'mutating', 'scale', { rules: all(['deployments/scale']) })
  const scaled = await send(server, 'PATCH', `${deployments}/d/scale`, { spec: { replicas: 2 } })
  assert.equal(scaled.object.spec.replicas, 5)
  assert.deepEqual(scaled.warnings, ['UPDATE {"group":"autoscaling","version":"v1","kind":"Scale"} scale'])
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'p', namespace: 'default' } }
  await send(server, 'POST', '/api/v1/namespaces/default/pods', { metadata: { name: 'p' }, spec: template.spec })
  const evicted = await send(server, 'POST', '/api/v1/namespaces/default/pods/p/eviction', eviction)
  assert.deepEqual(evicted.warnings, ['CREATE {"group":"policy","version":"v1","kind":"Eviction"} eviction'])
})

test('nobody can lock out who mends the webhooks', async () => {
  await using it = await start({ '/hook': () => ({ allowed: false }) })
  const { server, webhooks } = it
  await configure(server, webhooks, 'validating', 'hook', {
    rules: [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*/*'] }],
  })
  assert.equal((await send(server, 'POST', maps, map('m'))).code, 400)
  assert.equal((await send(server, 'DELETE', `${group}/validatingwebhookconfigurations/hook`)).refused, undefined)
  assert.equal((await send(server, 'POST', maps, map('m'))).refused, undefined)
})

test('a webhook that asks for another version of a kind is shown that one, and patches it', async () => {
  await using it = await start({
    '/hook': () => patching({ op: 'add', path: '/parameters/tier', value: 'gold' }),
    '/exact': () => ({ allowed: false }),
  })
  const { server, webhooks } = it
  const storage = (versions: readonly string[]) => [
    {
      operations: ['CREATE'],
      apiGroups: ['storage.k8s.io'],
      apiVersions: versions,
      resources: ['volumeattributesclasses'],
    },
  ]
  await configure(server, webhooks, 'mutating', 'hook', { rules: storage(['v1beta1']) })
  await configure(server, webhooks, 'validating', 'exact', { rules: storage(['v1beta1']), matchPolicy: 'Exact' })
  const body = { metadata: { name: 'c' }, driverName: 'd', parameters: { a: 'b' } }
  const { object } = await send(server, 'POST', '/apis/storage.k8s.io/v1/volumeattributesclasses', body)
  assert.deepEqual([object.apiVersion, object.parameters], ['storage.k8s.io/v1', { a: 'b', tier: 'gold' }])
  const [{ request }] = webhooks.asked as [(typeof webhooks.asked)[number]]
  assert.deepEqual(
    [request.kind, request.requestKind, request.object['apiVersion']],
    [
      { group: 'storage.k8s.io', version: 'v1beta1', kind: 'VolumeAttributesClass' },
      { group: 'storage.k8s.io', version: 'v1', kind: 'VolumeAttributesClass' },
      'storage.k8s.io/v1beta1',
    ],
  )
})

test('custom objects are asked about like others, in the version that the webhook asked for', async () => {
  await using it = await start({
    '/old': ({ request }) => patching({ op: 'add', path: '/spec/color', value: `by ${request.object['apiVersion']}` }),
    '/wrong': () => patching({ op: 'replace', path: '/spec/size', value: 'many' }),
  })
  const { server, webhooks } = it
  const schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: { size: { type: 'integer' }, color: { type: 'string' } } } },
  }
  const versions = ['v1', 'v1beta1'].map((name) => ({
    name,
    served: true,
    storage: name === 'v1',
    schema: { openAPIV3Schema: schema },
  }))
  const crd = {
    metadata: { name: 'widgets.example.com' },
    spec: { group: 'example.com', names: { plural: 'widgets', kind: 'Widget' }, scope: 'Namespaced', versions },
  }
  await send(server, 'POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', crd)
  const rulesFor = (version: string) => [
    { operations: ['CREATE'], apiGroups: ['example.com'], apiVersions: [version], resources: ['widgets'] },
  ]
  await configure(server, webhooks, 'mutating', 'old', { rules: rulesFor('v1beta1') })
  const widgets = '/apis/example.com/v1/namespaces/default/widgets'
  const widget = {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { name: 'w' },
    spec: { size: 1, unknown: 2 },
  }
  let made = await send(server, 'POST', widgets, widget)
  while (made.code === 404) made = await send(server, 'POST', widgets, widget)
  assert.deepEqual(
    [made.object.apiVersion, made.object.spec],
    ['example.com/v1', { size: 1, color: 'by example.com/v1beta1' }],
  )
  await configure(server, webhooks, 'mutating', 'wrong', { rules: rulesFor('v1') })
  const wrong = await send(server, 'POST', widgets, { ...widget, metadata: { name: 'x' } })
  assert.match(
    wrong.refused!,
    /spec\.size: Invalid value: "string": spec\.size in body must be of type integer: "string"/,
  )
})

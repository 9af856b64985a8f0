// The official JavaScript client (@kubernetes/client-node) reads and writes objects of all kinds.
import {
  ApiException,
  ApiextensionsV1Api,
  AppsV1Api,
  AuthenticationV1Api,
  AuthorizationV1Api,
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  KubernetesObjectApi,
  PatchStrategy,
  PolicyV1Api,
  setHeaderOptions,
  V1MicroTime,
  VersionApi,
  type KubeConfig,
  type V1ConfigMap,
  type V1Deployment,
  type V1Status,
} from '@kubernetes/client-node'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startForClientNode } from './clientNodeFixture.ts'
import { testAudience } from './secureServer.ts'

const namespace = 'default'

/** What the client was refused with: the code, and the Status in the body. */
async function refusalOf(promise: Promise<unknown>): Promise<{ readonly code: number; readonly status: V1Status }> {
  const error: unknown = await promise.then(
    () => assert.fail('was not refused'),
    (refusal: unknown) => refusal,
  )
  assert.ok(error instanceof ApiException, String(error))
  const status = (typeof error.body === 'string' ? JSON.parse(error.body) : error.body) as V1Status
  return { code: error.code, status }
}

const deployment = (name: string): V1Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: name } },
  spec: {
    selector: { matchLabels: { app: name } },
    template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'c', image: 'x' }] } },
  },
})

test('objects of core and apps are created, read, replaced and deleted', async () => {
  await using started = await startForClientNode()
  const config = started.config()
  const [core, apps] = [config.makeApiClient(CoreV1Api), config.makeApiClient(AppsV1Api)]
  assert.match((await config.makeApiClient(VersionApi).getCode()).gitVersion, /^v1\.34\./)
  const body: V1ConfigMap = { metadata: { name: 'a', labels: { x: '1' } }, data: { k: 'v' }, binaryData: { b: 'AP8=' } }
  const created = await core.createNamespacedConfigMap({ namespace, body, fieldManager: 'tester' })
  assert.ok(created.metadata?.creationTimestamp instanceof Date)
  assert.deepEqual(
    created.metadata.managedFields?.map(({ manager, operation }) => [manager, operation]),
    [['tester', 'Update']],
  )
  const read = await core.readNamespacedConfigMap({ namespace, name: 'a' })
  assert.deepEqual([read.data, read.binaryData], [{ k: 'v' }, { b: 'AP8=' }])
  read.data = { k: 'w' }
  const replaced = await core.replaceNamespacedConfigMap({ namespace, name: 'a', body: read })
  assert.deepEqual(replaced.data, { k: 'w' })
  const made = await apps.createNamespacedDeployment({ namespace, body: deployment('d') })
  assert.deepEqual(
    [made.spec?.replicas, made.spec?.strategy?.rollingUpdate?.maxSurge, made.metadata?.generation],
    [1, '25%', 1],
  )
  const scale = await apps.readNamespacedDeploymentScale({ namespace, name: 'd' })
  scale.spec!.replicas = 3
  const scaled = await apps.replaceNamespacedDeploymentScale({ namespace, name: 'd', body: scale })
  assert.deepEqual([scaled.spec?.replicas, scaled.status?.selector], [3, 'app=d'])
  const dry = await apps.deleteNamespacedDeployment({ namespace, name: 'd', dryRun: 'All' })
  assert.equal(dry.status, 'Success')
  const gone = await apps.deleteNamespacedDeployment({ namespace, name: 'd', propagationPolicy: 'Background' })
  assert.deepEqual([gone.status, gone.details?.kind, gone.details?.group], ['Success', 'deployments', 'apps'])
  const all = await core.deleteCollectionNamespacedConfigMap({ namespace })
  assert.deepEqual((await core.listNamespacedConfigMap({ namespace })).items, [], JSON.stringify(all))
})

test('lists come in pages and by selectors', async () => {
  await using started = await startForClientNode()
  const core = started.config().makeApiClient(CoreV1Api)
  for (let i = 0; i < 7; i++) {
    await core.createNamespacedConfigMap({
      namespace,
      body: { metadata: { name: `c${i}`, labels: { odd: String(i % 2) } } },
    })
  }
  const pages: number[] = []
  const names: string[] = []
  let _continue: string | undefined
  do {
    const page = await core.listNamespacedConfigMap({ namespace, limit: 3, ...(_continue && { _continue }) })
    pages.push(page.metadata?.remainingItemCount ?? 0)
    names.push(...page.items.map(({ metadata }) => metadata!.name!))
    _continue = page.metadata?._continue
  } while (_continue !== undefined)
  assert.deepEqual(
    [pages, names],
    [
      [4, 1, 0],
      ['c0', 'c1', 'c2', 'c3', 'c4', 'c5', 'c6'],
    ],
  )
  const found = async (query: { labelSelector?: string; fieldSelector?: string }): Promise<string[]> =>
    (await core.listConfigMapForAllNamespaces(query)).items.map(({ metadata }) => metadata!.name!)
  assert.deepEqual(await found({ labelSelector: 'odd in (1),odd!=0' }), ['c1', 'c3', 'c5'])
  assert.deepEqual(await found({ fieldSelector: 'metadata.name=c4,metadata.namespace=default' }), ['c4'])
  const { code, status } = await refusalOf(core.listNamespacedConfigMap({ namespace, _continue: 'x' }))
  assert.deepEqual([code, status.reason], [400, 'BadRequest'])
})

test('patches of every type are applied', async () => {
  await using started = await startForClientNode()
  const config = started.config()
  const [core, apps] = [config.makeApiClient(CoreV1Api), config.makeApiClient(AppsV1Api)]
  await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'a' }, data: { a: '1', b: '2' } } })
  await apps.createNamespacedDeployment({ namespace, body: deployment('d') })
  const patch = async (body: object, strategy: string): Promise<unknown> =>
    (await core.patchNamespacedConfigMap({ namespace, name: 'a', body }, setHeaderOptions('Content-Type', strategy)))
      .data
  assert.deepEqual(await patch([{ op: 'replace', path: '/data/a', value: 'x' }], PatchStrategy.JsonPatch), {
    a: 'x',
    b: '2',
  })
  assert.deepEqual(await patch({ data: { b: null, c: '3' } }, PatchStrategy.MergePatch), { a: 'x', c: '3' })
  const patched = await apps.patchNamespacedDeployment(
    {
      namespace,
      name: 'd',
      body: { spec: { template: { spec: { containers: [{ name: 'side', image: 'y' }] } } } },
    },
    setHeaderOptions('Content-Type', PatchStrategy.StrategicMergePatch),
  )
  assert.deepEqual(
    patched.spec?.template.spec?.containers.map(({ name }) => name),
    ['side', 'c'],
  )
  const applied = await core.patchNamespacedConfigMap(
    {
      namespace,
      name: 'a',
      body: { apiVersion: 'v1', kind: 'ConfigMap', data: { d: '4' } },
      fieldManager: 'tester',
      force: true,
    },
    setHeaderOptions('Content-Type', PatchStrategy.ServerSideApply),
  )
  assert.deepEqual(applied.data, { a: 'x', c: '3', d: '4' })
  // JSON patches are what the client sends when it is told nothing.
  const { code, status } = await refusalOf(core.patchNamespacedConfigMap({ namespace, name: 'a', body: { data: {} } }))
  assert.deepEqual([code, status.reason], [400, 'BadRequest'])
  const text = await refusalOf(patch({}, 'text/plain'))
  assert.deepEqual([text.code, text.status.message], [415, '415: Unsupported Media Type'])
})

test('objects of any kind go through the client that knows none, also by server-side apply', async () => {
  await using started = await startForClientNode()
  const objects = KubernetesObjectApi.makeApiClient(started.config())
  const body = deployment('d')
  const created = (await objects.create(structuredClone(body))) as V1Deployment
  assert.deepEqual([created.metadata?.namespace, created.spec?.replicas], ['default', 1])
  const apply = async (replicas: number, manager: string, force: boolean): Promise<V1Deployment> => {
    const spec = { ...body, spec: { ...body.spec, replicas } as V1Deployment['spec'] }
    const { ServerSideApply } = PatchStrategy
    return (await objects.patch(spec, undefined, undefined, manager, force, ServerSideApply)) as V1Deployment
  }
  // The field belongs to whoever created it with its default.
  assert.equal((await apply(1, 'one', false)).spec?.replicas, 1)
  const { code, status } = await refusalOf(apply(5, 'two', false))
  assert.deepEqual([code, status.reason], [409, 'Conflict'])
  assert.deepEqual(
    status.details?.causes?.map(({ reason, field }) => [reason, field]),
    [
      ['FieldManagerConflict', '.spec.replicas'],
      ['FieldManagerConflict', '.spec.replicas'],
    ],
  )
  assert.match(
    status.message!,
    /^Apply failed with 2 conflicts: conflicts with "kubernetes-client-javascript" using apps\/v1:\n- \.spec\.replicas\nconflicts with "one":\n- \.spec\.replicas$/,
  )
  const forced = await apply(5, 'two', true)
  assert.equal(forced.spec?.replicas, 5)
  assert.ok(
    forced.metadata?.managedFields?.some(({ manager, operation }) => manager === 'two' && operation === 'Apply'),
  )
  const list = await objects.list(
    'apps/v1',
    'Deployment',
    'default',
    undefined,
    undefined,
    undefined,
    undefined,
    'app=d',
  )
  assert.deepEqual(
    list.items.map(({ metadata }) => metadata?.name),
    ['d'],
  )
  const header = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', namespace: 'default' } }
  const read = (await objects.read(header)) as V1Deployment
  read.spec!.paused = true
  assert.equal(((await objects.replace(read)) as V1Deployment).spec?.paused, true)
  assert.equal((await objects.delete(header)).status, 'Success')
  await assert.rejects(objects.read({ ...header, kind: 'None' }), /Unrecognized API version and kind: apps\/v1 None/)
})

test('a stale revision is refused, with what to do about it', async () => {
  await using started = await startForClientNode()
  const core = started.config().makeApiClient(CoreV1Api)
  const old = await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: 'a' }, data: { a: '1' } } })
  await core.replaceNamespacedConfigMap({ namespace, name: 'a', body: { ...old, data: { a: '2' } } })
  const conflict = await refusalOf(core.replaceNamespacedConfigMap({ namespace, name: 'a', body: old }))
  assert.deepEqual(
    [conflict.code, conflict.status.reason, conflict.status.details],
    [409, 'Conflict', { name: 'a', kind: 'configmaps' }],
  )
  assert.match(
    conflict.status.message!,
    /the object has been modified; please apply your changes to the latest version/,
  )
})

test('refusals are exceptions with a code and a Status', async () => {
  await using started = await startForClientNode()
  const core = started.config().makeApiClient(CoreV1Api)
  const missing = await refusalOf(core.readNamespacedConfigMap({ namespace, name: 'none' }))
  assert.deepEqual(missing, {
    code: 404,
    status: {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'configmaps "none" not found',
      reason: 'NotFound',
      details: { name: 'none', kind: 'configmaps' },
      code: 404,
    },
  })
  const create = (name: string): Promise<unknown> =>
    core.createNamespacedConfigMap({ namespace, body: { metadata: { name } } })
  await create('a')
  const rows = [
    [create('a'), 409, 'AlreadyExists'],
    [create('A_'), 422, 'Invalid'],
    [core.createNamespacedConfigMap({ namespace: 'none', body: { metadata: { name: 'a' } } }), 404, 'NotFound'],
    [core.createNamespacedConfigMap({ namespace, body: {}, fieldValidation: 'X' }), 422, 'Invalid'],
  ] as const
  for (const [promise, code, reason] of rows) {
    const refusal = await refusalOf(promise)
    assert.deepEqual([refusal.code, refusal.status.reason], [code, reason])
  }
  const jane = started.config('jane')
  const forbidden = await refusalOf(jane.makeApiClient(CoreV1Api).listNamespacedSecret({ namespace }))
  assert.deepEqual(
    [forbidden.code, forbidden.status.message],
    [
      403,
      'secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "default"',
    ],
  )
  const nobody = withToken(started.config(), 'nobody')
  assert.equal((await refusalOf(nobody.makeApiClient(CoreV1Api).listNamespace())).code, 401)
})

/** The same cluster for whoever has this token. */
function withToken(config: KubeConfig, token: string): KubeConfig {
  config.loadFromClusterAndUser(config.getCurrentCluster()!, { name: 'other', token })
  return config
}

test('custom objects are served, with their status and their scale', async () => {
  await using started = await startForClientNode()
  const config = started.config()
  const definitions = config.makeApiClient(ApiextensionsV1Api)
  const custom = config.makeApiClient(CustomObjectsApi)
  const integer = { type: 'object', properties: { n: { type: 'integer', minimum: 0 } } }
  await definitions.createCustomResourceDefinition({
    body: {
      metadata: { name: 'pies.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'pies', kind: 'Pie' },
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', properties: { spec: integer, status: integer } } },
            subresources: { status: {}, scale: { specReplicasPath: '.spec.n', statusReplicasPath: '.status.n' } },
          },
        ],
      },
    },
  })
  const where = { group: 'example.com', version: 'v1', namespace, plural: 'pies' }
  const body = { apiVersion: 'example.com/v1', kind: 'Pie', metadata: { name: 'a' }, spec: { n: 1 } }
  const create = (): Promise<unknown> => custom.createNamespacedCustomObject({ ...where, body })
  // The definition is served a moment after it was made.
  while (
    (await definitions.readCustomResourceDefinition({ name: 'pies.example.com' })).status?.conditions?.length !== 2
  );
  assert.deepEqual(((await create()) as typeof body).spec, { n: 1 })
  const one = { ...where, name: 'a' }
  const merge = setHeaderOptions('Content-Type', PatchStrategy.MergePatch)
  const changed = (await custom.patchNamespacedCustomObject({ ...one, body: { spec: { n: 2 } } }, merge)) as typeof body
  assert.deepEqual(changed.spec, { n: 2 })
  await custom.patchNamespacedCustomObjectStatus({ ...one, body: { status: { n: 2 } } }, merge)
  const scale = (await custom.getNamespacedCustomObjectScale(one)) as { spec: object; status: object }
  assert.deepEqual([scale.spec, scale.status], [{ replicas: 2 }, { replicas: 2 }])
  const refusal = await refusalOf(custom.patchNamespacedCustomObject({ ...one, body: { spec: { n: -1 } } }, merge))
  assert.deepEqual([refusal.code, refusal.status.details?.causes?.[0]?.field], [422, 'spec.n'])
  const applied = await KubernetesObjectApi.makeApiClient(config).patch(
    { ...body, metadata: { name: 'b' } },
    undefined,
    undefined,
    'tester',
    undefined,
    PatchStrategy.ServerSideApply,
  )
  assert.equal(applied.metadata?.name, 'b')
  const list = (await custom.listNamespacedCustomObject(where)) as { items: unknown[] }
  assert.equal(list.items.length, 2)
  assert.equal(((await custom.deleteNamespacedCustomObject(one)) as V1Status).status, 'Success')
})

test('tokens of service accounts are issued and let in', async () => {
  await using started = await startForClientNode()
  const config = started.config()
  const { status } = await config.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    namespace,
    name: 'default',
    body: { spec: { audiences: [testAudience], expirationSeconds: 600 } },
  })
  assert.ok(status!.expirationTimestamp instanceof Date)
  const account = withToken(started.config(), status!.token!)
  const review = await account.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} })
  assert.equal(review.status?.userInfo?.username, 'system:serviceaccount:default:default')
  const access = await account.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({
    body: { spec: { resourceAttributes: { verb: 'delete', resource: 'nodes' } } },
  })
  assert.equal(access.status?.allowed, false)
})

test('whoever shows a certificate is known by it', async () => {
  await using started = await startForClientNode()
  const config = started.config('certified')
  const { status } = await config.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} })
  assert.equal(status?.userInfo?.username, 'certified')
  assert.deepEqual(status?.userInfo?.groups, ['system:masters', 'system:authenticated'])
  const { items } = await config.makeApiClient(CoreV1Api).listNamespacedSecret({ namespace })
  assert.deepEqual(items, [])
})

test('pods are bound, evicted and told of; leases are renewed', async () => {
  await using started = await startForClientNode()
  const config = started.config()
  const core = config.makeApiClient(CoreV1Api)
  const body = { metadata: { name: 'p' }, spec: { containers: [{ name: 'c', image: 'x' }] } }
  const pod = await core.createNamespacedPod({ namespace, body })
  assert.deepEqual([pod.status?.qosClass, pod.spec?.serviceAccountName], ['BestEffort', 'default'])
  await core.createNamespacedPodBinding({
    namespace,
    name: 'p',
    body: { metadata: { name: 'p' }, target: { kind: 'Node', name: 'n' } },
  })
  assert.equal((await core.readNamespacedPod({ namespace, name: 'p' })).spec?.nodeName, 'n')
  const budget = { metadata: { name: 'b' }, spec: { minAvailable: 1, selector: { matchLabels: { none: 'here' } } } }
  await config.makeApiClient(PolicyV1Api).createNamespacedPodDisruptionBudget({ namespace, body: budget })
  await core.createNamespacedPodEviction({ namespace, name: 'p', body: { metadata: { name: 'p' } } })
  assert.ok((await core.readNamespacedPod({ namespace, name: 'p' })).metadata?.deletionTimestamp instanceof Date)
  await core.createNamespacedEvent({
    namespace,
    body: {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', namespace, name: 'p' },
      reason: 'Seen',
      type: 'Normal',
    },
  })
  const leases = config.makeApiClient(CoordinationV1Api)
  const renewTime = new V1MicroTime('2026-01-01T00:00:00.123Z')
  await leases.createNamespacedLease({
    namespace,
    body: { metadata: { name: 'l' }, spec: { holderIdentity: 'me', renewTime } },
  })
  const { spec } = await leases.readNamespacedLease({ namespace, name: 'l' })
  // The client hands over the text of such a time as it came.
  assert.equal(String(spec?.renewTime), '2026-01-01T00:00:00.123000Z')
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusError } from '#machinery/status.ts'
import { inProcessTransport, type InProcessTransport } from '#server/inProcess.ts'
import { componentCaller } from '#server/identities.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { listen } from './apiServerHttp.ts'

const rbac = '/apis/rbac.authorization.k8s.io/v1'
const inDefault = '/api/v1/namespaces/default'

/** `GET /path`, or `POST /path` with a body: what became of it. */
async function ask(transport: InProcessTransport, text: string, body?: object): Promise<string> {
  const [method = '', url = ''] = text.split(' ')
  const [path = '', search = ''] = url.split('?')
  const query = Object.fromEntries(new URLSearchParams(search))
  const contentType = method === 'PATCH' ? { contentType: 'application/merge-patch+json' } : {}
  try {
    await transport.send({
      method: method as 'GET',
      path,
      query,
      ...contentType,
      ...(body === undefined ? {} : { body }),
    })
    return 'ok'
  } catch (error) {
    if (error instanceof StatusError) return `${error.code} ${error.message}`
    throw error
  }
}

async function must(transport: InProcessTransport, text: string, body?: object): Promise<void> {
  assert.equal(await ask(transport, text, body), 'ok')
}

const as = ({ server }: ServerFixture, name: string, ...groups: string[]): InProcessTransport =>
  inProcessTransport(server, { name, groups: [...groups, 'system:authenticated'] })

const apiGroup = 'rbac.authorization.k8s.io'
const rule = (resource: string, ...verbs: string[]): object => ({ apiGroups: [''], resources: [resource], verbs })

/** A role of a namespace with these rules, bound to a user. */
async function grant({ transport }: ServerFixture, user: string, name: string, ...rules: object[]): Promise<void> {
  await must(transport, `POST ${rbac}/namespaces/default/roles`, { metadata: { name }, rules })
  await must(transport, `POST ${rbac}/namespaces/default/rolebindings`, {
    metadata: { name },
    roleRef: { apiGroup, kind: 'Role', name },
    subjects: [{ kind: 'User', name: user }],
  })
  await transport.send({ method: 'GET', path: `${rbac}/namespaces/default/rolebindings` })
}

test('who has no role may see what everybody may, and is told what he may not', async () => {
  await using fixture = await startServer({ roles: true })
  const jane = as(fixture, 'jane')
  const anonymous = inProcessTransport(fixture.server, {
    name: 'system:anonymous',
    groups: ['system:unauthenticated'],
  })
  const rows: [InProcessTransport, string, string][] = [
    [jane, 'GET /apis', 'ok'],
    [jane, 'GET /version', 'ok'],
    [
      jane,
      `GET ${inDefault}/pods`,
      '403 pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "default"',
    ],
    [
      jane,
      `GET ${inDefault}/pods/web/log`,
      '403 pods "web" is forbidden: User "jane" cannot get resource "pods/log" in API group "" in the namespace "default"',
    ],
    [
      jane,
      'GET /apis/apps/v1/deployments',
      '403 deployments.apps is forbidden: User "jane" cannot list resource "deployments" in API group "apps" at the cluster scope',
    ],
    [jane, 'GET /metrics', '403 forbidden: User "jane" cannot get path "/metrics"'],
    [anonymous, 'GET /healthz', 'ok'],
    [anonymous, 'GET /api', '403 forbidden: User "system:anonymous" cannot get path "/api"'],
  ]
  for (const [transport, text, expected] of rows) assert.equal(await ask(transport, text), expected)
})

test('a list or watch of one object needs the permission for that object', async () => {
  await using fixture = await startServer({ roles: true })
  await grant(fixture, 'jane', 'one', { ...rule('configmaps', 'get', 'list', 'watch'), resourceNames: ['a'] })
  const jane = as(fixture, 'jane')
  const lists = `GET ${inDefault}/configmaps`
  const refused =
    'is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "default"'
  assert.equal(await ask(jane, `${lists}?fieldSelector=metadata.name%3Da`), 'ok')
  assert.equal(await ask(jane, `${lists}?fieldSelector=metadata.name%3Db`), `403 configmaps "b" ${refused}`)
  assert.equal(await ask(jane, `${lists}?fieldSelector=metadata.name!%3Da`), `403 configmaps ${refused}`)
  assert.equal(await ask(jane, lists), `403 configmaps ${refused}`)
})

test('to create by an update or an apply needs the permission to create', async () => {
  await using fixture = await startServer({ roles: true })
  const { transport } = fixture
  const changes = { ...rule('configmaps', 'update', 'patch') }
  const leases = { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['update'] }
  await grant(fixture, 'jane', 'changer', changes, leases)
  const jane = as(fixture, 'jane')
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases/a'
  const lease = { metadata: { name: 'a' }, spec: {} }
  const refused = (what: string, resource: string, group: string): string =>
    `403 ${what} "a" is forbidden: User "jane" cannot create resource "${resource}" in API group "${group}" in the namespace "default"`
  const applied = {
    method: 'PATCH',
    path: `${inDefault}/configmaps/a`,
    query: { fieldManager: 'test' },
    contentType: 'application/apply-patch+yaml',
    body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } },
  } as const
  assert.equal(
    await ask(jane, `PUT ${path}`, lease),
    refused('leases.coordination.k8s.io', 'leases', 'coordination.k8s.io'),
  )
  await assert.rejects(jane.send(applied), { message: refused('configmaps', 'configmaps', '').slice(4) })
  await transport.send(applied)
  await must(transport, `PUT ${path}`, lease)
  await jane.send(applied)
  assert.match(await ask(jane, `PUT ${path}`, lease), /^422 .*metadata.resourceVersion/)
})

test('all rights in a namespace are none outside of it', async () => {
  await using fixture = await startServer({ roles: true })
  const everything = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] }
  await grant(fixture, 'jane', 'owner', everything)
  const jane = as(fixture, 'jane')
  const notFound = '404 the server could not find the requested resource'
  const rows: [string, string][] = [
    [`GET ${inDefault}/secrets`, 'ok'],
    ['GET /api/v1/namespaces/default', 'ok'],
    // What is of the cluster has no place in a namespace (CVE-2019-11247).
    [`GET ${rbac}/namespaces/default/clusterroles`, notFound],
    [`DELETE ${rbac}/namespaces/default/clusterroles/cluster-admin`, notFound],
    [`GET ${inDefault}/nodes`, notFound],
    [`GET ${inDefault}/persistentvolumes`, notFound],
    ['GET /metrics', '403 forbidden: User "jane" cannot get path "/metrics"'],
  ]
  for (const [text, expected] of rows) assert.equal(await ask(jane, text), expected, text)
  for (const path of [
    '/api/v1/nodes',
    '/api/v1/secrets',
    '/api/v1/namespaces',
    '/api/v1/namespaces/kube-system/secrets',
  ]) {
    assert.match(await ask(jane, `GET ${path}`), /^403 /, path)
  }
  // Nor does a name that climbs out of its namespace lead anywhere.
  for (const path of ['/api/v1/namespaces/default%2F..%2Fkube-system/secrets', '/api/v1/namespaces/../secrets']) {
    assert.match(await ask(jane, `GET ${path}`), /^(403|404|400) /, path)
  }
})

test('nobody gives more than he has', async () => {
  await using fixture = await startServer({ roles: true })
  const everything = { apiGroups: [apiGroup], resources: ['roles', 'rolebindings'], verbs: ['*'] }
  await grant(
    fixture,
    'jane',
    'writer',
    { ...everything, verbs: ['create', 'update', 'patch', 'get'] },
    rule('pods', 'get'),
  )
  const jane = as(fixture, 'jane')
  const roles = `${rbac}/namespaces/default/roles`
  const bindings = `${rbac}/namespaces/default/rolebindings`
  const missing = (...rules: string[]): string =>
    `user "jane" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n${rules.join('\n')}`
  const admin = { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' }
  const rows: [string, object, string][] = [
    [`POST ${roles}`, { metadata: { name: 'a' }, rules: [rule('pods', 'get')] }, 'ok'],
    [
      `POST ${roles}`,
      { metadata: { name: 'b' }, rules: [rule('pods', 'get', 'list', 'watch'), rule('secrets', 'get')] },
      `403 roles.rbac.authorization.k8s.io "b" is forbidden: ${missing(
        '{APIGroups:[""], Resources:["pods"], Verbs:["list" "watch"]}',
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}',
      )}`,
    ],
    [
      `PATCH ${roles}/a`,
      { rules: [rule('*', 'get')] },
      `403 roles.rbac.authorization.k8s.io "a" is forbidden: ${missing('{APIGroups:[""], Resources:["*"], Verbs:["get"]}')}`,
    ],
    [
      `POST ${bindings}`,
      { metadata: { name: 'b' }, roleRef: admin, subjects: [{ kind: 'User', name: 'jane' }] },
      `403 rolebindings.rbac.authorization.k8s.io "b" is forbidden: ${missing(
        '{APIGroups:["*"], Resources:["*"], Verbs:["*"]}',
        '{NonResourceURLs:["*"], Verbs:["*"]}',
      )}`,
    ],
    [
      `POST ${bindings}`,
      { metadata: { name: 'c' }, roleRef: { ...admin, name: 'none' } },
      '404 clusterrole.rbac.authorization.k8s.io "none" not found',
    ],
    // What others gave stays, and what says who owns it may change.
    [`PATCH ${roles}/writer`, { metadata: { finalizers: ['example.com/x'] } }, 'ok'],
  ]
  for (const [text, body, expected] of rows) assert.equal(await ask(jane, text, body), expected, text)
  await grant(fixture, 'jane', 'binder', {
    ...everything,
    resources: ['clusterroles'],
    resourceNames: ['view'],
    verbs: ['bind'],
  })
  const view = { metadata: { name: 'v' }, roleRef: { ...admin, name: 'view' } }
  assert.equal(await ask(jane, `POST ${bindings}`, view), 'ok')
  await grant(fixture, 'joe', 'escalator', { ...everything, verbs: ['create', 'escalate'] })
  const secrets = { metadata: { name: 'e' }, rules: [rule('secrets', 'get')] }
  assert.equal(await ask(as(fixture, 'joe'), `POST ${roles}`, secrets), 'ok')
})

test('whoever gathers the rules of other roles must have all rights', async () => {
  await using fixture = await startServer({ roles: true })
  const { transport } = fixture
  await must(transport, `POST ${rbac}/clusterroles`, {
    metadata: { name: 'writer' },
    rules: [{ apiGroups: [apiGroup], resources: ['clusterroles'], verbs: ['create', 'update', 'patch'] }],
  })
  await must(transport, `POST ${rbac}/clusterrolebindings`, {
    metadata: { name: 'writer' },
    roleRef: { apiGroup, kind: 'ClusterRole', name: 'writer' },
    subjects: [{ kind: 'User', name: 'jane' }],
  })
  const jane = as(fixture, 'jane')
  const selector = { clusterRoleSelectors: [{ matchLabels: { a: 'b' } }] }
  const refused = 'is forbidden: must have cluster-admin privileges to use an aggregationRule'
  assert.equal(
    await ask(jane, `POST ${rbac}/clusterroles`, { metadata: { name: 'x' }, aggregationRule: selector }),
    `403 clusterroles.rbac.authorization.k8s.io "x" ${refused}`,
  )
  // To become a part of a role is to give its owners what the part has.
  const part = { labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } }
  const answer = await ask(jane, `POST ${rbac}/clusterroles`, {
    metadata: { name: 'y', ...part },
    rules: [rule('nodes', 'delete')],
  })
  assert.match(answer, /^403 .*attempting to grant RBAC permissions not currently held/)
})

test('nodes read what their own pods need', async () => {
  await using fixture = await startServer({ roles: true })
  const { transport } = fixture
  const pod = (name: string, nodeName: string, spec: object, annotations = {}): object => ({
    metadata: { name, annotations },
    spec: { nodeName, containers: [{ name: 'c', image: 'i' }], ...spec },
  })
  const mounts = { volumes: [{ name: 's', secret: { secretName: 'mine' } }] }
  await must(transport, `POST ${inDefault}/pods`, pod('a', 'n1', mounts))
  await must(transport, `POST ${inDefault}/pods`, pod('b', 'n2', { imagePullSecrets: [{ name: 'other' }] }))
  for (const name of ['mine', 'other', 'nobodys'])
    await must(transport, `POST ${inDefault}/secrets`, { metadata: { name } })
  const node = inProcessTransport(fixture.server, componentCaller('system:node:n1'))
  const forbidden = (subject: string, verb: string, resource: string, where: string, why: string): string =>
    `403 ${subject} is forbidden: User "system:node:n1" cannot ${verb} resource "${resource}" in API group "" ${where}: ${why}`
  const unrelated = "no relationship found between node 'n1' and this object"
  const here = 'in the namespace "default"'
  const rows: [string, string][] = [
    [`GET ${inDefault}/secrets/mine`, 'ok'],
    [`GET ${inDefault}/secrets?fieldSelector=metadata.name%3Dmine`, 'ok'],
    [`GET ${inDefault}/configmaps/kube-root-ca.crt`, '404 configmaps "kube-root-ca.crt" not found'],
    [`GET ${inDefault}/secrets/other`, forbidden('secrets "other"', 'get', 'secrets', here, unrelated)],
    [`GET ${inDefault}/secrets/nobodys`, forbidden('secrets "nobodys"', 'get', 'secrets', here, unrelated)],
    [`GET ${inDefault}/secrets`, forbidden('secrets', 'list', 'secrets', here, 'No Object name found')],
    [
      `DELETE ${inDefault}/secrets/mine`,
      forbidden('secrets "mine"', 'delete', 'secrets', here, 'can only read resources of this type'),
    ],
    [`GET ${inDefault}/pods/a`, 'ok'],
    [`GET ${inDefault}/pods/b`, forbidden('pods "b"', 'get', 'pods', here, unrelated)],
    ['GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn1', 'ok'],
    [
      'GET /api/v1/pods?fieldSelector=spec.nodeName%3Dn2',
      forbidden(
        'pods',
        'list',
        'pods',
        'at the cluster scope',
        'can only list/watch pods with spec.nodeName field selector',
      ),
    ],
    ['GET /api/v1/nodes/n1', '404 nodes "n1" not found'],
    [
      'GET /api/v1/nodes/n2',
      forbidden(
        'nodes "n2"',
        'get',
        'nodes',
        'at the cluster scope',
        "node 'n1' cannot read 'n2', only its own Node object",
      ),
    ],
    ['GET /api/v1/services', 'ok'],
  ]
  for (const [text, expected] of rows) assert.equal(await ask(node, text), expected, text)
  const token = `POST ${inDefault}/serviceaccounts/default/token`
  assert.match(await ask(node, token, { spec: {} }), /^403 .*node requested token not bound to a pod/)
  await transport.send({ method: 'DELETE', path: `${inDefault}/pods/a`, body: { gracePeriodSeconds: 0 } })
  await transport.send({ method: 'GET', path: `${inDefault}/pods` })
  assert.equal(
    await ask(node, `GET ${inDefault}/secrets/mine`),
    forbidden('secrets "mine"', 'get', 'secrets', here, unrelated),
  )
})

test('roles are put back at the next start, but for what people made theirs', async () => {
  const clock = new SimulatedClock()
  await using store = openMemoryStore({ clock })
  const first = await startServer({ clock, store, roles: true })
  const edit = (path: string, body: object): Promise<void> => must(first.transport, `PATCH ${rbac}/${path}`, body)
  await must(first.transport, `DELETE ${rbac}/clusterroles/system:discovery`)
  await edit('clusterroles/system:basic-user', { rules: [rule('pods', 'get')] })
  await edit('clusterrolebindings/system:discovery', { subjects: [{ apiGroup, kind: 'User', name: 'jane' }] })
  await edit('clusterroles/system:monitoring', {
    rules: [],
    metadata: { annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
  })
  await first[Symbol.asyncDispose]()
  const before = await store.revision()
  await using second = await startServer({ clock, store, roles: true, bare: true })
  const read = async (path: string): Promise<any> =>
    (await second.transport.send({ method: 'GET', path: `${rbac}/${path}` })).body
  assert.equal((await read('clusterroles/system:discovery')).rules.length, 1)
  assert.deepEqual(
    (await read('clusterroles/system:basic-user')).rules.map(({ resources }: any) => resources),
    [['pods'], ['selfsubjectaccessreviews'], ['selfsubjectrulesreviews'], ['selfsubjectreviews']],
  )
  assert.deepEqual(
    (await read('clusterrolebindings/system:discovery')).subjects.map(({ name }: any) => name),
    ['jane', 'system:authenticated'],
  )
  assert.equal((await read('clusterroles/system:monitoring')).rules, null)
  // Nothing else was written.
  assert.equal((await store.revision()) - before, 3)
})

test('a server is not ready before its roles are', async () => {
  await using fixture = await startServer({ roles: true })
  await using http = await listen(fixture.server)
  const { text } = await http.ask('GET', '/readyz?verbose')
  assert.match(text, /\[\+\]poststarthook\/rbac\/bootstrap-roles ok/)
})

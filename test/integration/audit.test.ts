import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock, systemClock } from '#lib/clock.ts'
import { readSettings } from '#lib/settings/settingsFile.ts'
import { auditPolicySettings } from '#server/audit/policy.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { startBoth } from './aggregationFixture.ts'
import { teapots, whenSaid } from './extensionServer.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { listen, userHeader, type HttpFixture } from './apiServerHttp.ts'

type Event = Readonly<Record<string, any>>

interface AuditFixture extends AsyncDisposable {
  readonly fixture: ServerFixture
  readonly http: HttpFixture
  /** The events since the last call. */
  take(): readonly Event[]
  /** From now on nothing can be kept. */
  breakSink(): void
}

/** A server with a policy, after everything that it begins with. */
async function startAudited(policy: string): Promise<AuditFixture> {
  const lines: string[] = []
  let isBroken = false
  const sink = {
    name: 'log',
    write: (line: string) => {
      if (!isBroken) lines.push(line)
      return !isBroken
    },
  }
  const content = `apiVersion: audit.k8s.io/v1\nkind: Policy\n${policy}`
  const audience = 'https://kubernetes.default.svc.cluster.local'
  const fixture = await startServer({
    clock: new SimulatedClock(Date.UTC(2026, 0, 1)),
    roles: true,
    tokenAuthenticators: [staticTokens('secret,jane,7,"readers"\n', [audience])],
    settings: { audit: { policy: readSettings(auditPolicySettings, content, 'p'), sinks: [sink] } },
  })
  const http = await listen(fixture.server)
  lines.length = 0
  return {
    fixture,
    http,
    take: () => lines.splice(0).map((line) => JSON.parse(line) as Event),
    breakSink: () => void (isBroken = true),
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await fixture[Symbol.asyncDispose]()
    },
  }
}

const configMaps = '/api/v1/namespaces/default/configmaps'

test('an event says who did what to what, whether he might and what came of it', async () => {
  await using audited = await startAudited('omitStages: [RequestReceived]\nrules: [{ level: Metadata }]')
  const { http, take } = audited
  const answer = await http.ask('POST', `${configMaps}?fieldManager=m`, {
    headers: { 'user-agent': 'kubectl/v1', 'x-forwarded-for': '10.0.0.1, 10.0.0.2', 'audit-id': 'mine' },
    body: { metadata: { name: 'a' } },
  })
  assert.equal(answer.headers['audit-id'], 'mine')
  assert.deepEqual(take(), [
    {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      auditID: 'mine',
      stage: 'ResponseComplete',
      requestURI: `${configMaps}?fieldManager=m`,
      verb: 'create',
      user: { username: 'admin', groups: ['system:masters', 'system:authenticated'] },
      sourceIPs: ['10.0.0.1', '10.0.0.2', '127.0.0.1'],
      userAgent: 'kubectl/v1',
      objectRef: { resource: 'configmaps', namespace: 'default', name: 'a', apiVersion: 'v1' },
      responseStatus: { metadata: {}, code: 201 },
      requestReceivedTimestamp: '2026-01-01T00:00:00.000000Z',
      stageTimestamp: '2026-01-01T00:00:00.000000Z',
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    },
  ])
})

test('who is refused, not recognized or stands for somebody else is noted', async () => {
  await using audited = await startAudited('omitStages: [RequestReceived]\nrules: [{ level: Metadata }]')
  const { http, take } = audited
  const jane = { headers: { authorization: 'Bearer secret' } }
  await http.ask('GET', `${configMaps}/a`, jane)
  const [refused] = take()
  assert.deepEqual(refused!['user'], { username: 'jane', uid: '7', groups: ['readers', 'system:authenticated'] })
  assert.deepEqual(refused!['annotations'], {
    'authorization.k8s.io/decision': 'forbid',
    'authorization.k8s.io/reason': '',
  })
  const { responseStatus } = refused!
  assert.deepEqual([responseStatus.status, responseStatus.reason, responseStatus.code], ['Failure', 'Forbidden', 403])
  await http.ask('GET', '/version', jane)
  assert.deepEqual(take()[0]!['annotations'], {
    'authorization.k8s.io/decision': 'allow',
    'authorization.k8s.io/reason':
      'RBAC: allowed by ClusterRoleBinding "system:discovery" of ClusterRole "system:discovery" to Group "system:authenticated"',
  })
  await http.ask('GET', '/version', { headers: { authorization: 'Bearer wrong' } })
  const [unknown] = take()
  assert.deepEqual([unknown!['user'], unknown!['responseStatus'].code, unknown!['objectRef']], [{}, 401, undefined])
  await http.ask('GET', '/version', { headers: { [userHeader]: 'admin', 'impersonate-user': 'joe' } })
  const [other] = take()
  assert.equal(other!['user'].username, 'admin')
  assert.deepEqual(other!['impersonatedUser'], { username: 'joe', groups: ['system:authenticated'] })
})

test('levels say how much of a request is noted, and who owns fields can be left out', async () => {
  await using audited = await startAudited(`
omitStages: [RequestReceived]
rules:
- { level: None, verbs: [list] }
- { level: Request, verbs: [update] }
- { level: RequestResponse, omitManagedFields: true }
`)
  const { http, take } = audited
  await http.ask('POST', configMaps, { body: { metadata: { name: 'a' }, data: { k: 'v' } } })
  const [created] = take()
  assert.deepEqual(created!['requestObject'], {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: 'a' },
    data: { k: 'v' },
  })
  const { responseObject } = created!
  assert.deepEqual(
    [responseObject.kind, responseObject.data, responseObject.metadata.managedFields],
    ['ConfigMap', { k: 'v' }, undefined],
  )
  assert.equal(responseObject.metadata.name, 'a')
  await http.ask('PATCH', `${configMaps}/a`, {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: '{"data":{"k":"w"}}',
  })
  assert.deepEqual(take()[0]!['requestObject'], { data: { k: 'w' } })
  await http.ask('PATCH', `${configMaps}/a?fieldManager=m`, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n',
  })
  assert.deepEqual(take()[0]!['requestObject'], { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } })
  await http.ask('PUT', `${configMaps}/a`, { body: { metadata: { name: 'a' } } })
  const [updated] = take()
  assert.deepEqual([updated!['requestObject'].metadata, updated!['responseObject']], [{ name: 'a' }, undefined])
  await http.ask('GET', configMaps)
  assert.deepEqual(take(), [])
  await http.ask('DELETE', `${configMaps}/a`, {
    body: { kind: 'DeleteOptions', apiVersion: 'v1', gracePeriodSeconds: 0 },
  })
  const [deleted] = take()
  assert.equal(deleted!['requestObject'].gracePeriodSeconds, 0)
  assert.equal(deleted!['responseStatus'].status, 'Success')
})

test('lists and tables are noted as clients get them', async () => {
  await using audited = await startAudited(
    'omitStages: [RequestReceived]\nrules: [{ level: RequestResponse, omitManagedFields: true }]',
  )
  const { http, take } = audited
  await http.ask('POST', configMaps, { body: { metadata: { name: 'a' } } })
  take()
  const answer = await http.ask('GET', configMaps)
  const [list] = take()
  const asSent = JSON.parse(answer.text) as { items: { metadata: { managedFields?: unknown } }[] }
  for (const { metadata } of asSent.items) delete metadata.managedFields
  assert.deepEqual(list!['responseObject'], asSent)
  await http.ask('GET', configMaps, { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' } })
  const table = take()[0]!['responseObject']
  assert.deepEqual(
    [table.kind, table.rows.length, table.rows[0].object.metadata.managedFields],
    ['Table', 1, undefined],
  )
})

test('a watch has events at its beginning, once it has begun and at its end', async () => {
  await using audited = await startAudited('rules: [{ level: Metadata, verbs: [watch] }]')
  const { fixture, take } = audited
  const stop = new AbortController()
  const watch = fixture.transport.watch(
    { method: 'GET', path: '/api/v1/configmaps', query: { labelSelector: 'a=b' } },
    stop.signal,
  )
  const reader = watch[Symbol.asyncIterator]()
  const first = reader.next()
  await (fixture.clock as SimulatedClock).advance(0)
  const begun = take()
  assert.deepEqual(
    begun.map((event) => [event['stage'], event['requestURI'], event['responseStatus']]),
    [
      ['RequestReceived', '/api/v1/configmaps?labelSelector=a%3Db&watch=true', undefined],
      ['ResponseStarted', '/api/v1/configmaps?labelSelector=a%3Db&watch=true', { metadata: {}, code: 200 }],
    ],
  )
  stop.abort()
  await first.catch(() => undefined)
  await (fixture.clock as SimulatedClock).advance(0)
  assert.deepEqual(
    take().map((event) => event['stage']),
    ['ResponseComplete'],
  )
})

test('what admission notes stands in the event', async () => {
  await using audited = await startAudited(
    'omitStages: [RequestReceived]\nrules: [{ level: Metadata, verbs: [create] }]',
  )
  const { http, take } = audited
  await http.ask('POST', '/api/v1/namespaces', {
    body: { metadata: { name: 'strict', labels: { 'pod-security.kubernetes.io/audit': 'baseline' } } },
  })
  await http.ask('POST', '/api/v1/namespaces/strict/serviceaccounts', { body: { metadata: { name: 'default' } } })
  take()
  await http.ask('POST', '/api/v1/namespaces/strict/pods', {
    body: { metadata: { name: 'p' }, spec: { hostPID: true, containers: [{ name: 'c', image: 'i' }] } },
  })
  assert.deepEqual(take()[0]!['annotations'], {
    'authorization.k8s.io/decision': 'allow',
    'authorization.k8s.io/reason': '',
    'pod-security.kubernetes.io/audit-violations':
      'would violate PodSecurity "baseline:latest": host namespaces (hostPID=true)',
    'pod-security.kubernetes.io/enforce-policy': 'privileged:latest',
  })
})

test('what cannot be noted is not done, and counted', async () => {
  await using audited = await startAudited('rules: [{ level: None, nonResourceURLs: [/metrics] }, { level: Metadata }]')
  const { http, breakSink } = audited
  const count = async (name: string): Promise<number> => {
    const { text } = await http.ask('GET', '/metrics')
    return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)![1])
  }
  const before = await count('apiserver_audit_event_total')
  await http.ask('GET', configMaps)
  assert.equal((await count('apiserver_audit_event_total')) - before, 2)
  breakSink()
  const answer = await http.ask('POST', configMaps, { body: { metadata: { name: 'a' } } })
  assert.equal(answer.code, 500)
  assert.match(answer.text, /failed to store audit event/)
  assert.equal(await count('apiserver_audit_requests_rejected_total'), 1)
  assert.equal(await count('apiserver_audit_error_total\\{plugin="log"\\}'), 1)
})

test('a request that another server answers is called the same there', async () => {
  const events: Event[] = []
  const sink = { name: 'log', write: (line: string) => events.push(JSON.parse(line) as Event) > 0 }
  const content = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{ level: RequestResponse, resources: [{ group: kitchen.example.com, resources: [teapots] }] }]
`
  const policy = readSettings(auditPolicySettings, content, 'p')
  await using it = await startBoth({}, systemClock, { audit: { policy, sinks: [sink] } })
  await whenSaid(it.server, 'Passed')
  it.extension.asked.length = 0
  const answer = await it.ask('GET', `${teapots}/brown`)
  const { auditID, objectRef, responseStatus } = events[0]!
  assert.equal(it.extension.asked[0]!.headers['audit-id'], auditID)
  assert.equal(answer.headers['audit-id'], auditID)
  assert.deepEqual(objectRef, {
    resource: 'teapots',
    namespace: 'default',
    name: 'brown',
    apiGroup: 'kitchen.example.com',
    apiVersion: 'v1',
  })
  assert.deepEqual(responseStatus, { metadata: {}, code: 200 })
})

test('without an audit log answers carry no id', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  assert.equal((await http.ask('GET', '/version')).headers['audit-id'], undefined)
})

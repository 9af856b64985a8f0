import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, type HttpFixture } from './apiServerHttp.ts'

const configMaps = '/api/v1/namespaces/default/configmaps'
const pods = '/api/v1/namespaces/default/pods'

/** The values of all series by name and labels, but for buckets. */
async function readMetrics(http: HttpFixture): Promise<Readonly<Record<string, number>>> {
  const { text } = await http.ask('GET', '/metrics')
  const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#') && !line.includes('_bucket{'))
  return Object.fromEntries(
    series.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  )
}

/** What a family says, without its name. */
function familyOf(all: Readonly<Record<string, number>>, name: string, part = ''): Readonly<Record<string, number>> {
  return Object.fromEntries(
    Object.entries(all)
      .filter(([key]) => key.startsWith(`${name}{`) && key.includes(part))
      .map(([key, value]) => [key.slice(name.length), value]),
  )
}

test('requests are counted under the verbs of the API, with what the path names only where it is there', async () => {
  await using fixture = await startServer({ clock: new SimulatedClock() })
  await using http = await listen(fixture.server)
  const body = { metadata: { name: 'a' } }
  await http.ask('POST', configMaps, { body })
  await http.ask('POST', `${configMaps}?dryRun=All`, { body: { metadata: { name: 'b' } } })
  await http.ask('PUT', `${configMaps}/a`, { body })
  const apply = { 'content-type': 'application/apply-patch+yaml' }
  await http.ask('PATCH', `${configMaps}/a?fieldManager=m`, {
    headers: apply,
    body: 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\n',
  })
  await http.ask('GET', `${configMaps}/a`)
  await http.ask('GET', '/api/v1/configmaps')
  await http.ask('DELETE', `${configMaps}/none`)
  await http.ask('GET', '/api/v1/namespaces/default/nonsense/of-mine')
  await http.ask('GET', `${configMaps}/a/nonsense-of-mine`)
  await http.ask('GET', '/readyz')
  const all = await readMetrics(http)
  const labels = (code: number, verb: string, scope: string, resource = 'configmaps', dryRun = ''): string =>
    `{code="${code}",component="apiserver",dry_run="${dryRun}",group="",resource="${resource}",scope="${scope}",subresource="",verb="${verb}",version="v1"}`
  assert.deepEqual(familyOf(all, 'apiserver_request_total', 'resource="configmaps"'), {
    [labels(200, 'APPLY', 'resource')]: 1,
    [labels(200, 'GET', 'resource')]: 1,
    [labels(200, 'LIST', 'cluster')]: 1,
    [labels(200, 'PUT', 'resource')]: 1,
    [labels(201, 'POST', 'resource')]: 1,
    [labels(201, 'POST', 'resource', 'configmaps', 'All')]: 1,
    [labels(404, 'DELETE', 'resource')]: 1,
  })
  assert.deepEqual(
    Object.keys(all).filter((key) => key.includes('nonsense')),
    [],
  )
  const ready =
    '{code="200",component="apiserver",dry_run="",group="",resource="",scope="",subresource="/readyz",verb="GET",version=""}'
  assert.equal(familyOf(all, 'apiserver_request_total')[ready], 1)
  const place =
    '{component="apiserver",group="",resource="configmaps",scope="resource",subresource="",verb="GET",version="v1"}'
  assert.equal(all[`apiserver_request_sli_duration_seconds_count${place}`], 1)
  const { bytes } = await http.ask('GET', `${configMaps}/a`)
  assert.equal(all[`apiserver_response_sizes_sum${place}`], bytes.length)
  assert.equal(all['apiserver_request_body_size_bytes_count{resource="configmaps",verb="create"}'], 2)
  assert.equal(all['apiserver_resource_objects{group="",resource="configmaps"}'], 1)
  assert.equal(all['apiserver_storage_objects{resource="configmaps"}'], 1)
  assert.equal(all['apiserver_current_inflight_requests{request_kind="mutating"}'], 1)
})

test('who was known and what was allowed is counted', async () => {
  const audience = 'https://kubernetes.default.svc.cluster.local'
  await using fixture = await startServer({
    roles: true,
    tokenAuthenticators: [staticTokens('secret,jane@example.com,1\n', [audience])],
  })
  await using http = await listen(fixture.server)
  const as = (token: string) => ({ headers: { authorization: `Bearer ${token}` } })
  const before = await readMetrics(http)
  await http.ask('GET', '/version', as('secret'))
  await http.ask('GET', configMaps, as('secret'))
  await http.ask('GET', '/version', as('wrong'))
  const after = await readMetrics(http)
  const grown = (key: string): number => after[key]! - (before[key] ?? 0)
  assert.deepEqual(
    {
      success: grown('authentication_attempts{result="success"}'),
      failure: grown('authentication_attempts{result="failure"}'),
      user: grown('authenticated_user_requests{username="email_id"}'),
      allowed: grown('authorization_attempts_total{result="allowed"}'),
      open: grown('authorization_attempts_total{result="no-opinion"}'),
      rbac: grown('apiserver_authorization_decisions_total{decision="allowed",name="rbac",type="RBAC"}'),
      seconds: grown('authorization_duration_seconds_count{result="allowed"}'),
    },
    // Reading the metrics counts as well.
    { success: 3, failure: 1, user: 2, allowed: 2, open: 1, rbac: 1, seconds: 2 },
  )
})

test('every plugin of admission takes part in a write, and who refuses it is told', async () => {
  await using fixture = await startServer({ clock: new SimulatedClock() })
  await using http = await listen(fixture.server)
  const before = await readMetrics(http)
  await http.ask('POST', configMaps, { body: { metadata: { name: 'a' } } })
  await http.ask('POST', '/api/v1/namespaces/none/configmaps', { body: { metadata: { name: 'a' } } })
  const after = await readMetrics(http)
  const grown = (key: string): number => (after[key] ?? 0) - (before[key] ?? 0)
  const step = (rejected: boolean, type: string): string =>
    `apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected="${rejected}",type="${type}"}`
  assert.deepEqual([grown(step(false, 'admit')), grown(step(true, 'admit')), grown(step(false, 'validate'))], [1, 1, 1])
  const plugin = (name: string, rejected: boolean, type: string): string =>
    `apiserver_admission_controller_admission_duration_seconds_count{name="${name}",operation="CREATE",rejected="${rejected}",type="${type}"}`
  const counted = [
    plugin('NamespaceLifecycle', false, 'admit'),
    plugin('NamespaceLifecycle', true, 'admit'),
    plugin('LimitRanger', false, 'admit'),
    plugin('PodSecurity', false, 'validate'),
    plugin('ResourceQuota', false, 'validate'),
    plugin('ResourceQuota', false, 'admit'),
  ]
  assert.deepEqual(counted.map(grown), [1, 1, 1, 1, 1, 0])
})

test('levels of Pod Security are counted', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const labels = { 'pod-security.kubernetes.io/enforce': 'baseline', 'pod-security.kubernetes.io/warn': 'restricted' }
  await http.ask('PATCH', '/api/v1/namespaces/default', {
    headers: { 'content-type': 'application/merge-patch+json' },
    body: JSON.stringify({ metadata: { labels } }),
  })
  const pod = (more: object) => ({
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...more },
  })
  await http.ask('POST', pods, { body: pod({ hostPID: true }) })
  await http.ask('POST', pods, { body: pod({}) })
  const own = familyOf(await readMetrics(http), 'pod_security_evaluations_total')
  const key = (decision: string, mode: string, level: string): string =>
    `{decision="${decision}",mode="${mode}",policy_level="${level}",policy_version="latest",request_operation="create",resource="pod",subresource=""}`
  assert.deepEqual(own, {
    [key('allow', 'enforce', 'baseline')]: 1,
    [key('deny', 'enforce', 'baseline')]: 1,
    [key('deny', 'warn', 'restricted')]: 1,
  })
})

test('watches are counted while they last, and their events', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const gauge =
    'apiserver_longrunning_requests{component="apiserver",group="",resource="configmaps",scope="cluster",subresource="",verb="WATCH",version="v1"}'
  const events = 'apiserver_watch_events_total{group="",resource="configmaps",version="v1"}'
  const stop = new AbortController()
  const watch = fixture.transport.watch({ method: 'GET', path: '/api/v1/configmaps' }, stop.signal)
  const reader = watch[Symbol.asyncIterator]()
  await http.ask('POST', configMaps, { body: { metadata: { name: 'a' } } })
  await reader.next()
  const during = await readMetrics(http)
  assert.deepEqual([during[gauge], during[events]], [1, 1])
  stop.abort()
  await reader.next().catch(() => undefined)
  const after = await readMetrics(http)
  assert.equal(after[gauge], 0)
})

test('checks of health are counted by name', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  await http.ask('GET', '/readyz')
  await http.ask('GET', '/livez/ping')
  const all = await readMetrics(http)
  assert.deepEqual(familyOf(all, 'kubernetes_healthcheck', 'name="ping"'), {
    '{name="ping",type="livez"}': 1,
    '{name="ping",type="readyz"}': 1,
  })
  assert.equal(all['kubernetes_healthchecks_total{name="etcd-readiness",status="success",type="readyz"}'], 1)
  const { text } = await http.ask('GET', '/readyz?verbose&exclude=ping&exclude=x&exclude=y')
  assert.match(text, /^\[\+\]ping excluded: ok$/m)
  assert.match(text, /^warn: some health checks cannot be excluded: no matches for "x","y"$/m)
})

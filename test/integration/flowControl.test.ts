import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { FlowSchema } from '#api/flowcontrol/v1/flowSchema.ts'
import { SimulatedClock } from '#lib/clock.ts'
import type { TokenAuthenticator } from '#server/authenticate/tokenAuthenticator.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { listen, userHeader, type HttpAnswer, type HttpFixture } from './apiServerHttp.ts'

const group = '/apis/flowcontrol.apiserver.k8s.io/v1'

const level = (name: string, queueLengthLimit: number): object => ({
  metadata: { name },
  spec: {
    type: 'Limited',
    limited: {
      nominalConcurrencyShares: 5,
      limitResponse: { type: 'Queue', queuing: { queues: 1, handSize: 1, queueLengthLimit } },
    },
  },
})

const schema = (name: string, user: string, levelName: string): object => ({
  metadata: { name },
  spec: {
    priorityLevelConfiguration: { name: levelName },
    matchingPrecedence: 100,
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: user } }],
        resourceRules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'], clusterScope: true, namespaces: ['*'] }],
      },
    ],
  },
})

const post = (fixture: ServerFixture, plural: string, body: object) =>
  fixture.transport.send({ method: 'POST', path: `${group}/${plural}`, body }) as Promise<{
    readonly body: { readonly metadata: { readonly uid: string } }
  }>

const as = (http: HttpFixture, user: string, path: string): Promise<HttpAnswer> =>
  http.ask('GET', path, { headers: { [userHeader]: user } })

/** One turn of the event loop: whatever can settle does. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function conditionOf(fixture: ServerFixture, name: string) {
  await settled()
  const { body } = await fixture.transport.send({ method: 'GET', path: `${group}/flowschemas/${name}` })
  const { status, metadata } = body as FlowSchema
  const [condition] = status?.conditions ?? []
  return [
    condition?.status,
    condition?.reason,
    condition?.message,
    metadata.managedFields?.find(({ subresource }) => subresource === 'status')?.manager,
  ]
}

test('a reply tells by uids which flow schema and priority level its request was of', async () => {
  await using fixture = await startServer({ settings: { authorizationModes: ['AlwaysAllow'] } })
  await using http = await listen(fixture.server)
  const own = await post(fixture, 'prioritylevelconfigurations', level('slow', 10))
  const janes = await post(fixture, 'flowschemas', schema('jane', 'jane', 'slow'))
  const uids = ({ headers }: HttpAnswer) => [
    headers['x-kubernetes-pf-flowschema-uid'],
    headers['x-kubernetes-pf-prioritylevel-uid'],
  ]
  const expected = [janes.body.metadata.uid, own.body.metadata.uid]
  assert.deepEqual(uids(await as(http, 'jane', '/api/v1/pods')), expected)
  assert.deepEqual(uids(await as(http, 'jane', '/api/v1/namespaces/default/pods/none')), expected)
  // Mandatory ones without an object have none.
  assert.deepEqual(uids(await as(http, 'jane', '/version')), [undefined, undefined])
})

test('a flow schema says whether its level is there', async () => {
  await using fixture = await startServer()
  await post(fixture, 'flowschemas', schema('jane', 'jane', 'slow'))
  const manager = 'api-priority-and-fairness-config-consumer-v1'
  const named = 'This FlowSchema references the PriorityLevelConfiguration object named "slow"'
  const missing = ['True', 'NotFound', `${named} but there is no such object`, manager]
  assert.deepEqual(await conditionOf(fixture, 'jane'), missing)
  await post(fixture, 'prioritylevelconfigurations', level('slow', 10))
  assert.deepEqual(await conditionOf(fixture, 'jane'), ['False', 'Found', `${named} and it exists`, manager])
  await fixture.transport.send({ method: 'DELETE', path: `${group}/prioritylevelconfigurations/slow` })
  assert.deepEqual(await conditionOf(fixture, 'jane'), missing)
  assert.deepEqual(fixture.bugs, [])
})

test('requests beyond the seats of their level wait, are refused when too many do, and give up after a while', async () => {
  const clock = new SimulatedClock()
  const opened = Promise.withResolvers<void>()
  const slow: TokenAuthenticator = {
    name: 'Slow',
    async verify(name) {
      await opened.promise
      return { caller: { name, groups: [] }, audiences: ['any'] }
    },
  }
  await using fixture = await startServer({
    clock,
    tokenAuthenticators: [slow],
    settings: {
      authorizationModes: ['AlwaysAllow'],
      limits: { inFlight: 1, mutatingInFlight: 1, timeout: 60_000 },
    },
  })
  await using http = await listen(fixture.server)
  await post(fixture, 'prioritylevelconfigurations', level('slow', 1))
  await post(fixture, 'flowschemas', schema('jane', 'jane', 'slow'))
  const inUse = async (): Promise<string[]> => {
    const { text } = await http.ask('GET', '/metrics')
    const lines = text.split('\n').filter((line) => line.includes('flow_schema="jane"'))
    return ['current_executing_requests', 'current_inqueue_requests'].map(
      (name) =>
        lines
          .find((line) => line.startsWith(`apiserver_flowcontrol_${name}`))
          ?.split(' ')
          .at(-1) ?? '',
    )
  }
  const reach = async (running: string, waiting: string): Promise<void> => {
    while ((await inUse()).join() !== `${running},${waiting}`) await settled()
  }
  // Waits for whose token it is.
  const first = http.ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
    headers: { [userHeader]: 'jane' },
    body: { spec: { token: 'john' } },
  })
  await reach('1', '0')
  const second = as(http, 'jane', '/api/v1/namespaces/default')
  await reach('1', '1')
  const third = await as(http, 'jane', '/api/v1/namespaces/default')
  assert.deepEqual([third.code, third.text], [429, 'Too many requests, please try again later.\n'])
  assert.notEqual(third.headers['x-kubernetes-pf-flowschema-uid'], undefined)
  // Others have levels of their own.
  assert.equal((await as(http, 'john', '/api/v1/namespaces/default')).code, 200)
  const dump = async (name: string): Promise<readonly string[][]> => {
    const { text } = await http.ask('GET', `/debug/api_priority_and_fairness/dump_${name}`)
    return text.split('\n').map((line) => line.split(/, +/))
  }
  const row = (rows: readonly string[][], count: number) => rows.find(([first]) => first === 'slow')?.slice(0, count)
  const levels = await dump('priority_levels')
  assert.deepEqual(row(levels, 10), ['slow', '1', 'false', 'false', '1', '1', '1', '1', '0', '0'])
  assert.deepEqual(row(await dump('queues'), 5), ['slow', '0', '1', '1', '1'])
  const requests = (await dump('requests')).filter(([first]) => first === 'slow')
  assert.deepEqual(
    requests.map((each) => each.slice(1, 5)),
    [
      ['jane', '0', '0', 'jane'],
      ['jane', '0', '-1', 'jane'],
    ],
  )
  assert.equal((await http.ask('GET', '/debug/api_priority_and_fairness/dump_nothing')).code, 404)
  await clock.advance('15s')
  assert.equal((await second).code, 429)
  const fourth = as(http, 'jane', '/api/v1/namespaces/default')
  await reach('1', '1')
  opened.resolve()
  assert.deepEqual([(await first).code, (await fourth).code], [201, 200])
  await reach('0', '0')
  const { text } = await http.ask('GET', '/metrics')
  const rejected = text.split('\n').filter((line) => line.startsWith('apiserver_flowcontrol_rejected_requests_total'))
  assert.deepEqual(rejected, [
    'apiserver_flowcontrol_rejected_requests_total{priority_level="slow",flow_schema="jane",reason="queue-full"} 1',
    'apiserver_flowcontrol_rejected_requests_total{priority_level="slow",flow_schema="jane",reason="time-out"} 1',
  ])
})

test('who comes after a crowd of another level does not wait until all of it is answered', async () => {
  await using fixture = await startServer({
    settings: { authorizationModes: ['AlwaysAllow'], limits: { inFlight: 10, mutatingInFlight: 10 } },
  })
  await post(fixture, 'prioritylevelconfigurations', level('slow', 100))
  await post(fixture, 'flowschemas', schema('jane', 'jane', 'slow'))
  const order: string[] = []
  const ask = async (user: string): Promise<void> => {
    const { code } = await fixture.server.handle({
      method: 'GET',
      path: '/api/v1/namespaces/default/configmaps',
      query: new URLSearchParams(),
      header: (name) => (name === userHeader ? user : undefined),
      headerValues: () => [],
      remoteAddress: '127.0.0.1',
      body: { object: undefined },
      signal: new AbortController().signal,
    })
    assert.equal(code, 200)
    order.push(user)
  }
  const crowd = Array.from({ length: 40 }, () => ask('jane'))
  await settled()
  await Promise.all([...crowd, ask('admin')])
  const before = order.indexOf('admin')
  assert.ok(before <= 20, `${before} of the crowd came first`)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { endpoints } from '#api/core/v1/endpoints.ts'
import { SimulatedClock } from '#lib/clock.ts'
import type { HttpReply, HttpRequest } from '#lib/http/message.ts'
import { startBoth, until } from './aggregationFixture.ts'
import { kitchen, registration, registrations, startExtension, teapots, whenSaid } from './extensionServer.ts'

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
type Both = Awaited<ReturnType<typeof startBoth>>

/** What the whole of discovery says of the other server's version. */
async function discovered({ ask }: Both): Promise<{ freshness: string; resources?: readonly object[] } | undefined> {
  const { text } = await ask('GET', '/apis', { headers: { accept: aggregated } })
  const { items } = JSON.parse(text) as { items: { metadata: { name: string }; versions: any[] }[] }
  return items.find(({ metadata }) => metadata.name === 'kitchen.example.com')?.versions[0]
}

test('a registration says why its server cannot be reached, until it can', async () => {
  await using it = await startBoth()
  const { server, extension } = it
  const send = async (method: 'POST' | 'PUT' | 'DELETE', path: string, body?: object) =>
    (await server.transport.send({ method, path, body })).body
  await send('POST', registrations, registration(443, { caBundle: extension.caBundle }))
  const said = async (reason: string): Promise<string> => {
    const { status, message } = await whenSaid(server, reason)
    return `${status}: ${message}`
  }
  assert.equal(await said('ServiceNotFound'), 'False: service/kitchen in "default" is not present')
  const unavailable = await it.ask('GET', teapots)
  assert.deepEqual([unavailable.code, unavailable.text], [503, 'service unavailable\n'])
  assert.equal(unavailable.headers['content-type'], 'text/plain; charset=utf-8')
  assert.deepEqual(await discovered(it), { version: 'v1', freshness: 'Stale' })
  const services = '/api/v1/namespaces/default/services'
  await send('POST', services, { metadata: { name: 'kitchen' }, spec: { ports: [{ port: 8443 }] } })
  assert.equal(await said('ServicePortError'), 'False: service/kitchen in "default" is not listening on port 443')
  await send('DELETE', `${services}/kitchen`)
  const ports = [{ name: 'https', port: 443 }]
  await send('POST', services, { metadata: { name: 'kitchen' }, spec: { ports } })
  assert.equal(await said('EndpointsNotFound'), 'False: cannot find endpointslices for service/kitchen in "default"')
  const slices = '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices'
  const slice = (ready: boolean) => ({
    metadata: { name: 'kitchen-1', labels: { 'kubernetes.io/service-name': 'kitchen' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], conditions: { ready } }],
    ports: [{ name: 'https', port: extension.port }],
  })
  await send('POST', slices, slice(false))
  assert.equal(
    await said('MissingEndpoints'),
    'False: endpointslices for service/kitchen in "default" have no addresses with port name "https"',
  )
  await send('POST', '/api/v1/namespaces/default/endpoints', {
    metadata: { name: 'kitchen' },
    subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports: [{ name: 'https', port: extension.port }] }],
  })
  // Loopback is no address of an endpoint for the rules of the API: the server's own store takes it all the same here.
  const { cluster } = server.server
  const lead = async (port: number): Promise<void> => {
    await cluster.current()
    const stored = cluster.get(endpoints, 'default', 'kitchen')!
    const subsets = [{ addresses: [{ ip: '127.0.0.1' }], ports: [{ name: 'https', port }] }]
    assert.ok(await cluster.replace(endpoints, stored, { ...stored, subsets }))
    await cluster.current()
  }
  await lead(1)
  await send('PUT', `${slices}/kitchen-1`, slice(true))
  const url = (port: number): string => `https://127.0.0.1:${port}${kitchen}`
  assert.equal(
    await said('FailedDiscoveryCheck'),
    `False: failing or missing response from ${url(1)}: Get "${url(1)}": dial tcp 127.0.0.1:1: connect: connection refused`,
  )
  extension.behave = (request, reply) => {
    if (request.path !== kitchen) return false
    reply.send(404, {}, 'nothing')
    return true
  }
  await lead(extension.port)
  const { message } = await until(async () => {
    const condition = await whenSaid(server, 'FailedDiscoveryCheck')
    return condition.message.includes('bad status') ? condition : undefined
  })
  const at = url(extension.port)
  assert.equal(message, `failing or missing response from ${at}: bad status from ${at}: 404`)
  extension.behave = undefined
  assert.equal(await said('Passed'), 'True: all checks passed')
  assert.equal((await it.ask('GET', `${teapots}/brown`)).code, 200)
  await send('DELETE', `${services}/kitchen`)
  await said('ServiceNotFound')
  assert.equal((await it.ask('GET', teapots)).code, 503)
  const known = (await discovered(it))!
  assert.deepEqual([known.freshness, known.resources?.length], ['Stale', 1])
  const metrics = (await it.ask('GET', '/metrics')).text.match(/^aggregator_.*(kitchen|v1\.apps).*$/gm)
  assert.deepEqual(metrics, [
    'aggregator_unavailable_apiservice{name="v1.apps"} 0',
    'aggregator_unavailable_apiservice{name="v1.kitchen.example.com"} 1',
    'aggregator_unavailable_apiservice_total{name="v1.kitchen.example.com",reason="ServiceNotFound"} 1',
  ])
  const kept = (await send('PUT', `${registrations}/v1.kitchen.example.com`, {
    ...((await server.transport.send({ method: 'GET', path: `${registrations}/v1.kitchen.example.com` }))
      .body as object),
    spec: { group: 'kitchen.example.com', version: 'v1', groupPriorityMinimum: 10, versionPriority: 10 },
  })) as { spec: object }
  assert.equal('service' in kept.spec, false)
  assert.equal(await said('Local'), 'True: Local APIServices are always available')
  assert.equal((await it.ask('GET', teapots)).code, 404)
})

test('a server that does not say what it serves is given five seconds, and asked again', async () => {
  const clock = new SimulatedClock()
  await using it = await startBoth(undefined, clock)
  const { server, extension } = it
  extension.behave = () => true
  await it.register({})
  const asked = (times: number) => until(() => (extension.asked.length === times ? true : undefined))
  await asked(5)
  await clock.advance(4_999)
  const at = `${registrations}/v1.kitchen.example.com`
  assert.equal(JSON.parse((await it.ask('GET', at)).text).status.conditions, undefined)
  await clock.advance(1)
  const { message } = await whenSaid(server, 'FailedDiscoveryCheck')
  const url = `https://localhost:${extension.port}${kitchen}`
  const late = 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)'
  assert.equal(message, `failing or missing response from ${url}: Get "${url}": ${late}`)
  extension.behave = undefined
  await clock.advance(10)
  await whenSaid(server, 'Passed')
  // From then on every half minute.
  extension.asked.length = 0
  await clock.advance(30_000)
  await until(() => (extension.asked.some(({ path }) => path === kitchen) ? true : undefined))
})

const problem = (why: string): string => `error trying to reach service: ${why}\n`

test('a server that went away, or is another one, is said to be unreachable', async () => {
  await using it = await startBoth({})
  const { server, extension } = it
  await whenSaid(server, 'Passed')
  await using other = await startExtension({ names: ['other.default.svc'] })
  const answer = async (spec: object): Promise<readonly [number, string]> => {
    await it.ask('PATCH', `${registrations}/v1.kitchen.example.com`, {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { spec },
    })
    const { code, text } = await it.ask('GET', teapots)
    return [code, text]
  }
  const service = { port: other.port }
  const unknown = 'tls: failed to verify certificate: x509: certificate signed by unknown authority'
  assert.deepEqual(await answer({ service }), [503, problem(unknown)])
  const [code, text] = await answer({ caBundle: other.caBundle })
  assert.equal(code, 503)
  assert.match(text, /^error trying to reach service: tls: failed to verify certificate: x509: .*kitchen\.default\.svc/)
  assert.equal((await answer({ caBundle: null, insecureSkipTLSVerify: true }))[0], 200)
  assert.equal((await answer({ insecureSkipTLSVerify: false }))[1], problem(unknown))
  // Whoever asks for what is no document of the version is told what the server is like, too.
  await answer({ caBundle: extension.caBundle, service: { port: extension.port } })
  await whenSaid(server, 'Passed')
  await extension[Symbol.asyncDispose]()
  const gone = await it.ask('POST', teapots, { body: { metadata: { name: 'x' } } })
  assert.equal(gone.code, 503)
  assert.match(
    gone.text,
    /^error trying to reach service: (dial tcp \[?[0-9a-f.:]+\]?:\d+: connect: connection refused|EOF)\n$/,
  )
})

const big = Buffer.from(`{"kind":"APIGroupDiscoveryList","items":["${'x'.repeat(10_000_000)}"]}`)
const deep = Buffer.from(`{"kind":"APIGroupDiscoveryList","items":${'['.repeat(500_000)}${']'.repeat(500_000)}}`)

const documents: Readonly<Record<string, (reply: HttpReply) => void>> = {
  'no JSON': (reply) => reply.send(200, { 'content-type': 'application/json' }, '{"kind":'),
  'another kind': (reply) => reply.send(200, {}, '{"kind":"Pod"}'),
  'ten megabytes': (reply) => reply.send(200, {}, big),
  'nesting without end': (reply) => reply.send(200, {}, deep),
  'wrong forms': (reply) =>
    reply.send(
      200,
      {},
      JSON.stringify({
        kind: 'APIGroupDiscoveryList',
        items: [
          null,
          { metadata: { name: 'kitchen.example.com' }, versions: [{ version: 'v1', resources: [7, { resource: 5 }] }] },
        ],
      }),
    ),
  'an error': (reply) => reply.send(500, {}, 'no'),
  'a broken connection': (reply) => reply.destroy(),
}

for (const [name, answer] of Object.entries(documents)) {
  test(`documents of another server that are ${name} harm nobody`, async () => {
    await using it = await startBoth()
    const isDocument = ({ path }: HttpRequest): boolean => path === '/apis' || path.startsWith('/openapi')
    it.extension.behave = (request, reply) => {
      if (!isDocument(request)) return false
      answer(reply)
      return true
    }
    await it.register({})
    await whenSaid(it.server, 'Passed')
    assert.equal((await it.ask('GET', `${teapots}/brown`)).code, 200)
    const { resources = [] } = (await discovered(it))!
    // Where the document of everything is no good but of another kind, the version's own list is asked for.
    assert.equal(resources.length, name === 'another kind' ? 1 : 0)
    for (const path of ['/openapi/v2', '/openapi/v3', '/apis']) assert.equal((await it.ask('GET', path)).code, 200)
  })
}

test('a server that hangs, answers without end or leads elsewhere holds up nobody else', async () => {
  await using it = await startBoth({})
  const { server, extension } = it
  await whenSaid(server, 'Passed')
  extension.behave = () => true
  const stop = new AbortController()
  const hanging = it.open(teapots, stop.signal)
  await until(() => (extension.asked.some(({ path }) => path === teapots) ? true : undefined))
  for (const path of ['/api/v1/namespaces', '/apis', '/openapi/v3', registrations]) {
    assert.equal((await it.ask('GET', path)).code, 200)
  }
  stop.abort()
  await assert.rejects(hanging)
  extension.behave = (_request, reply) => {
    void reply.sendPieces(200, {}, endless())
    return true
  }
  const response = await it.open(teapots)
  assert.equal(response.status, 200)
  assert.equal((await it.ask('GET', '/api/v1/namespaces')).code, 200)
  response.discard()
  await ended.promise
  extension.behave = (_request, reply) => {
    reply.send(307, { location: 'https://127.0.0.1:1/' })
    return true
  }
  const moved = await it.ask('GET', teapots)
  const words = 'the backend attempted to redirect this request, which is not permitted'
  assert.deepEqual([moved.code, moved.text, moved.headers.location], [502, words, undefined])
  // Within the server a refusal has its form.
  await assert.rejects(server.transport.send({ method: 'GET', path: teapots }), { name: 'StatusError', message: words })
})

const ended = Promise.withResolvers<void>()

async function* endless(): AsyncGenerator<Uint8Array, void, void> {
  try {
    for (;;) {
      yield Buffer.alloc(65_536)
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    ended.resolve()
  }
}

// How a server ends: first it is not ready any more, then it takes nothing new, then it finishes what it has begun.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, userHeader, type HttpFixture } from './apiServerHttp.ts'
import { path, settle, type WatchEvent } from './readFixture.ts'

/** Begins a request; the caller ends it. */
function begin(http: HttpFixture, method: string, where: string, headers: Record<string, string> = {}): ClientRequest {
  const all = { [userHeader]: 'admin', ...headers }
  return httpRequest({ port: http.port, host: '127.0.0.1', agent: false, method, path: where, headers: all })
}

/** The whole answer; `complete` tells whether it ended as it should. */
async function read(
  request: ClientRequest,
): Promise<{ code: number; text: string; complete: boolean; connection: string }> {
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', (piece: string) => (text += piece))
  await once(response, 'close')
  const { statusCode: code = 0, complete, headers } = response
  return { code, text, complete, connection: headers.connection ?? '' }
}

test('a server ends in order, and nothing that it has begun is lost', async () => {
  const clock = new SimulatedClock()
  let http: HttpFixture | undefined
  await using store = openMemoryStore({ clock })
  const fixture = await startServer({
    clock,
    store,
    settings: { shutdownDelay: 5_000 },
    drain: () => http!.close(),
  })
  await settle(clock, fixture)
  http = await listen(fixture.server)
  const watch = begin(http, 'GET', `${path}?watch=true`).end()
  const watched = read(watch)
  const body = JSON.stringify({ metadata: { name: 'slow' } })
  const write = begin(http, 'POST', path, { 'content-type': 'application/json', 'content-length': String(body.length) })
  const written = read(write)
  write.write(body.slice(0, 5))
  await Promise.all([once(watch, 'response'), http.ask('POST', path, { body: { metadata: { name: 'a' } } })])

  const stopped = fixture[Symbol.asyncDispose]()
  const ready = await http.ask('GET', '/readyz?verbose')
  assert.equal(ready.code, 500)
  assert.match(ready.text, /^\[-\]shutdown failed: reason withheld$/m)
  assert.equal((await http.ask('GET', '/livez')).code, 200)
  assert.equal(
    (await http.ask('POST', path, { body: { metadata: { name: 'b' } } })).code,
    201,
    'new connections are served',
  )
  await clock.advance(4_999)
  assert.equal((await http.ask('GET', `${path}/b`)).code, 200)

  // A read that waits for what the write is going to do; those before it are over.
  const reads = (): boolean =>
    /^apiserver_current_inflight_requests\{request_kind="readOnly"\} [1-9]/m.test(fixture.server.metrics.render())
  while (reads()) await new Promise((resolve) => setImmediate(resolve))
  const next = (await fixture.store.revision()) + 1
  const waiting = begin(http, 'GET', `${path}/slow?resourceVersion=${next}`).end()
  const answered = read(waiting)
  while (!reads()) await new Promise((resolve) => setImmediate(resolve))

  await clock.advance(1)
  const { code, complete, text } = await watched
  assert.deepEqual([code, complete], [200, true], 'a watch ends like one whose time is up')
  const events = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as WatchEvent)
  assert.deepEqual(
    events.map(({ type, object }) => `${type} ${object.metadata.name}`),
    ['ADDED a', 'ADDED b'],
  )
  await assert.rejects(http.ask('GET', '/livez'), { code: 'ECONNREFUSED' })
  write.end(body.slice(5))
  const { code: writtenCode, connection } = await written
  assert.deepEqual([writtenCode, connection], [201, 'close'], 'a write that had begun is done')
  assert.equal((await answered).code, 200, 'a read that had begun is answered')
  await stopped
  assert.equal(http.connectionCount, 0)
  const { kv } = await store.get('/registry/core/configmaps/default/slow')
  assert.ok(kv !== undefined)
  assert.deepEqual(fixture.bugs, [])
})

test('without a delay a server takes nothing new from the moment in which it is told to end', async () => {
  let http: HttpFixture | undefined
  const fixture = await startServer({ drain: () => http!.close() })
  http = await listen(fixture.server)
  const watch = begin(http, 'GET', `${path}?watch=true`).end()
  const watched = read(watch)
  await once(watch, 'response')
  assert.equal((await http.ask('GET', '/readyz')).code, 200)
  const stopped = fixture[Symbol.asyncDispose]()
  await assert.rejects(http.ask('GET', '/readyz'), { code: 'ECONNREFUSED' })
  assert.equal((await watched).complete, true)
  await stopped
})

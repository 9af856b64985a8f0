// Watchers that take nothing: whoever writes does not wait for them, and they do not stay.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { SimulatedClock, systemClock } from '#lib/clock.ts'
import { HttpServer } from '#lib/http/server.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { httpHandler } from '#server/http.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, userHeader, type HttpFixture } from './apiServerHttp.ts'
import { path } from './readFixture.ts'

const half = 512 * 1024
const body = (name: string): object => ({ metadata: { name }, data: { x: 'y'.repeat(half) } })

/** Opens a watch and reads nothing but its head. */
async function openWatch(http: HttpFixture, query: string): Promise<Socket> {
  const socket = connect(http.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  socket.write(`GET ${path}?watch=true${query} HTTP/1.1\r\nhost: localhost\r\n${userHeader}: admin\r\n\r\n`)
  await once(socket, 'data')
  socket.pause()
  return socket
}

/** Lets the event loop turn until something holds, for at most a minute; the simulated clock stands still. */
async function until(holds: () => boolean, what: string): Promise<void> {
  const deadline = systemClock.now() + 60_000
  while (!holds()) {
    assert.ok(systemClock.now() < deadline, `${what} did not happen`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

test('writes go on while a watcher takes nothing, and it is cut off once it has lost events', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock, windowEvents: 16 })
  await using http = await listen(fixture.server)
  const { transport } = fixture
  const slow = await openWatch(http, '&timeoutSeconds=3600')
  assert.equal(http.connectionCount, 1)
  const stop = new AbortController()
  let seen = 0
  const quick = (async () => {
    for await (const batch of transport.watch({ method: 'GET', path }, stop.signal)) seen += batch.length
  })().catch(() => undefined)
  const begun = clock.now()
  const written = 60
  // Thirty megabytes: more than the buffers of both ends of a connection take.
  for (let index = 0; index < written; index++) {
    const { code } = await transport.send({ method: 'POST', path, body: body(`m${index}`) })
    assert.equal(code, 201)
    await until(() => seen === index + 1, 'an event for a watcher that reads')
  }
  assert.equal(clock.now(), begun, 'nobody waited for time to pass')
  await until(() => http.connectionCount === 0, 'the end of the slow connection')
  slow.destroy()
  const { text } = await http.ask('GET', '/metrics')
  assert.match(text, /^apiserver_terminated_watchers_total\{group="",resource="configmaps"\} 1$/m)
  stop.abort()
  await quick
  assert.deepEqual(fixture.bugs, [])
})

test('over HTTP/2 only the stream of a watch that takes nothing is cut off', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock, windowEvents: 16 })
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authority = createAuthority({ commonName: 'test' }, validity)
  const keys = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: 'server' },
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth'],
    addresses: ['127.0.0.1'],
    ...validity,
  })
  const server = new HttpServer({
    handler: httpHandler(fixture.server),
    tls: { certificate: certificatePem(certificate), key: privateKeyPem(keys.privateKey) },
  })
  await using ending = new AsyncDisposableStack()
  ending.defer(() => server.close(AbortSignal.abort()))
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: certificatePem(authority.certificate) })
  ending.defer(() => session.destroy())
  const slow = session.request({ ':path': `${path}?watch=true`, [userHeader]: 'admin' })
  slow.on('error', () => undefined)
  await once(slow, 'response')
  const cut = new Promise((resolve) => slow.once('close', resolve))
  for (let index = 0; index < 40; index++) {
    await fixture.transport.send({ method: 'POST', path, body: body(`m${index}`) })
    // The stream has its turn.
    await new Promise((resolve) => setImmediate(resolve))
  }
  slow.resume()
  await cut
  assert.notEqual(slow.rstCode, constants.NGHTTP2_NO_ERROR)
  const other = session.request({ ':path': '/livez', [userHeader]: 'admin' })
  const [headers] = (await once(other, 'response')) as [{ ':status'?: number }]
  assert.equal(headers[':status'], 200, 'the connection goes on')
  other.resume()
  await once(other, 'close')
  assert.deepEqual(fixture.bugs, [])
})

test('a watcher that is slow but comes back within what is kept misses nothing', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  const slow = await openWatch(http, '&timeoutSeconds=60')
  const written = 40
  for (let index = 0; index < written; index++) {
    await fixture.transport.send({ method: 'POST', path, body: body(`m${index}`) })
  }
  // It has had its chance to be cut off, and was not.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve))
  assert.equal(http.connectionCount, 1)
  let text = ''
  slow.setEncoding('latin1').on('data', (piece: string) => (text += piece))
  slow.resume()
  const names = (): string[] =>
    [...text.matchAll(/"type":"ADDED","object":\{[^]{0,80}?"name":"(m\d+)"/g)].map(([, name]) => name!)
  // Looked for where nobody has looked: twenty megabytes are long.
  let looked = 0
  const hasLast = (): boolean => {
    const isThere = text.includes(`"name":"m${written - 1}"`, looked)
    looked = Math.max(0, text.length - 20)
    return isThere
  }
  await until(hasLast, 'the last event')
  assert.deepEqual(
    names(),
    Array.from({ length: written }, (_, index) => `m${index}`),
  )
  slow.destroy()
})

test('a watcher that takes nothing does not outlast its time', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock })
  await using http = await listen(fixture.server)
  const slow = await openWatch(http, '&timeoutSeconds=60')
  for (let index = 0; index < 40; index++) {
    await fixture.transport.send({ method: 'POST', path, body: body(`m${index}`) })
  }
  await clock.advance('65s')
  assert.equal(http.connectionCount, 1)
  await clock.advance('10s')
  await until(() => http.connectionCount === 0, 'the end of the slow connection')
  slow.destroy()
})

test('watches that name no time last between the least and twice as long', async () => {
  const clock = new SimulatedClock()
  await using fixture = await startServer({ clock, settings: { minRequestTimeoutSeconds: 100 } })
  const ends: number[] = []
  const start = clock.now()
  const watching = Array.from({ length: 20 }, async () => {
    for await (const _ of fixture.transport.watch({ method: 'GET', path }, new AbortController().signal));
    ends.push((clock.now() - start) / 1_000)
  })
  await clock.advance('99s')
  assert.deepEqual(ends, [])
  await clock.advance('102s')
  await Promise.all(watching)
  assert.equal(ends.length, 20)
  for (const end of ends) assert.ok(end >= 100 && end <= 200, String(end))
  assert.ok(new Set(ends).size > 10, 'not all at the same time')
})

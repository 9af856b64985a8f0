// What the data plane in Node does at its limits, and when it starts and ends.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { test } from 'node:test'
import { silentLogger } from '#lib/log.ts'
import { startNodeDataPlane } from '#ingress/node/thread.ts'
import {
  ask,
  freePort,
  pool,
  read,
  route,
  routing,
  say,
  startBackend,
  startServed,
  statusOf,
  to,
  until,
} from './ingressDataPlaneFixture.ts'
import type { MakeDataPlane } from './ingressDataPlaneFixture.ts'

const limits = { headersTimeout: 500, clientTimeout: 500, idleTimeout: 500 }
const make: MakeDataPlane = (listen) => startNodeDataPlane({ listen, limits, logger: silentLogger })
const longEnough = { silence: 60_000 }

test('an address that is in use is named', async () => {
  await using served = await startServed(make)
  const listen = { http: [{ address: '127.0.0.1', port: served.http }], https: [] }
  await assert.rejects(startNodeDataPlane({ listen, logger: silentLogger }), {
    message: new RegExp(`^Cannot listen on 127\\.0\\.0\\.1 port ${served.http}: .*EADDRINUSE`),
  })
})

test('before the first routing every answer is 503', async () => {
  await using served = await startServed(make)
  assert.equal((await ask(served.http, '/')).status, 503)
})

test('clients that say nothing, stop in their body, or keep a connection for nothing are sent away', async () => {
  await using served = await startServed(make)
  await using a = await startBackend('a')
  await served.plane.apply(routing([route({}, to('p'))], [pool('p', [a])]))
  const head = 'POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 10\r\n\r\n'
  const [mute, stopped, idle] = await Promise.all([
    say(served.http, '', longEnough),
    say(served.http, `${head}abc`, longEnough),
    say(served.http, `${head}0123456789`, longEnough),
  ])
  assert.ok(mute.closed)
  assert.deepEqual([statusOf(stopped.text), stopped.closed], [408, true])
  assert.deepEqual([statusOf(idle.text), idle.closed], [200, true])
})

test('a client that takes nothing of its answer is cut, and its server is free', async () => {
  await using served = await startServed(make)
  let gone = false
  await using large = await startBackend('large', (request, response) => {
    request.socket.once('close', () => (gone = true))
    const block = Buffer.alloc(1024 * 1024)
    const more = (): void => void (response.write(block) ? setImmediate(more) : response.once('drain', more))
    more()
  })
  await served.plane.apply(routing([route({}, to('p'))], [pool('p', [large])]))
  const socket = connect(served.http, '127.0.0.1')
  socket.on('error', () => undefined)
  socket.pause().write('GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n')
  await until('the server is free', () => gone)
  socket.destroy()
})

test('a client that sends a large body sees the answer that came before its end', async () => {
  // Within the usual limits: nobody shall be sent away because the machine is slow.
  await using served = await startServed((listen) => startNodeDataPlane({ listen, logger: silentLogger }))
  await using a = await startBackend('a')
  const users = new Map([['jo', '{PLAIN}x']])
  const rules = { basicAuthentication: { realm: 'r', users } }
  await served.plane.apply(routing([route({}, to('p'), rules)], [pool('p', [a])]))
  assert.equal((await ask(served.http, '/', { method: 'POST', body: Buffer.alloc(8_000_000) })).status, 401)
  assert.equal(a.requests, 0)
})

test('closing lets requests end that are under way, and takes no others', async () => {
  const port = await freePort()
  const listen = { http: [{ address: '127.0.0.1', port }], https: [] }
  const plane = await startNodeDataPlane({ listen, logger: silentLogger })
  let finish: (() => void) | undefined
  await using slow = await startBackend('slow', (_, response) => {
    response.writeHead(200).write('begun ')
    finish = () => response.end('done')
  })
  await plane.apply(routing([route({}, to('p'))], [pool('p', [slow])]))
  const request = httpRequest({ host: '127.0.0.1', port, agent: false, headers: { host: 'shop.test' } }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const closed = plane[Symbol.asyncDispose]()
  await until('no other connection is accepted', async () =>
    ask(port, '/').then(
      () => false,
      () => true,
    ),
  )
  finish!()
  assert.equal((await read(response)).body, 'begun done')
  await closed
})

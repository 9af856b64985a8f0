// Versions of HTTP on both sides, upgrades, streams, TLS.
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect as connectHttp2, constants, createSecureServer, createServer as createHttp2Server } from 'node:http2'
import type {
  ClientHttp2Session,
  Http2Server,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { WebSocket, WebSocketServer } from 'ws'
import type { Certificate, Pool, Rules } from '#ingress/routing.ts'
import {
  aroundSuite,
  ask,
  authorityPem,
  identity,
  newIdentity,
  pool,
  route,
  routing,
  say,
  serverAt,
  startBackend,
  statusOf,
  to,
  until,
} from './ingressDataPlaneFixture.ts'
import type { Backend, Echo, MakeDataPlane, Served } from './ingressDataPlaneFixture.ts'

export function testProtocols(make: MakeDataPlane): void {
  describe('protocols', () => {
    let served: Served
    let a: Backend
    aroundSuite(make, ['a'], (plane, first) => {
      served = plane
      a = first
    })
    const apply = async (one: Pool, rules: Rules = {}, certificates?: Parameters<typeof routing>[2]): Promise<void> => {
      await served.plane.apply(routing([route({}, to(one.name), rules)], [one], certificates))
    }

    test('WebSocket, with data both ways and the end of either side', async () => {
      const sockets = new WebSocketServer({ noServer: true })
      sockets.on('connection', (socket) => {
        socket.on('message', (data, isBinary) => {
          if (String(data as Buffer) === 'bye') socket.close(4_001, 'as told')
          else socket.send(data as Buffer, { binary: isBinary })
        })
      })
      await using own = await startBackend('ws', undefined, {
        upgrade: (request, socket, head) =>
          sockets.handleUpgrade(request, socket, head, (one) => sockets.emit('connection', one)),
      })
      await apply(pool('p', [own]))
      for (const url of [`ws://127.0.0.1:${served.http}/chat`, `wss://127.0.0.1:${served.https}/chat`]) {
        const socket = new WebSocket(url, { rejectUnauthorized: false, headers: { host: 'shop.test' } })
        const received: string[] = []
        socket.on('message', (data) => received.push(String(data as Buffer)))
        await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject))
        const large = 'x'.repeat(1_000_000)
        socket.send('one')
        socket.send(large)
        await until('both came back', () => received.length === 2)
        assert.deepEqual([received[0], received[1]!.length], ['one', large.length])
        // Changes of the routing do not end it.
        await apply(pool('p', [a]))
        socket.send('three')
        await until('the third came back', () => received.length === 3)
        const closed = new Promise<number>((resolve) => socket.once('close', (code) => resolve(code)))
        socket.send('bye')
        assert.equal(await closed, 4_001)
        await apply(pool('p', [own]))
      }
      sockets.close()
    })

    test('an upgrade that a server refuses is answered', async () => {
      await using own = await startBackend('no', undefined, {
        upgrade: (_, socket) => {
          // A plane may reset what it has no more use for.
          socket.on('error', () => undefined)
          socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno')
        },
      })
      await apply(pool('p', [own]))
      const socket = new WebSocket(`ws://127.0.0.1:${served.http}/`)
      const error = await new Promise<Error>((resolve) => socket.once('error', resolve))
      assert.match(error.message, /403/)
    })

    test('an offer of HTTP/2 without TLS gets an ordinary answer', async () => {
      await apply(pool('p', [a]))
      const reply = await say(
        served.http,
        'GET /x HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n',
      )
      assert.equal(statusOf(reply.text), 200)
    })

    test('HTTP/1.0 with and without kept connections', async () => {
      await apply(pool('p', [a]))
      const plain = await say(served.http, 'GET /x HTTP/1.0\r\n\r\n', { silence: 30_000 })
      assert.deepEqual([statusOf(plain.text), plain.closed], [200, true])
      assert.ok(!/transfer-encoding/i.test(plain.text), plain.text)
      assert.match(plain.text, /"url":"\/x"/)
    })

    test('a connection takes one request after the other, also when they come at once', async () => {
      await apply(pool('p', [a]))
      const one = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: shop.test\r\n${more}\r\n`
      const all = one('/1') + one('/2') + one('/3', 'Connection: close\r\n')
      const reply = await say(served.http, all, { silence: 30_000 })
      assert.deepEqual(
        [...reply.text.matchAll(/"url":"(\/\d)"/g)].map((match) => match[1]),
        ['/1', '/2', '/3'],
      )
    })

    test('clients that wait for leave to send a body get it, or an answer instead', async () => {
      await apply(pool('p', [a]), { largestBody: 1_000 })
      const body = 'x'.repeat(500)
      const asked = await new Promise<{ readonly continued: boolean; readonly echo: Echo }>((resolve, reject) => {
        let continued = false
        const request = httpRequest({
          host: '127.0.0.1',
          port: served.http,
          method: 'PUT',
          agent: false,
          headers: { host: 'shop.test', expect: '100-continue', 'content-length': 500 },
        })
        request.on('continue', () => {
          continued = true
          request.end(body)
        })
        request.on('response', (response: IncomingMessage) => {
          let text = ''
          response
            .on('data', (piece: Buffer) => (text += piece.toString()))
            .on('end', () => resolve({ continued, echo: JSON.parse(text) as Echo }))
        })
        request.on('error', reject).flushHeaders()
      })
      assert.deepEqual([asked.continued, asked.echo.bytes], [true, 500])
      const refused = await say(
        served.http,
        'PUT / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5000\r\nExpect: 100-continue\r\n\r\n',
      )
      assert.equal(statusOf(refused.text), 413)
    })

    test('large bodies pass both ways, and only as fast as the slower side takes them', async () => {
      const size = 32 * 1024 * 1024
      let produced = 0
      const block = randomBytes(64 * 1024)
      await using own = await startBackend('large', (request: IncomingMessage, response: ServerResponse) => {
        if (request.method === 'POST') {
          const hash = createHash('sha256')
          let bytes = 0
          request.on('data', (piece: Buffer) => {
            bytes += piece.length
            hash.update(piece)
          })
          request.on('end', () => response.end(`${bytes} ${hash.digest('hex')}`))
          return
        }
        const more = (): void => {
          while (produced < size) {
            produced += block.length
            if (!response.write(block)) return void response.once('drain', more)
          }
          response.end()
        }
        more()
      })
      await apply(pool('p', [own]))
      const body = Buffer.alloc(size, block)
      const sent = await ask(served.http, '/', { method: 'POST', body })
      assert.equal(sent.body, `${size} ${createHash('sha256').update(body).digest('hex')}`)
      const request = httpRequest({
        host: '127.0.0.1',
        port: served.http,
        agent: false,
        headers: { host: 'shop.test' },
      }).end()
      const response = await new Promise<IncomingMessage>((resolve, reject) =>
        request.once('response', resolve).once('error', reject),
      )
      response.pause()
      let before = -1
      await until('the backend is held up', async () => {
        const now = produced
        const still = now === before
        before = now
        await sleep(100)
        return still && now === produced && now > 0
      })
      assert.ok(
        produced < size - 1024 * 1024,
        `${produced} of ${size} bytes were produced for a client that takes none`,
      )
      let got = 0
      for await (const piece of response) got += (piece as Buffer).length
      assert.equal(got, size)
    })

    test('parts of an answer come as they are sent', async () => {
      let next: (() => void) | undefined
      await using own = await startBackend('events', (_, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
        next = () => response.end('data: 2\n\n')
      })
      await apply(pool('p', [own]))
      const request = httpRequest({
        host: '127.0.0.1',
        port: served.http,
        agent: false,
        headers: { host: 'shop.test' },
      }).end()
      const response = await new Promise<IncomingMessage>((resolve, reject) =>
        request.once('response', resolve).once('error', reject),
      )
      const first = await new Promise<Buffer>((resolve) => response.once('data', resolve))
      assert.equal(first.toString(), 'data: 1\n\n')
      next!()
      const second = await new Promise<Buffer>((resolve) => response.once('data', resolve))
      assert.equal(second.toString(), 'data: 2\n\n')
    })

    test('a client that goes away ends the request of its server', async () => {
      let gone = false
      let came = false
      await using own = await startBackend('own', (request) => {
        came = true
        request.socket.once('close', () => (gone = true))
      })
      await apply(pool('p', [own]))
      const request = httpRequest({
        host: '127.0.0.1',
        port: served.http,
        agent: false,
        headers: { host: 'shop.test' },
      })
      request.on('error', () => undefined).end()
      await until('the request is with its server', () => came)
      request.destroy()
      await until('its server knows', () => gone)
    })

    test('HTTP/2 with TLS: many streams on one connection, bodies and cookies', async () => {
      await apply(pool('p', [a]))
      await using session = await openSession(served.https)
      const all = await Promise.all(
        Array.from({ length: 20 }, (_, at) =>
          session.ask(
            { ':path': `/${at}`, ':method': 'POST', cookie: ['a=1', 'b=2'] as unknown as string },
            Buffer.alloc(at * 10_000),
          ),
        ),
      )
      for (const [at, { status, body }] of all.entries()) {
        const echo = JSON.parse(body.toString()) as Echo
        assert.deepEqual(
          [status, echo.url, echo.bytes, echo.headers['host'], echo.headers['cookie']],
          [200, `/${at}`, at * 10_000, 'shop.test', 'a=1; b=2'],
        )
      }
      const head = await session.ask({ ':path': '/', ':method': 'HEAD' })
      assert.deepEqual([head.status, head.body.length], [200, 0])
      assert.equal((await session.ask({ ':path': '/', ':authority': 'nobody.test' })).status, 200)
    })

    for (const protocol of ['grpc', 'grpcs'] as const) {
      test(`${protocol}: streams both ways, trailers, and answers that are only trailers`, async () => {
        await using own = await startGrpc(protocol === 'grpcs' ? identity('grpc.test') : undefined)
        await apply({
          ...pool('p', [serverAt(own.port)]),
          protocol,
          ...(protocol === 'grpcs' ? { tls: { serverName: 'grpc.test', authority: authorityPem() } } : {}),
        })
        await using session = await openSession(served.https)
        const headers = { ':method': 'POST', 'content-type': 'application/grpc', te: 'trailers', 'x-own': 'kept' }
        const good = await session.ask({ ...headers, ':path': '/shop.Cart/Add' }, Buffer.from('message'))
        assert.deepEqual([good.status, good.body.toString()], [200, 'message'])
        assert.deepEqual([good.trailers['grpc-status'], good.trailers['grpc-message']], ['0', '/shop.Cart/Add kept'])
        const bad = await session.ask({ ...headers, ':path': '/shop.Cart/Fail' })
        assert.deepEqual([bad.status, bad.headers['grpc-status'], bad.endedWithHeaders], [200, '5', true])
        const many = await Promise.all(
          Array.from({ length: 30 }, () => session.ask({ ...headers, ':path': '/x' }, Buffer.alloc(50_000))),
        )
        assert.ok(many.every(({ body, trailers }) => body.length === 50_000 && trailers['grpc-status'] === '0'))
      })
    }

    test('a server that resets each stream is not asked for ever', async () => {
      await using own = await startGrpc()
      await apply({ ...pool('p', [serverAt(own.port)]), protocol: 'grpc' })
      await using session = await openSession(served.https)
      for (const method of ['GET', 'GET', 'POST']) {
        const before = own.streams
        const status = await session.ask({ ':method': method, ':path': '/shop.Cart/Reset' }).then(
          (reply) => reply.status,
          // Not answered: the client may ask again itself (RFC 9113, 8.7).
          (error: Error) => (error.message.includes('REFUSED_STREAM') ? 503 : assert.fail(error)),
        )
        assert.ok([502, 503].includes(status), `${status}`)
        assert.ok(own.streams - before <= 4, `${own.streams - before} streams`)
      }
    })

    test('backends with TLS: unchecked, checked by authority and by name, with a certificate of our own', async () => {
      await using own = await startBackend('own', undefined, { tls: identity('inner.test') })
      const https = (tls?: Pool['tls']): Pool => ({
        ...pool('p', [own]),
        protocol: 'https',
        ...(tls === undefined ? {} : { tls }),
      })
      const status = async (tls?: Pool['tls']): Promise<number> => {
        await apply(https(tls))
        return (await ask(served.http, '/')).status
      }
      assert.equal(await status(), 200)
      assert.equal(await status({ authority: authorityPem(), serverName: 'inner.test' }), 200)
      assert.ok([502, 503].includes(await status({ authority: authorityPem(), serverName: 'other.test' })))
      assert.ok([502, 503].includes(await status({ authority: identityOfAnother(), serverName: 'inner.test' })))
      assert.equal(await status({ authority: authorityPem() }), 200)
    })

    test('certificates by the name asked for: exact, wildcard, default, and changed while connections stand', async () => {
      const [one, wild, standard] = ['one.test', '*.wild.test', 'default.test'].map(identity)
      const serverNames = [
        { host: { kind: 'exact', name: 'one.test' } as const, certificate: 'one' },
        { host: { kind: 'wildcard', name: 'wild.test', labels: 'one' } as const, certificate: 'wild' },
      ]
      const with_ = (certificates: Readonly<Record<string, Certificate>>): Parameters<typeof routing>[2] => ({
        certificates: new Map(Object.entries(certificates)),
        serverNames,
        defaultCertificate: 'default',
      })
      await apply(pool('p', [a]), {}, with_({ one: one!, wild: wild!, default: standard! }))
      const shown = (serverName: string): Promise<string> => shownName(served.https, serverName)
      assert.deepEqual(
        await Promise.all(
          ['one.test', 'ONE.test', 'a.wild.test', 'a.b.wild.test', 'wild.test', 'other.test', ''].map(shown),
        ),
        ['one.test', 'one.test', '*.wild.test', 'default.test', 'default.test', 'default.test', 'default.test'],
      )
      await using session = await openSession(served.https, 'one.test')
      const renewed = newIdentity('renewed.test')
      await apply(pool('p', [a]), {}, with_({ one: renewed, wild: wild!, default: newIdentity('standard.test') }))
      assert.deepEqual(await Promise.all(['one.test', 'a.wild.test', ''].map(shown)), [
        'renewed.test',
        '*.wild.test',
        'standard.test',
      ])
      assert.equal((await session.ask({ ':path': '/' })).status, 200)
    })
  })
}

function identityOfAnother(): string {
  return newIdentity('another.test').chain
}

async function shownName(port: number, serverName: string): Promise<string> {
  const socket = connectTls({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    ...(serverName === '' ? {} : { servername: serverName }),
  })
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
  const { CN } = socket.getPeerCertificate().subject
  socket.destroy()
  return String(CN)
}

interface StreamReply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders
  readonly body: Buffer
  readonly endedWithHeaders: boolean
}

interface Session extends AsyncDisposable {
  ask(headers: OutgoingHttpHeaders, body?: Buffer): Promise<StreamReply>
}

async function openSession(port: number, serverName = 'shop.test'): Promise<Session> {
  const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${port}`, {
    rejectUnauthorized: false,
    servername: serverName,
  })
  await new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject))
  return {
    ask: (headers, body) =>
      new Promise((resolve, reject) => {
        const stream = session.request({ ':authority': 'shop.test', ...headers }, { endStream: body === undefined })
        let received: IncomingHttpHeaders = {}
        let trailers: IncomingHttpHeaders = {}
        let endedWithHeaders = false
        const pieces: Buffer[] = []
        stream.on('response', (found, flags) => {
          received = found
          endedWithHeaders = (flags & 1) === 1
        })
        stream.on('trailers', (found) => (trailers = found))
        stream.on('data', (piece: Buffer) => pieces.push(piece))
        stream.on('error', reject)
        stream.on('end', () =>
          resolve({
            status: Number(received[':status']),
            headers: received,
            trailers,
            body: Buffer.concat(pieces),
            endedWithHeaders,
          }),
        )
        if (body !== undefined) stream.end(body)
      }),
    [Symbol.asyncDispose]: () => new Promise((resolve) => session.close(resolve)),
  }
}

/** A server that speaks as gRPC servers do: the message comes back, the status in trailers. */
async function startGrpc(
  tls?: Certificate,
): Promise<AsyncDisposable & { readonly port: number; readonly streams: number }> {
  let streams = 0
  const server: Http2Server =
    tls === undefined
      ? createHttp2Server()
      : (createSecureServer({ cert: tls.chain, key: tls.key }) as unknown as Http2Server)
  const sessions = new Set<{ destroy(): void }>()
  server.on('session', (session) => {
    sessions.add(session)
    session.once('close', () => sessions.delete(session))
  })
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    streams++
    stream.on('error', () => undefined)
    if (String(headers[':path']).endsWith('/Reset')) return stream.close(constants.NGHTTP2_INTERNAL_ERROR)
    if (String(headers[':path']).endsWith('/Fail')) {
      stream.resume()
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true })
      return
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () =>
      stream.sendTrailers({ 'grpc-status': '0', 'grpc-message': `${headers[':path']!} ${String(headers['x-own'])}` }),
    )
    stream.pipe(stream)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get streams() {
      return streams
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

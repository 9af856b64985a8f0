// Clients that mean harm, or cannot be understood: what they send is refused or bounded, and never reaches a server as something else.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Route } from '#ingress/routing.ts'
import { aroundSuite, ask, pool, route, routing, say, startBackend, statusOf, to } from './ingressDataPlaneFixture.ts'
import type { Backend, MakeDataPlane, Served, Traits } from './ingressDataPlaneFixture.ts'

export function testHostile(make: MakeDataPlane, traits: Traits): void {
  describe('hostile clients', () => {
    let served: Served
    let a: Backend
    aroundSuite(make, ['a'], async (plane, first) => {
      served = plane
      a = first
      await served.plane.apply(routing([route({}, to('p'))], [pool('p', [a])]))
    })

    const get = 'GET /hidden HTTP/1.1\r\nHost: shop.test\r\n\r\n'
    /** Heads that two parsers may read differently. What follows them must not become a request. */
    const smuggling: Readonly<Record<string, string>> = {
      'a length and chunks': `POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: ${get.length + 5}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get}`,
      'two lengths': `POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 0\r\nContent-Length: ${get.length}\r\n\r\n${get}`,
      'a length that is no number': `POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: +5\r\n\r\n${get}`,
      'a length with a sign': `POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: -1\r\n\r\n${get}`,
      'a coding that is not chunked': `POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${get}`,
      'chunked that is not the last coding': `POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${get}`,
      'a space before the colon': `POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n${get}`,
      'a line that goes on': `POST / HTTP/1.1\r\nHost: shop.test\r\nX: a\r\n Transfer-Encoding: chunked\r\n\r\n${get}`,
      'a header without a colon': `GET / HTTP/1.1\r\nHost: shop.test\r\nBroken\r\n\r\n${get}`,
      'a zero byte': `GET / HTTP/1.1\r\nHost: shop.test\r\nX: a\x00b\r\n\r\n${get}`,
      'two hosts': `GET / HTTP/1.1\r\nHost: shop.test\r\nHost: other.test\r\n\r\n${get}`,
      'no host': `GET / HTTP/1.1\r\nX: a\r\n\r\n${get}`,
      'a host that is none': `GET / HTTP/1.1\r\nHost: shop.test/x@evil\r\n\r\n${get}`,
      'a chunk size that is none': `POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n${get}`,
    }
    for (const [name, text] of Object.entries(smuggling)) {
      if (traits.mends.has(name)) continue
      test(`${name}: refused, and nothing after it is served`, async () => {
        const reply = await say(served.http, text)
        assert.ok([400, 501, 502].includes(statusOf(reply.text)), reply.text.slice(0, 200))
        assert.ok(!reply.text.includes('/hidden'), reply.text)
      })
    }

    if (traits.mends.has('a length and chunks'))
      test('of a length and chunks the chunks count, and the connection ends after them', async () => {
        const reply = await say(served.http, smuggling['a length and chunks']!, { silence: 30_000 })
        assert.deepEqual([statusOf(reply.text), reply.closed], [200, true])
        assert.match(reply.text, /"bytes":0/)
        assert.ok(!reply.text.includes('/hidden') && !reply.text.includes('content-length":'), reply.text)
      })

    if (traits.mends.has('a line that goes on'))
      test('a line that goes on is one line for the server', async () => {
        const reply = await say(served.http, smuggling['a line that goes on']!)
        const [first] = /\{.*\}/.exec(reply.text) ?? []
        const { headers } = JSON.parse(first!) as { headers: Record<string, string> }
        assert.match(headers['x']!, /^a +Transfer-Encoding: chunked$/)
        assert.equal(headers['transfer-encoding'], undefined)
      })

    test('lines that end in LF alone make no other request than lines that end in CRLF', async () => {
      const reply = await say(served.http, 'POST / HTTP/1.1\r\nHost: shop.test\r\nX: a\nContent-Length: 3\r\n\r\nabc')
      assert.ok([200, 400].includes(statusOf(reply.text)), reply.text)
      assert.ok(!reply.text.includes('\\n'))
    })

    test('what follows a request with a body to an upgrade is a body', async () => {
      const reply = await say(
        served.http,
        `POST / HTTP/1.1\r\nHost: shop.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: ${get.length}\r\n\r\n${get}`,
      )
      assert.ok(!reply.text.includes('/hidden'), reply.text)
    })

    test('CONNECT and TRACE are not served', async () => {
      assert.ok(
        [400, 405].includes(
          statusOf((await say(served.http, 'CONNECT shop.test:80 HTTP/1.1\r\nHost: shop.test:80\r\n\r\n')).text),
        ),
      )
      assert.ok(
        [400, 405].includes(statusOf((await say(served.http, 'TRACE / HTTP/1.1\r\nHost: shop.test\r\n\r\n')).text)),
      )
    })

    /**
     * Routes are chosen by the path without dot segments, needless escapes and double slashes, as nginx does; the server gets
     * the path as it was sent, but for dot segments. Encoded slashes stay what they are.
     */
    const paths: readonly (readonly [path: string, route: 'admin' | 'open' | number, sent?: string])[] = [
      ['/admin', 'admin', '/admin'],
      ['//admin/x', 'admin', '//admin/x'],
      ['/%61dmin/x', 'admin', '/%61dmin/x'],
      ['/open/../admin', 'admin', '/admin'],
      ['/open/%2e%2E/admin/x', 'admin', '/admin/x'],
      ['/./admin', 'admin', '/admin'],
      ['/admin/../open', 'open', '/open'],
      ['/admin%2fx', 'open', '/admin%2fx'],
      ['/ADMIN', 'open', '/ADMIN'],
      ['/open?x=/../admin', 'open', '/open?x=/../admin'],
      ['/open/%20%C3%BC', 'open', '/open/%20%C3%BC'],
      ['/..', 400],
      ['/open/../../admin', 400],
      ['/open/..%2fadmin', 400],
      ['/open/%2e%2e%2fadmin', 400],
      ['/open%2f../admin', 400],
      ['/open/..%5cadmin', 400],
      ['/open/..;/admin', 400],
      ['/%00', 400],
      ['/%zz', 400],
    ]
    test('tricks with paths', async () => {
      const marked = (path: string, name: string): Route =>
        route({ path: { kind: 'prefix', path } }, to('p'), {
          requestHeaders: { set: [{ name: 'X-Route', value: name }] },
        })
      await served.plane.apply(routing([marked('/admin', 'admin'), marked('/', 'open')], [pool('p', [a])]))
      const seen: unknown[] = []
      for (const [path] of paths) {
        const reply = await say(served.http, `GET ${path} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n`)
        const body = /\{.*\}/.exec(reply.text)?.[0]
        const echo =
          body === undefined ? undefined : (JSON.parse(body) as { url: string; headers: Record<string, string> })
        seen.push(echo === undefined ? [path, statusOf(reply.text)] : [path, echo.headers['x-route'], echo.url])
      }
      assert.deepEqual(seen, paths)
    })

    test('headers that are too large, and too many', async () => {
      const head = 'GET / HTTP/1.1\r\nHost: shop.test\r\n'
      const refused = [400, 431]
      assert.ok(refused.includes(statusOf((await say(served.http, `${head}X: ${'x'.repeat(200_000)}\r\n\r\n`)).text)))
      assert.ok(refused.includes(statusOf((await say(served.http, `${head}${'X: y\r\n'.repeat(2_000)}\r\n`)).text)))
      assert.ok(
        [400, 414, 431].includes(
          statusOf((await say(served.http, `GET /${'x'.repeat(200_000)} HTTP/1.1\r\nHost: shop.test\r\n\r\n`)).text),
        ),
      )
      assert.equal((await ask(served.http, '/', { headers: { 'x-large': 'x'.repeat(6_000) } })).status, 200)
    })

    test('clients that send their headers slowly are sent away', async () => {
      const socket = connect(served.http, '127.0.0.1')
      let received = ''
      socket.on('data', (piece: Buffer) => (received += piece.toString())).on('error', () => undefined)
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
      socket.write('GET / HTTP/1.1\r\n')
      const drip = setInterval(() => socket.write('X: y\r\n'), 200)
      const isClosed = await Promise.race([closed.then(() => true), sleep(60_000, false, { ref: false })])
      clearInterval(drip)
      socket.destroy()
      assert.ok(isClosed)
      assert.ok([0, 408, 400].includes(statusOf(received)), received)
    })

    test('streams that are reset at once, also while others decide about them, do no harm', async () => {
      await using judge = await startBackend('judge', (_, response) => void setTimeout(() => response.end('ok'), 50))
      const externalAuthentication = {
        url: `http://127.0.0.1:${judge.port}/`,
        signInParameter: 'rd',
        responseHeaders: [],
        requestHeaders: [],
      }
      const judged = route({ path: { kind: 'prefix', path: '/judged' } }, to('p'), { externalAuthentication })
      const nobody = route({ path: { kind: 'prefix', path: '/nobody' } }, to('none'), { externalAuthentication })
      await served.plane.apply(routing([judged, nobody, route({}, to('p'))], [pool('p', [a]), pool('none', [])]))
      const session = connectHttp2(`https://127.0.0.1:${served.https}`, { rejectUnauthorized: false })
      session.on('error', () => undefined)
      await once(session, 'connect')
      for (const path of ['/judged', '/nobody', '/open']) {
        for (let i = 0; i < 30; i++) {
          const stream = session.request({ ':path': path, ':authority': 'shop.test' })
          stream.on('error', () => undefined)
          await new Promise((resolve) => setTimeout(resolve, i % 3))
          stream.close(constants.NGHTTP2_CANCEL)
        }
      }
      session.destroy()
      await sleep(200)
      assert.equal((await ask(served.http, '/judged')).status, 200)
      assert.equal((await ask(served.https, '/open', { tls: {} })).status, 200)
    })

    test('broken handshakes and bytes that are no HTTP do not disturb the others', async () => {
      await Promise.all([
        say(served.https, 'GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n'),
        say(served.http, '\x16\x03\x01\x02\x00\x01\x00'),
        say(served.http, 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
        say(served.http, '\r\n\r\n\r\n'),
      ])
      assert.equal((await ask(served.http, '/open')).status, 200)
      assert.equal((await ask(served.https, '/open', { tls: {} })).status, 200)
    })
  })
}

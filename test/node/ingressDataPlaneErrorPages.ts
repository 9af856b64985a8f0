// Pages of another server in the place of what servers answer.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ErrorPages, Rules } from '#ingress/routing.ts'
import { ask, echo, pool, route, routing, serverAt, startBackend, startServed, to } from './ingressDataPlaneFixture.ts'
import type { Ask, Backend, MakeDataPlane, Reply, Served } from './ingressDataPlaneFixture.ts'

export function testErrorPages(make: MakeDataPlane): void {
  describe('pages in the place of answers', () => {
    let served: Served
    /** Answers with the status that is its path. */
    let app: Backend
    let pages: Backend
    before(async () => {
      served = await startServed(make)
      app = await startBackend('app', (request, response) => {
        response.writeHead(Number(request.url!.slice(1, 4)), {
          'x-app': 'yes',
          'x-own-id': request.headers['x-request-id'],
        })
        response.end('the app says')
      })
      const say = echo('pages')
      pages = await startBackend('pages', (request, response) => {
        response.statusCode = Number(request.headers['x-code'])
        say(request, response)
      })
    })
    after(async () => {
      for (const one of [served, app, pages]) await one?.[Symbol.asyncDispose]()
    })

    const errorPages: ErrorPages = {
      statuses: [404, 413, 502, 503],
      pool: 'pages',
      headers: [
        { name: 'X-Namespace', value: 'shop' },
        { name: 'X-Service-Port', value: '80' },
      ],
    }
    const apply = async (servers: Parameters<typeof pool>[1], rules: Rules = {}, from = [pages] as typeof servers) =>
      await served.plane.apply(
        routing([route({}, to('app'), { errorPages, ...rules })], [pool('app', servers), pool('pages', from)]),
      )
    const get = (path: string, options: Ask = {}): Promise<Reply> => ask(served.http, path, options)

    test('come for the statuses that were named, and are told why', async () => {
      await apply([app], { backendHost: 'inner.test' })
      const reply = await get('/404/a%2fb?x=1', {
        headers: { accept: 'application/json', 'x-request-id': 'mine', 'x-code': '200', 'if-none-match': '"a"' },
        localAddress: '127.0.5.5',
      })
      assert.deepEqual(
        [reply.status, reply.headers['x-app'], reply.headers['content-type']],
        [404, undefined, 'application/json'],
      )
      const { method, url, headers } = reply.echo
      assert.deepEqual([method, url], ['GET', '/'])
      const wanted = {
        host: 'shop.test',
        'x-code': '404',
        'x-format': 'application/json',
        'x-original-uri': '/404/a%2fb?x=1',
        'x-namespace': 'shop',
        'x-service-port': '80',
        'x-request-id': 'mine',
        'x-forwarded-for': '127.0.5.5',
        'x-real-ip': '127.0.5.5',
        'if-none-match': undefined,
      }
      assert.deepEqual(Object.fromEntries(Object.keys(wanted).map((name) => [name, headers[name]])), wanted)
      const other = await get('/500')
      assert.deepEqual([other.status, other.body, other.headers['x-app']], [500, 'the app says', 'yes'])
      assert.equal((await get('/200')).body, 'the app says')
    })

    test('come for requests with bodies and for HEAD', async () => {
      await apply([app])
      for (const body of ['short', 'x'.repeat(300_000)]) {
        const { status, echo: said } = await get('/503', {
          method: 'POST',
          body,
          headers: { 'content-type': 'text/plain' },
        })
        assert.deepEqual([status, said.method, said.bytes, said.headers['content-type']], [503, 'GET', 0, undefined])
      }
      const head = await get('/404', { method: 'HEAD' })
      assert.deepEqual([head.status, head.headers['content-type'], head.body], [404, 'application/json', ''])
    })

    test('come when no server answers', async () => {
      await apply([])
      assert.deepEqual(codeOf(await get('/200')), [503, '503'])
      await apply([serverAt(1)])
      assert.deepEqual(codeOf(await get('/200')), [502, '502'])
      await apply([app], { largestBody: 1_000, buffersRequests: true })
      const chunked: Ask = { method: 'POST', body: 'x'.repeat(2_000), headers: { 'transfer-encoding': 'chunked' } }
      assert.deepEqual(codeOf(await get('/200', chunked)), [413, '413'])
    })

    test('are changed like answers, and the app is shown where there is none', async () => {
      const rules: Rules = { responseHeaders: { set: [{ name: 'X-Set', value: 'ours' }] } }
      await apply([app], rules)
      assert.equal((await get('/404')).headers['x-set'], 'ours')
      for (const from of [[], [serverAt(1)]]) {
        await apply([app], rules, from)
        const reply = await get('/404')
        assert.deepEqual([reply.status, reply.body, reply.headers['x-set']], [404, 'the app says', 'ours'])
      }
      await apply([], rules, [])
      const { status, body } = await get('/200')
      assert.equal(status, 503)
      assert.match(body, /503 Service Unavailable/)
    })

    test('come from servers as they are now', async () => {
      await using second = await startBackend('second')
      await apply([app])
      assert.equal((await get('/404')).echo.server, 'pages')
      await apply([app], {}, [second])
      assert.equal((await get('/404')).echo.server, 'second')
    })
  })
}

const codeOf = ({ status, echo: { headers } }: Reply): readonly unknown[] => [status, headers['x-code']]

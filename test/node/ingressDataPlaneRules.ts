// What holds for the requests of a route: who may pass, how much, and which headers both sides see.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cors, ExternalAuthentication, RateLimit, Rules } from '#ingress/routing.ts'
import {
  aroundSuite,
  ask,
  http2Status,
  pool,
  route,
  routing,
  say,
  sayInTurn,
  startBackend,
  statusOf,
  to,
} from './ingressDataPlaneFixture.ts'
import type { Ask, Backend, Echo, MakeDataPlane, Reply, Served, Traits } from './ingressDataPlaneFixture.ts'

export function testRules(make: MakeDataPlane, traits: Traits): void {
  describe('rules', () => {
    let served: Served
    let a: Backend
    aroundSuite(make, ['a'], (plane, first) => {
      served = plane
      a = first
    })
    const apply = async (rules: Rules): Promise<ReadonlyMap<string, readonly string[]>> =>
      (await served.plane.apply(routing([route({}, to('a'), rules)], [pool('a', [a])]))).left
    const get = (options: Ask = {}, path = '/'): Promise<Reply> => ask(served.http, path, options)
    const status = async (options: Ask = {}, path = '/'): Promise<number> => (await get(options, path)).status

    test('only allowed addresses are served, and denied ones are not', async () => {
      const from = async (address: string): Promise<number> => await status({ localAddress: address })
      await apply({ allowedSources: ['127.0.1.0/24', '127.0.0.9'] })
      assert.deepEqual([await from('127.0.0.1'), await from('127.0.1.7'), await from('127.0.0.9')], [403, 200, 200])
      await apply({ deniedSources: ['127.0.1.0/24', 'fd00::/8'] })
      assert.deepEqual([await from('127.0.0.1'), await from('127.0.1.7')], [200, 403])
      await apply({ allowedSources: ['127.0.0.0/8'], deniedSources: ['127.0.1.0/24'] })
      assert.deepEqual([await from('127.0.0.1'), await from('127.0.1.7')], [200, 403])
      // What a client says of itself does not count.
      assert.equal(await status({ localAddress: '127.0.1.7', headers: { 'x-forwarded-for': '127.0.0.1' } }), 403)
    })

    test('requests above the rate of a client are refused, and admitted again later', async () => {
      const limit: RateLimit = {
        requestsPerSecond: 2,
        burstMultiplier: 2,
        unlimitedSources: ['127.0.2.0/24'],
        status: 429,
      }
      await apply({ rateLimit: limit })
      const flood = async (address: string): Promise<number> => {
        const all = await Promise.all(Array.from({ length: 40 }, () => status({ localAddress: address })))
        assert.deepEqual([...new Set(all)].toSorted(), all.includes(429) ? [200, 429] : [200])
        return all.filter((one) => one === 200).length
      }
      const [first, other, free] = [await flood('127.0.3.1'), await flood('127.0.3.2'), await flood('127.0.2.1')]
      assert.ok(first >= 2 && first < 30, `${first} of 40 at once`)
      assert.ok(other >= 2 && other < 30, `${other} of 40 at once from another client`)
      assert.equal(free, 40)
      await sleep(2_500)
      assert.equal(await status({ localAddress: '127.0.3.1' }), 200)
    })

    test('a client has no more connections than it may', async () => {
      const held: (() => void)[] = []
      await using slow = await startBackend('slow', (_, response) => void held.push(() => response.end('x')))
      const rateLimit: RateLimit = { connections: 2, burstMultiplier: 1, unlimitedSources: [], status: 503 }
      await served.plane.apply(routing([route({}, to('slow'), { rateLimit })], [pool('slow', [slow])]))
      const waiting = [status(), status()]
      while (held.length < 2) await sleep(5)
      assert.equal(await status(), 503)
      for (const end of held) end()
      assert.deepEqual(await Promise.all(waiting), [200, 200])
      const again = status()
      while (held.length < 3) await sleep(5)
      held[2]!()
      assert.equal(await again, 200)
    })

    test('bodies above the limit get 413', async () => {
      await apply({ largestBody: 1_000 })
      assert.equal((await get({ method: 'POST', body: 'x'.repeat(1_000) })).echo.bytes, 1_000)
      assert.equal(await status({ method: 'POST', body: 'x'.repeat(1_001) }), 413)
      await apply({ largestBody: 0 })
      assert.equal((await get({ method: 'POST', body: 'x'.repeat(3_000_000) })).echo.bytes, 3_000_000)
    })

    for (const buffersRequests of [true, false])
      test(`bodies of unknown length above the limit get 413, ${buffersRequests ? '' : 'not '}read whole first`, async () => {
        const head =
          'POST /a/../b?c HTTP/1.1\r\nHost: shop.test\r\nX-Forwarded-For: 1.2.3.4\r\nTransfer-Encoding: chunked\r\n'
        const chunk = (size: number): string => `${size.toString(16)}\r\n${'x'.repeat(size)}\r\n`
        const post = (...sizes: readonly number[]): Promise<{ readonly text: string }> =>
          // The first of them waits until the plane behind HAProxy is there.
          say(served.http, `${head}Connection: close\r\n\r\n${sizes.map(chunk).join('')}0\r\n\r\n`, { silence: 30_000 })
        await apply({ largestBody: 1_000, buffersRequests })
        assert.equal(statusOf((await post(500, 500)).text), 200)
        assert.equal(statusOf((await post(500, 501)).text), 413)
        await apply({ largestBody: 100_000, buffersRequests })
        const { text } = await post(...Array<number>(10).fill(10_000))
        assert.equal(statusOf(text), 200)
        const { url, bytes, headers } = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1)) as Echo
        assert.deepEqual([url, bytes], ['/b?c', 100_000])
        const told = [
          'x-real-ip',
          'x-forwarded-for',
          'x-original-forwarded-for',
          'x-forwarded-port',
          'x-ingress-arrival',
        ]
        assert.deepEqual(
          told.map((name) => headers[name]),
          ['127.0.0.1', '127.0.0.1', '1.2.3.4', String(served.http), undefined],
        )
        assert.equal(statusOf((await post(...Array<number>(10).fill(10_000), 1)).text), 413)
        // What comes piece by piece is counted all the same.
        const slow = await sayInTurn(served.http, [`${head}Connection: close\r\n\r\n`, chunk(60_000), chunk(60_000)])
        assert.equal(statusOf(slow), 413)
        // Another request on the connection of one that was refused is never read as a part of it.
        const after = await say(
          served.http,
          `${head}\r\n${chunk(200_000)}0\r\n\r\nGET /second HTTP/1.1\r\nHost: shop.test\r\n\r\n`,
        )
        assert.equal(statusOf(after.text), 413)
      })

    test('bodies of unknown length over HTTP/2 above the limit get 413', async () => {
      await apply({ largestBody: 100_000 })
      for (const method of ['POST', 'GET'])
        for (const [pieces, wanted] of [
          [10, 200],
          [11, 413],
        ] as const)
          assert.equal(await http2Status(served.https, method, Array<number>(pieces).fill(10_000)), wanted, method)
    })

    test('bodies that are read whole first arrive whole', async () => {
      await apply({ buffersRequests: true })
      for (const size of [0, 10, 100_000, 3_000_000])
        assert.equal((await get({ method: 'POST', body: Buffer.alloc(size, 'y') })).echo.bytes, size)
    })

    const passwords = {
      apr1: '$apr1$abcdefgh$sIQmFnT1CuEXAsyjuXjUX/',
      md5: '$1$abcdefgh$y6iHhJNbuC0xpbk0w9pm80',
      sha1: '{SHA}L55TUjtiq8FBorTWAZ0jy6g129A=',
      ssha: '{SSHA}LhKrkM9Fy+zlstjdD7Kv2s6QvhBzYWx0',
      plain: '{PLAIN}correct horse',
      sha256: '$5$abcdefgh$ruMep1ijHnJPZbETDNiumskxcX3kN4lzZd5VlsqE7eB',
      sha512: '$6$abcdefgh$yIZAF3gQPvtKZO/9qOJKffAKKbtS3ef3qmwyugk4uWVjX8YZf/GV3A8SkFxEPY0T56CcilGrHKLffBsp6dLMG.',
      bcrypt: '$2b$05$abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2',
    }
    const basic = (text: string): Ask => ({
      headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` },
    })
    for (const [form, hash] of Object.entries(passwords)) {
      test(`basic authentication with a password as ${form}`, async () => {
        const users = new Map([['jo', hash]])
        const left = await apply({ basicAuthentication: { realm: 'Staff only', users } })
        const refused = await get()
        assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'Basic realm="Staff only"'])
        for (const wrong of ['jo:wrong', 'jo:', 'joe:correct horse', 'jo', `jo:${hash}`])
          assert.equal(await status(basic(wrong)), 401, wrong)
        assert.equal(await status({ headers: { authorization: 'Bearer correct horse' } }), 401)
        assert.equal(await status(basic('jo:correct horse')), 200)
        assert.equal(left.size, 0)
      })
    }

    test('users whose passwords cannot be checked, or would take too long, are named and cannot pass', async () => {
      const rest = 'abcdefghijklmnopqrstuuHNbAKRhpaujgo33bRWs.NLUTJO3lOy2'
      for (const hash of ['$9$abc$def', `$2b$13$${rest}`, '$6$rounds=60000$abc$def']) {
        const left = await apply({ basicAuthentication: { realm: 'Staff only', users: new Map([['jo', hash]]) } })
        assert.equal(await status(basic('jo:correct horse')), 401)
        assert.match([...left.values()].flat().join(), /jo/)
      }
    })

    test('another server decides who may pass', async () => {
      const asked: Record<string, string | string[] | undefined>[] = []
      await using judge = await startBackend('judge', (request, response) => {
        asked.push({ ...request.headers, method: request.method, url: request.url })
        const { cookie } = request.headers
        if (cookie === 'session=good')
          response.setHeader('x-user', 'jo').setHeader('set-cookie', 'seen=1').end('welcome')
        else if (cookie === 'session=bad') response.writeHead(403).end('no')
        else if (cookie === 'session=odd') response.writeHead(500).end('broken')
        else response.writeHead(401, { 'www-authenticate': 'Bearer' }).end('who?')
      })
      const external = (rest: Partial<ExternalAuthentication> = {}): Rules => ({
        externalAuthentication: {
          url: `http://127.0.0.1:${judge.port}/check?x=1`,
          signInParameter: 'rd',
          responseHeaders: ['X-User', 'X-Role'],
          requestHeaders: [{ name: 'X-Extra', value: 'said' }],
          ...rest,
        },
      })
      const cookie = (value: string): Ask => ({
        headers: { cookie: `session=${value}`, 'x-user': 'forged', 'x-role': 'forged' },
      })
      await apply(external())
      const passed = await get(cookie('good'), '/page?q=1')
      assert.equal(passed.status, 200)
      assert.equal(passed.echo.headers['x-user'], 'jo')
      assert.equal(passed.echo.headers['x-role'], undefined)
      assert.deepEqual(passed.headers['set-cookie'], ['seen=1'])
      const [question] = asked
      assert.equal(question!['url'], '/check?x=1')
      assert.equal(question!['method'], 'GET')
      assert.equal(question!['host'], `127.0.0.1:${judge.port}`)
      assert.equal(question!['x-original-url'], 'http://shop.test/page?q=1')
      assert.equal(question!['x-original-method'], 'GET')
      assert.equal(question!['x-extra'], 'said')
      assert.equal(question!['cookie'], 'session=good')
      const refused = await get(cookie('none'))
      assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'Bearer'])
      assert.equal(await status(cookie('bad')), 403)
      assert.equal(await status(cookie('odd')), 500)
      assert.equal((await get({ ...cookie('good'), method: 'POST', body: 'body' })).echo.bytes, 4)
      assert.equal(asked.at(-1)!['content-length'], undefined)

      await apply(external({ signIn: 'https://login.test/start' }))
      const sent = await get(cookie('none'), '/page?q=1')
      assert.equal(sent.status, 302)
      assert.equal(
        sent.headers.location,
        `https://login.test/start?rd=${encodeURIComponent('http://shop.test/page?q=1')}`,
      )
      await apply(external({ url: 'http://127.0.0.1:1/' }))
      assert.equal(await status(cookie('good')), 500)
    })

    test('cross-origin requests: preflight, answers, several origins', async () => {
      const cors: Cors = {
        origins: ['https://one.test', 'https://*.two.test'],
        methods: ['GET', 'PUT'],
        headers: ['Content-Type', 'X-Own'],
        exposedHeaders: ['X-Shown'],
        credentials: true,
        maxAgeSeconds: 600,
      }
      await apply({ cors })
      const from = (origin: string, method = 'GET'): Promise<Reply> =>
        get({
          method,
          headers: { origin, ...(method === 'OPTIONS' ? { 'access-control-request-method': 'PUT' } : {}) },
        })
      for (const origin of ['https://one.test', 'https://a.two.test']) {
        const { headers, status: code } = await from(origin)
        assert.deepEqual(
          [
            code,
            headers['access-control-allow-origin'],
            headers['access-control-allow-credentials'],
            headers['access-control-expose-headers'],
          ],
          [200, origin, 'true', 'X-Shown'],
        )
        const preflight = await from(origin, 'OPTIONS')
        assert.deepEqual(
          ['origin', 'methods', 'headers', 'credentials'].map(
            (name) => preflight.headers[`access-control-allow-${name}`],
          ),
          [origin, 'GET, PUT', 'Content-Type,X-Own', 'true'],
        )
        assert.deepEqual(
          [preflight.status, preflight.headers['access-control-max-age'], preflight.body],
          [204, '600', ''],
        )
      }
      for (const origin of ['https://three.test', 'https://one.test.evil.test', 'https://evil.test/.two.test', 'null'])
        assert.equal((await from(origin)).headers['access-control-allow-origin'], undefined, origin)
      assert.equal((await get()).headers['access-control-allow-origin'], undefined)
      await apply({ cors: { ...cors, origins: ['*'], credentials: false } })
      assert.equal((await from('https://three.test')).headers['access-control-allow-origin'], '*')
    })

    test('headers of requests and answers are set, added and removed', async () => {
      await using b = await startBackend('b', (request, response) => {
        response.writeHead(200, { 'x-old': '1', 'x-set': 'theirs', 'set-cookie': ['a=1', 'b=2'] })
        response.end(JSON.stringify({ headers: request.headersDistinct }))
      })
      const rules: Rules = {
        requestHeaders: {
          set: [{ name: 'X-Set', value: 'ours' }],
          add: [{ name: 'X-Add', value: 'more' }],
          remove: ['X-Gone'],
        },
        responseHeaders: {
          set: [{ name: 'X-Set', value: 'ours' }],
          add: [{ name: 'X-Add', value: 'more' }],
          remove: ['X-Old'],
        },
      }
      await served.plane.apply(routing([route({}, to('b'), rules)], [pool('b', [b])]))
      const reply = await get({ headers: { 'x-set': 'theirs', 'x-add': 'one', 'x-gone': '1' } })
      const seen = (JSON.parse(reply.body) as { headers: Record<string, string[]> }).headers
      assert.deepEqual([seen['x-set'], seen['x-add']!.join(', '), seen['x-gone']], [['ours'], 'one, more', undefined])
      assert.deepEqual(
        [reply.headers['x-set'], reply.headers['x-add'], reply.headers['x-old'], reply.headers['set-cookie']],
        ['ours', 'more', undefined, ['a=1', 'b=2']],
      )
    })

    test('backends are told of the client, whatever it says of itself', async () => {
      await apply({})
      const forged = {
        'x-forwarded-for': '1.2.3.4',
        'x-forwarded-host': 'evil.test',
        'x-forwarded-proto': 'https',
        'x-forwarded-port': '1',
        'x-real-ip': '1.2.3.4',
        x_real_ip: '1.2.3.4',
        proxy: 'http://evil.test',
        'x-own': 'kept',
        te: 'gzip',
        connection: 'x-hop',
        'x-hop': '1',
      }
      const { headers } = (await get({ headers: forged, host: 'shop.test:8080', localAddress: '127.0.4.4' })).echo
      const expected: Record<string, string | undefined> = {
        host: 'shop.test:8080',
        'x-forwarded-for': '127.0.4.4',
        'x-real-ip': '127.0.4.4',
        x_real_ip: undefined,
        'x-forwarded-host': 'shop.test:8080',
        'x-forwarded-proto': 'http',
        'x-forwarded-port': String(served.http),
        'x-original-forwarded-for': '1.2.3.4',
        proxy: undefined,
        'x-own': 'kept',
        te: undefined,
        ...(traits.removesNamedHeaders ? { 'x-hop': undefined } : {}),
      }
      for (const [name, value] of Object.entries(expected)) assert.equal(headers[name], value, name)
      assert.match(headers['x-request-id']!, /^[0-9a-f]{32}$/)
      const secure = (await ask(served.https, '/', { tls: {}, headers: { 'x-request-id': 'mine' } })).echo.headers
      assert.deepEqual(
        [secure['x-forwarded-proto'], secure['x-forwarded-port'], secure['x-request-id']],
        ['https', String(served.https), 'mine'],
      )
    })

    test('backends see another Host when told so', async () => {
      await apply({ backendHost: 'inner.test' })
      const { headers } = (await get()).echo
      assert.deepEqual([headers['host'], headers['x-forwarded-host']], ['inner.test', 'shop.test'])
    })
  })
}

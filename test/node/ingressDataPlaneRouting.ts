// Which route a request gets, and what routes do: rewrites, redirects, fixed answers, shares and overrides.
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { HostMatch, Match, Override, PathMatch, Route } from '#ingress/routing.ts'
import { aroundSuite, ask, exactHost, pool, route, routing, to } from './ingressDataPlaneFixture.ts'
import type { Ask, Backend, MakeDataPlane, Served } from './ingressDataPlaneFixture.ts'

export function testRouting(make: MakeDataPlane): void {
  describe('routes', () => {
    let served: Served
    let a: Backend
    let b: Backend
    aroundSuite(make, ['a', 'b'], (plane, first, second) => {
      served = plane
      a = first
      b = second
    })
    const apply = async (...routes: readonly Route[]): Promise<void> => {
      await served.plane.apply(routing(routes, [pool('a', [a]), pool('b', [b]), pool('empty', [])]))
    }

    const prefix = (path: string): PathMatch => ({ kind: 'prefix', path })
    const exact = (path: string): PathMatch => ({ kind: 'exact', path })
    const pattern = (text: string, ignoreCase = false): PathMatch => ({ kind: 'pattern', pattern: text, ignoreCase })
    const wildcard = (name: string, labels: 'one' | 'some'): HostMatch => ({ kind: 'wildcard', name, labels })

    /** Each request with the answer of the route that must get it: the first of `routes` answers "0", the next "1"... */
    const tables: readonly {
      readonly name: string
      readonly routes: readonly Partial<Match>[]
      readonly requests: readonly (readonly [path: string, ask: Ask, route: number | 'none'])[]
    }[] = [
      {
        name: 'exact hosts, wildcards of one label, wildcards of some labels, and any host',
        routes: [
          { host: exactHost('shop.test') },
          { host: wildcard('shop.test', 'one') },
          { host: wildcard('wide.test', 'some') },
          { path: exact('/any') },
        ],
        requests: [
          ['/', { host: 'shop.test' }, 0],
          ['/', { host: 'SHOP.test' }, 0],
          ['/', { host: 'shop.test.' }, 0],
          ['/', { host: 'shop.test:8443' }, 0],
          ['/', { host: 'a.shop.test' }, 1],
          ['/', { host: 'a.b.shop.test' }, 'none'],
          ['/', { host: 'ashop.test' }, 'none'],
          ['/', { host: 'a.wide.test' }, 2],
          ['/', { host: 'a.b.wide.test' }, 2],
          ['/', { host: 'wide.test' }, 'none'],
          ['/any', { host: 'other.test' }, 3],
          ['/any', { host: '10.0.0.1' }, 3],
          ['/any', { host: '[::1]:80' }, 3],
        ],
      },
      {
        name: 'exact paths, prefixes by elements, in the order of the routes',
        routes: [
          { path: exact('/a') },
          { path: prefix('/a/b') },
          { path: prefix('/a') },
          { path: exact('/a/b') },
          { path: prefix('/ümlaut') },
        ],
        requests: [
          ['/a', {}, 0],
          ['/a?x=/a/b', {}, 0],
          ['/a/', {}, 2],
          ['/a/b', {}, 1],
          ['/a/b/', {}, 1],
          ['/a/b/c', {}, 1],
          ['/a/bc', {}, 2],
          ['/ab', {}, 'none'],
          ['/', {}, 'none'],
          ['/%C3%BCmlaut/x', {}, 4],
        ],
      },
      {
        name: 'patterns from the beginning of the path, with and without case',
        routes: [
          { path: pattern('/shop/[0-9]+$') },
          { path: pattern('/SHOP(/|$)', true) },
          { path: pattern('/x') },
          { path: prefix('/') },
        ],
        requests: [
          ['/shop/12', {}, 0],
          ['/shop/12?a=b', {}, 0],
          ['/shop/12a', {}, 1],
          ['/Shop', {}, 1],
          ['/shopping', {}, 3],
          ['/xyz', {}, 2],
          ['/a/x', {}, 3],
        ],
      },
      {
        name: 'methods, headers and parameters, all of which must hold',
        routes: [
          { method: 'POST', headers: [{ name: 'X-Kind', kind: 'exact', value: 'a' }] },
          { method: 'POST' },
          { headers: [{ name: 'X-Kind', kind: 'pattern', value: 'b+' }] },
          { headers: [{ name: 'X-Seen', kind: 'present', value: '' }] },
          {
            parameters: [
              { name: 'q', kind: 'exact', value: 'one two' },
              { name: 'r', kind: 'present', value: '' },
            ],
          },
          { parameters: [{ name: 'q', kind: 'pattern', value: '[0-9]+' }] },
        ],
        requests: [
          ['/', { method: 'POST', headers: { 'x-kind': 'a' } }, 0],
          ['/', { method: 'POST', headers: { 'x-kind': 'A' } }, 1],
          ['/', { headers: { 'x-kind': 'bbb' } }, 2],
          ['/', { headers: { 'x-kind': 'bbbc' } }, 'none'],
          ['/', { headers: { 'x-seen': '' } }, 3],
          ['/?q=one%20two&r', {}, 4],
          ['/?r=1&q=one+two', {}, 4],
          ['/?q=one%20two', {}, 'none'],
          ['/?q=12', {}, 5],
          ['/?q=12a', {}, 'none'],
        ],
      },
    ]
    for (const { name, routes, requests } of tables) {
      test(`match ${name}`, async () => {
        await apply(...routes.map((match, at) => route(match, { kind: 'respond', status: 200, body: String(at) })))
        const expected = requests.map(([path, options, at]) => `${path} ${JSON.stringify(options)} ${at}`)
        const seen: string[] = []
        for (const [path, options] of requests) {
          const reply = await ask(served.http, path, options)
          seen.push(`${path} ${JSON.stringify(options)} ${reply.status === 404 ? 'none' : reply.body}`)
        }
        assert.deepEqual(seen, expected)
      })
    }

    test('a route is found among thousands', async () => {
      const routes: Route[] = []
      for (let host = 0; host < 100; host++)
        for (let path = 0; path < 20; path++)
          routes.push(
            route(
              { host: exactHost(`h${host}.test`), path: prefix(`/p${path}`) },
              { kind: 'respond', status: 200, body: `${host} ${path}` },
            ),
          )
      await apply(...routes)
      assert.equal((await ask(served.http, '/p19/x', { host: 'h99.test' })).body, '99 19')
      assert.equal((await ask(served.http, '/p0', { host: 'h0.test' })).body, '0 0')
      assert.equal((await ask(served.http, '/p20', { host: 'h0.test' })).status, 404)
    })

    test('rewrites take captures of the pattern or replace the prefix, and keep the query', async () => {
      const template = (path: string, text: string): Route =>
        route({ path: pattern(path) }, to('a'), { rewrite: { kind: 'template', template: text } })
      await apply(
        template('/one(/|$)(.*)', '/$2'),
        template('/two/(a)/(b)', '/$2/$1/$9'),
        template('/three/(.*)', '/new?old=$1'),
        template('/four', '/'),
        route({ path: prefix('/five') }, to('a'), { rewrite: { kind: 'prefix', replacement: '/six/' } }),
        route({ path: prefix('/seven') }, to('a'), { rewrite: { kind: 'prefix', replacement: '/' } }),
        route({}, to('a')),
      )
      const rewritten = async (path: string): Promise<string> => (await ask(served.http, path)).echo.url
      const table: readonly (readonly [string, string])[] = [
        ['/one', '/'],
        ['/one/x/y?z=1', '/x/y?z=1'],
        ['/one/%C3%BC%20', '/%C3%BC%20'],
        ['/two/a/b', '/b/a/'],
        ['/three/x?y=2', '/new?old=x&y=2'],
        ['/four/anything', '/'],
        ['/five', '/six'],
        ['/five/x?y', '/six/x?y'],
        ['/seven', '/'],
        ['/seven/x', '/x'],
        ['/other//x?a=%2F&b', '/other//x?a=%2F&b'],
      ]
      const seen: (readonly [string, string])[] = []
      for (const [path] of table) seen.push([path, await rewritten(path)])
      assert.deepEqual(seen, table)
    })

    test('redirects keep what they do not say', async () => {
      const redirects: readonly (readonly [Omit<Extract<Route['action'], { kind: 'redirect' }>, 'kind'>, string])[] = [
        [{ status: 301, scheme: 'https' }, 'https://shop.test/0/x?y=1'],
        [{ status: 302, host: 'new.test' }, 'http://new.test/1/x?y=1'],
        [{ status: 307, scheme: 'https', port: 8443 }, 'https://shop.test:8443/2/x?y=1'],
        [{ status: 308, scheme: 'https', port: 443, path: '/gone' }, 'https://shop.test/gone'],
        [{ status: 303, location: 'https://elsewhere.test/page' }, 'https://elsewhere.test/page'],
      ]
      await apply(
        ...redirects.map(([redirect], at) => route({ path: prefix(`/${at}`) }, { kind: 'redirect', ...redirect })),
      )
      for (const [at, [{ status }, location]] of redirects.entries()) {
        const reply = await ask(served.http, `/${at}/x?y=1`)
        assert.deepEqual([reply.status, reply.headers.location], [status, location])
      }
    })

    test('clients without TLS are sent to it', async () => {
      await apply(route({}, to('a'), { requireTls: { status: 308, port: 443 } }))
      const reply = await ask(served.http, '/x?y=1', { host: 'shop.test:8080' })
      assert.deepEqual([reply.status, reply.headers.location], [308, 'https://shop.test/x?y=1'])
      assert.equal((await ask(served.https, '/x', { tls: {} })).echo.server, 'a')
      await apply(route({}, to('a'), { requireTls: { status: 301, port: served.https } }))
      assert.equal((await ask(served.http, '/x')).headers.location, `https://shop.test:${served.https}/x`)
    })

    test('fixed answers, the fallback and pools without servers', async () => {
      await apply(
        route({ path: exact('/fixed') }, { kind: 'respond', status: 418, contentType: 'text/x-tea', body: 'tea\n' }),
        route({ path: exact('/empty') }, to('empty')),
      )
      const fixed = await ask(served.http, '/fixed')
      assert.deepEqual([fixed.status, fixed.headers['content-type'], fixed.body], [418, 'text/x-tea', 'tea\n'])
      assert.deepEqual((await ask(served.http, '/fixed', { method: 'HEAD' })).body, '')
      const fallback = await ask(served.http, '/nothing')
      assert.deepEqual([fallback.status, fallback.body], [404, 'default backend - 404'])
      assert.equal((await ask(served.http, '/empty')).status, 503)
      await served.plane.apply(routing([], [pool('a', [a])], { fallback: to('a') }))
      assert.equal((await ask(served.http, '/x?y')).echo.url, '/x?y')
    })

    test('overrides by header and cookie come before the lot, in their order', async () => {
      const override = (
        on: 'header' | 'cookie',
        name: string,
        kind: 'exact' | 'pattern' | 'present',
        value: string,
        name2: string,
      ): Override => ({
        on,
        match: { name, kind, value },
        pool: name2,
      })
      await apply(
        route(
          {},
          {
            ...to('a'),
            overrides: [
              override('header', 'X-Canary', 'exact', 'always', 'b'),
              override('header', 'X-Canary', 'exact', 'never', 'a'),
              override('cookie', 'canary', 'exact', 'always', 'b'),
              override('header', 'X-Version', 'pattern', 'v[2-9]', 'b'),
            ],
          },
        ),
      )
      const table: readonly (readonly [Record<string, string>, string])[] = [
        [{}, 'a'],
        [{ 'x-canary': 'always' }, 'b'],
        [{ 'x-canary': 'never', cookie: 'canary=always' }, 'a'],
        [{ cookie: 'x=1; canary=always' }, 'b'],
        [{ cookie: 'xcanary=always' }, 'a'],
        [{ 'x-version': 'v3' }, 'b'],
        [{ 'x-version': 'v33' }, 'a'],
      ]
      for (const [headers, server] of table)
        assert.equal((await ask(served.http, '/', { headers })).echo.server, server, JSON.stringify(headers))
    })

    test('weights: 0 is nothing, all is all, and shares are kept', async () => {
      await apply(
        route({ path: exact('/none') }, to(['a', 0], ['b', 0])),
        route({ path: exact('/all') }, to(['a', 0], ['b', 100])),
        route({ path: exact('/some') }, to(['a', 80], ['b', 20])),
      )
      assert.equal((await ask(served.http, '/none')).status, 503)
      const count = async (path: string, requests: number): Promise<number> => {
        let found = 0
        for (let i = 0; i < requests; i++) if ((await ask(served.http, path)).echo.server === 'b') found++
        return found
      }
      assert.equal(await count('/all', 20), 20)
      // 250 draws at 20 %: 50 ± 6.3; out of these bounds once in a million times.
      const some = await count('/some', 250)
      assert.ok(some > 18 && some < 82, `${some} of 250 went to the pool with 20 %`)
    })
  })
}

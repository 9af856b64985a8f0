import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'

import type { Action, Match, Pool, Route, Routing, Rules, Server } from '#ingress/routing.ts'
import { planChanges } from './changes.ts'
import { compile, withServers } from './compile.ts'
import type { Compiled } from './compile.ts'
import { certificateLine, configuration, mapFiles, renderMap } from './configuration.ts'
import type { ConfigurationOptions } from './configuration.ts'

const folder = '/run/haproxy'
const options: ConfigurationOptions = {
  folder,
  listen: { http: [{ address: '0.0.0.0', port: 80 }], https: [{ address: '::', port: 443 }] },
  generation: 7,
  threads: 2,
  headersTimeout: 20_000,
  user: { uid: 103, gid: 106 },
}

const server = (last: number, draining = false): Server => ({
  id: `10.244.1.${last}:8080`,
  address: `10.244.1.${last}`,
  port: 8080,
  draining,
})
const pool = (name: string, lasts: readonly number[], rest: Partial<Pool> = {}): Pool => ({
  name,
  servers: lasts.map((last) => server(last)),
  protocol: 'http',
  balance: { kind: 'round-robin' },
  ...rest,
})
const to = (...pools: readonly (readonly [string, number])[]): Action => ({
  kind: 'forward',
  overrides: [],
  shares: pools.map(([name, weight]) => ({ pool: name, weight })),
  keepsPool: false,
})
const route = (name: string, match: Partial<Match>, action: Action, rules: Rules = {}): Route => ({
  name,
  owner: 'Ingress shop/web',
  match: { host: { kind: 'exact', name: 'shop.example' }, path: { kind: 'prefix', path: '/' }, ...match },
  rules,
  action,
})
const routing = (routes: readonly Route[], pools: readonly Pool[], rest: Partial<Routing> = {}): Routing => ({
  routes,
  pools: new Map(pools.map((each) => [each.name, each])),
  certificates: new Map([['default', { chain: 'CHAIN', key: 'KEY' }]]),
  serverNames: [],
  defaultCertificate: 'default',
  fallback: { kind: 'respond', status: 404, contentType: 'text/plain', body: 'default backend - 404' },
  ...rest,
})
const compiled = (given: Routing): Compiled => compile(given, { folder, isUsable: () => true })

/** The configuration and everything that it reads, as one text. */
function whole(given: Routing): string {
  const result = compiled(given)
  const parts = [configuration(result, options)]
  for (const [name, listed] of result.certificates) parts.push(`## listed\n${certificateLine(folder, name, listed)}\n`)
  for (const [name, entries] of mapFiles(result)) parts.push(`## ${name}\n${renderMap(entries)}`)
  for (const [name, content] of result.files) parts.push(`## ${name}\n${content}`)
  for (const [name, problems] of result.left) parts.push(`## left: ${name}\n${problems.join('\n')}\n`)
  return parts.join('\n').replaceAll('\x7f', '<DEL>')
}

function golden(name: string, text: string): void {
  const file = new URL(`testdata/${name}`, import.meta.url)
  if (process.argv.includes('--update')) writeFileSync(file, text)
  assert.equal(text, readFileSync(file, 'utf8'))
}

const affinity = {
  name: 'INGRESSCOOKIE',
  path: '/',
  secure: true,
  maxAgeSeconds: 3600,
  changeOnFailure: false,
} as const

/** What is pinned, by the name of the file. */
const samples: Readonly<Record<string, Routing>> = {
  empty: routing([], []),
  matching: routing(
    [
      route('exact', { path: { kind: 'exact', path: '/a b' } }, to(['web', 1])),
      route('prefix', { path: { kind: 'prefix', path: '/a' } }, to(['web', 1])),
      route(
        'pattern',
        {
          host: { kind: 'exact', name: 'api.example' },
          path: { kind: 'pattern', pattern: '/v1(/|$)(.*)', ignoreCase: true },
        },
        to(['web', 1]),
        { rewrite: { kind: 'template', template: '/$2?from=$1' } },
      ),
      route(
        'conditions',
        {
          host: { kind: 'wildcard', name: 'example', labels: 'some' },
          method: 'POST',
          headers: [{ name: 'X-A', kind: 'exact', value: "it's" }],
        },
        to(['web', 1]),
      ),
      route('wildcard', { host: { kind: 'wildcard', name: 'shop.example', labels: 'one' } }, to(['web', 1])),
      route('any', { host: { kind: 'any' } }, { kind: 'redirect', status: 308, scheme: 'https', port: 8443 }),
    ],
    [pool('web', [1, 2])],
  ),
  rules: routing(
    [
      route('everything', { path: { kind: 'prefix', path: '/all' } }, to(['web', 1]), {
        requireTls: { status: 308, port: 8443 },
        allowedSources: ['10.0.0.0/8', '2001:db8::1'],
        deniedSources: ['10.9.0.0/16'],
        rateLimit: {
          requestsPerSecond: 10,
          requestsPerMinute: 100,
          burstMultiplier: 5,
          connections: 20,
          unlimitedSources: ['10.1.0.0/16'],
          status: 503,
        },
        largestBody: 1024,
        basicAuthentication: {
          realm: 'the "shop"',
          users: new Map([
            ['ann', '$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a'],
            ['bob', '$apr1$salt$abcdefghijklmnopqrstuv'],
            ['eve', 'unknown!'],
          ]),
        },
        cors: {
          origins: ['https://a.example', 'https://*.b.example'],
          methods: ['GET', 'PUT'],
          headers: ['X-A'],
          exposedHeaders: ['X-B'],
          credentials: true,
          maxAgeSeconds: 60,
        },
        rewrite: { kind: 'prefix', replacement: '/new' },
        backendHost: 'inner.example',
        requestHeaders: { set: [{ name: 'X-Set', value: '100 % $HOME "a" \'b\' #c \\d' }], remove: ['X-Gone'] },
        responseHeaders: { add: [{ name: 'X-Added', value: 'yes' }] },
        timeouts: { connect: 1000, read: 120_000, send: 30_000 },
        retry: { tries: 2, timeout: 0, on: new Set(['connect', '502', 'invalid']), also: 'safe' },
        buffersRequests: true,
      }),
      route('asked', { path: { kind: 'prefix', path: '/private' } }, to(['web', 1]), {
        externalAuthentication: {
          url: 'http://auth.example/check',
          signIn: 'https://auth.example/in',
          signInParameter: 'rd',
          responseHeaders: ['X-User'],
          requestHeaders: [],
        },
      }),
    ],
    [pool('web', [1, 2])],
  ),
  pools: routing(
    [
      route(
        'canary',
        {},
        {
          kind: 'forward',
          overrides: [{ on: 'header', match: { name: 'X-Canary', kind: 'pattern', value: 'v[2-9]' }, pool: 'canary' }],
          shares: [
            { pool: 'web', weight: 95 },
            { pool: 'canary', weight: 5 },
          ],
          keepsPool: true,
        },
      ),
      route('grpc', { path: { kind: 'prefix', path: '/grpc' } }, to(['grpc', 1])),
      route('secure', { path: { kind: 'prefix', path: '/secure' } }, to(['secure', 1])),
      route('none', { path: { kind: 'prefix', path: '/none' } }, to(['web', 0])),
      route('empty', { path: { kind: 'prefix', path: '/empty' } }, to(['empty', 1])),
    ],
    [
      { ...pool('web', [1], { affinity }), servers: [server(1), server(3, true)] },
      pool('canary', [2], {
        affinity: { ...affinity, changeOnFailure: true, sameSite: 'Lax', domain: 'shop.example' },
      }),
      pool('grpc', [4], { protocol: 'grpc', balance: { kind: 'hash', by: { header: 'X-User' } } }),
      pool('secure', [5], {
        protocol: 'https',
        balance: { kind: 'least-loaded' },
        tls: { serverName: 'inner.example', authority: 'AUTHORITY', certificate: 'default' },
      }),
      pool('empty', []),
    ],
  ),
  clients: routing(
    [
      route('own', {}, to(['web', 1]), {
        clientCertificate: {
          authority: 'AUTHORITY',
          revoked: 'REVOKED',
          depth: 1,
          demand: 'unchecked',
          subject: "CN=o'hara",
          errorPage: 'https://www.example/?a=%20',
          passesCertificate: true,
        },
        largestBody: 1024,
        buffersRequests: true,
      }),
      route('pages', { host: { kind: 'exact', name: 'pages.example' } }, to(['web', 1]), {
        errorPages: { statuses: [404], pool: 'web', headers: [] },
      }),
    ],
    [pool('web', [1], { affinity: { ...affinity, sameSite: 'None', sparesOldBrowsers: true } })],
    {
      serverNames: [
        {
          host: { kind: 'exact', name: 'shop.example' },
          certificate: 'default',
          clients: { authority: 'AUTHORITY', revoked: 'REVOKED' },
        },
        { host: { kind: 'wildcard', name: 'pages.example', labels: 'one' }, certificate: 'default' },
      ],
    },
  ),
}

describe('compile', () => {
  for (const [name, sample] of Object.entries(samples))
    it(`writes the sample "${name}"`, () => golden(`${name}.golden`, whole(sample)))
})

describe('text of others', () => {
  /** What somebody might write to get a directive in. */
  const attacks = [
    'x\n  http-request return status 200',
    "x'\n}\nbackend evil",
    'x\r\nSet-Cookie: a=b',
    'x\0y',
    '" ; }\n#',
  ]
  const clients = { authority: 'A', depth: 1, demand: 'required', passesCertificate: false } as const
  const spots: readonly { readonly name: string; readonly of: (text: string) => Route }[] = [
    { name: 'a host', of: (text) => route('r', { host: { kind: 'exact', name: text } }, to(['web', 1])) },
    { name: 'an exact path', of: (text) => route('r', { path: { kind: 'exact', path: `/${text}` } }, to(['web', 1])) },
    { name: 'a prefix', of: (text) => route('r', { path: { kind: 'prefix', path: `/${text}` } }, to(['web', 1])) },
    {
      name: 'a pattern',
      of: (text) => route('r', { path: { kind: 'pattern', pattern: `/${text}`, ignoreCase: true } }, to(['web', 1])),
    },
    { name: 'a method', of: (text) => route('r', { method: text }, to(['web', 1])) },
    {
      name: 'a header to match',
      of: (text) => route('r', { headers: [{ name: text, kind: 'exact', value: text }] }, to(['web', 1])),
    },
    {
      name: 'a value to match',
      of: (text) => route('r', { headers: [{ name: 'X-A', kind: 'exact', value: text }] }, to(['web', 1])),
    },
    {
      name: 'a template',
      of: (text) => route('r', {}, to(['web', 1]), { rewrite: { kind: 'template', template: text } }),
    },
    {
      name: 'a prefix to put in place',
      of: (text) => route('r', {}, to(['web', 1]), { rewrite: { kind: 'prefix', replacement: text } }),
    },
    {
      name: 'a header',
      of: (text) => route('r', {}, to(['web', 1]), { requestHeaders: { set: [{ name: text, value: 'a' }] } }),
    },
    {
      name: 'the value of a header',
      of: (text) => route('r', {}, to(['web', 1]), { responseHeaders: { set: [{ name: 'X-A', value: text }] } }),
    },
    { name: 'the Host', of: (text) => route('r', {}, to(['web', 1]), { backendHost: text }) },
    { name: 'a source', of: (text) => route('r', {}, to(['web', 1]), { allowedSources: [text] }) },
    { name: 'the host of a redirect', of: (text) => route('r', {}, { kind: 'redirect', status: 302, host: text }) },
    { name: 'a location', of: (text) => route('r', {}, { kind: 'redirect', status: 302, location: text }) },
    {
      name: 'a content type',
      of: (text) => route('r', {}, { kind: 'respond', status: 200, contentType: text, body: 'a' }),
    },
    {
      name: 'a realm',
      of: (text) => route('r', {}, to(['web', 1]), { basicAuthentication: { realm: text, users: new Map() } }),
    },
    {
      name: 'a user',
      of: (text) =>
        route('r', {}, to(['web', 1]), {
          basicAuthentication: { realm: 'a', users: new Map([[text, '$1$salt$abcdefghijklmnopqrstuv']]) },
        }),
    },
    {
      name: 'the subject of a certificate',
      of: (text) => route('r', {}, to(['web', 1]), { clientCertificate: { ...clients, subject: text } }),
    },
    {
      name: 'a page for clients without a certificate',
      of: (text) => route('r', {}, to(['web', 1]), { clientCertificate: { ...clients, errorPage: text } }),
    },
    {
      name: 'an origin',
      of: (text) =>
        route('r', {}, to(['web', 1]), {
          cors: { origins: [text], methods: [], headers: [], exposedHeaders: [], credentials: false, maxAgeSeconds: 1 },
        }),
    },
    {
      name: 'methods of cross-origin requests',
      of: (text) =>
        route('r', {}, to(['web', 1]), {
          cors: {
            origins: ['*'],
            methods: [text],
            headers: [],
            exposedHeaders: [],
            credentials: false,
            maxAgeSeconds: 1,
          },
        }),
    },
    {
      name: 'the name of a cookie',
      of: (text) =>
        route(
          'r',
          {},
          {
            kind: 'forward',
            overrides: [{ on: 'cookie', match: { name: text, kind: 'present', value: '' }, pool: 'web' }],
            shares: [],
            keepsPool: false,
          },
        ),
    },
    {
      name: 'an address to ask',
      of: (text) =>
        route('r', {}, to(['web', 1]), {
          externalAuthentication: {
            url: `http://a/${text}`,
            signInParameter: 'rd',
            responseHeaders: [text],
            requestHeaders: [],
          },
        }),
    },
  ]
  // The first words of all lines of a configuration that was written without them.
  const directives = new Set(
    Object.values(samples).flatMap((sample) =>
      configuration(compiled(sample), options)
        .split('\n')
        .map((line) => line.trim().split(' ')[0]!),
    ),
  )
  for (const { name, of } of spots)
    it(`stays text as ${name}`, () => {
      for (const attack of attacks) {
        const text = configuration(compiled(routing([of(attack)], [pool('web', [1])])), options)
        for (const line of text.split('\n')) {
          assert.ok(!/[\0\r]/.test(line), JSON.stringify(line))
          assert.ok(directives.has(line.trim().split(' ')[0]!), JSON.stringify(line))
          assert.ok(
            !/^\s*(?:backend evil|http-request return status 200(?! content-type))/.test(line),
            JSON.stringify(line),
          )
        }
      }
    })

  it('is no line of a map', () => {
    const result = compiled(
      routing(
        [route('r', { path: { kind: 'prefix', path: '/a b\nevil.example/ to-0000' } }, to(['web', 1]))],
        [pool('web', [1])],
      ),
    )
    assert.deepEqual(
      result.matching.paths.map(([key]) => key),
      ['shop.example/a%20b%0Aevil.example/%20to-0000/'],
    )
  })

  it('closes a route whose protection cannot be written', () => {
    const result = compiled(
      routing([route('r', {}, to(['web', 1]), { allowedSources: ['10.0.0.0/8', 'everybody'] })], [pool('web', [1])]),
    )
    assert.deepEqual(
      [...result.left],
      [['r', ['"everybody" is not an address or a block of addresses; its requests get 503']]],
    )
    assert.equal(result.pools.size, 0)
  })
})

describe('withServers', () => {
  const given = (lasts: readonly number[], rest: Partial<Pool> = {}): Routing =>
    routing(
      [
        route('r', {}, to(['web', 1])),
        route('s', { path: { kind: 'prefix', path: '/s' } }, to(['web', 1]), { largestBody: 1 }),
      ],
      [pool('web', lasts, { affinity, ...rest }), pool('api', [9])],
    )
  it('is what a whole compilation gives', () => {
    const before = given([1, 2])
    for (const after of [given([2, 3]), given([]), given([1, 2])])
      assert.deepEqual(withServers(compiled(before), before, after), compiled(after))
  })
  it('is for servers alone', () => {
    const before = given([1, 2])
    for (const after of [
      given([1, 2], { balance: { kind: 'least-loaded' } }),
      { ...before, routes: before.routes.slice(1) },
      { ...before, pools: new Map([...before.pools].slice(1)) },
      { ...before, certificates: new Map() },
    ])
      assert.equal(withServers(compiled(before), before, after), undefined)
  })
})

describe('planChanges', () => {
  const of = (pools: readonly Pool[], rest: Partial<Routing> = {}, rules: Rules = {}): Compiled =>
    compiled(routing([route('r', {}, to(['web', 1]), rules)], pools, rest))
  const lines = (
    before: Compiled,
    after: Compiled,
    leaving: ReadonlySet<string> = new Set(),
  ): readonly string[] | undefined => {
    const changes = planChanges(before, after, leaving, options)
    if (changes === undefined) return undefined
    const { certificates, servers, maps, withdrawals, cleanUp } = changes
    return [
      ...[...certificates, ...servers].map(({ line }) => line),
      ...maps.flatMap(({ file, commands }) => commands?.map(({ line }) => line) ?? [`all of ${file}`]),
      ...[...withdrawals, ...cleanUp].map(({ line }) => line),
    ].map((line) =>
      line.replaceAll(/to-[0-9a-f]{16}/g, 'SECTION').replaceAll(/certificate-[0-9a-f]{16}/g, 'CERTIFICATE'),
    )
  }
  const one = of([pool('web', [1])])
  const two = of([pool('web', [1, 2])])

  it('changes nothing when nothing has changed', () => assert.deepEqual(lines(one, of([pool('web', [1])])), []))

  it('adds and withdraws servers in place', () => {
    const [second] = two.pools.values().next().value!.servers.slice(1)
    assert.deepEqual(lines(one, two), [
      `add server SECTION/${second!.name} 10.244.1.2:8080 id ${second!.id} pool-purge-delay 5s pool-max-conn -1`,
      `enable server SECTION/${second!.name}`,
    ])
    assert.deepEqual(lines(two, one), [`set server SECTION/${second!.name} state maint`])
    const [section] = two.pools.keys()
    assert.deepEqual(lines(one, two, new Set([`${section}/${second!.name}`])), [
      `set server SECTION/${second!.name} state ready`,
    ])
  })

  it('withdraws servers that drain, but not the last ones', () => {
    const draining = of([{ ...pool('web', []), servers: [server(1, true), server(2)] }])
    assert.deepEqual(lines(two, draining)?.length, 1)
    const all = of([{ ...pool('web', []), servers: [server(1, true), server(2, true)] }])
    assert.deepEqual(lines(two, all), [])
  })

  it('tells affinity cookies of servers that come and go', () => {
    const [before, after] = [[1], [2]].map((lasts) => of([pool('web', lasts, { affinity })]))
    assert.deepEqual(
      lines(before!, after!)?.map((line) => line.split(' ').slice(0, 2).join(' ')),
      ['add server', 'enable server', 'add map', 'del map', 'set server'],
    )
  })

  it('moves a route to a section that is there by the map alone', () => {
    const base = (path: string): Compiled =>
      compiled(
        routing(
          [route('r', {}, to(['web', 1])), route('s', { path: { kind: 'prefix', path } }, to(['api', 1]))],
          [pool('web', [1]), pool('api', [2])],
        ),
      )
    assert.deepEqual(lines(base('/a'), base('/b')), [
      'add map /run/haproxy/paths.map shop.example/b/ SECTION',
      'del map /run/haproxy/paths.map shop.example/a/',
    ])
    assert.deepEqual(lines(base('/a'), base('/a;disable')), ['all of paths.map'])
  })

  it('changes certificates in place, the next before the last', () => {
    const certificates = (key: string): Partial<Routing> => ({
      certificates: new Map([
        ['default', { chain: 'CHAIN', key: 'KEY' }],
        ['shop', { chain: 'CHAIN', key }],
      ]),
      serverNames: [{ host: { kind: 'exact', name: 'shop.example' }, certificate: 'shop' }],
    })
    assert.deepEqual(lines(of([pool('web', [1])], certificates('a')), of([pool('web', [1])], certificates('b'))), [
      'new ssl cert /run/haproxy/CERTIFICATE.pem',
      'set ssl cert /run/haproxy/CERTIFICATE.pem',
      'commit ssl cert /run/haproxy/CERTIFICATE.pem',
      'add ssl crt-list /run/haproxy/certificates.list',
      'del ssl crt-list /run/haproxy/certificates.list /run/haproxy/CERTIFICATE.pem',
      'del ssl cert /run/haproxy/CERTIFICATE.pem',
    ])
  })

  it('needs a new process for other rules', () => {
    assert.equal(lines(one, of([pool('web', [1])], {}, { largestBody: 1 })), undefined)
    assert.equal(lines(one, of([pool('web', [1], { protocol: 'grpc' })])), undefined)
  })
})

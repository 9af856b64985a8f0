// Every annotation of ingresses by real requests: from the objects through a routing to what a data plane does.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import type { IngressSpec } from '#api/networking/v1/ingress.ts'
import { annotations as known } from '#ingress/annotations/annotations.ts'
import { configMapOf, ingressOf, planned, rule, secretOf, serviceOf, sliceOf, toldOf } from '#ingress/plan/planned.ts'
import type { Routing } from '#ingress/routing.ts'
import { ask, authorityPem, echo, identity, startBackend, startServed, until } from './ingressDataPlaneFixture.ts'
import type { Ask, Backend, MakeDataPlane, Reply, Served } from './ingressDataPlaneFixture.ts'

type Annotations = Readonly<Record<string, string>>

interface Asked {
  readonly path?: string
  readonly ask?: Ask
  readonly https?: boolean
  /** Of whom a certificate is shown. */
  readonly certificate?: string
  /** How often; once unless told. */
  readonly times?: number
  /** What must hold of the answers. */
  readonly holds: (replies: readonly Reply[]) => void
}

interface Row {
  readonly annotations: Annotations
  /** `/ -> web` unless told. */
  readonly paths?: readonly string[]
  readonly spec?: Partial<IngressSpec>
  /** Of a second ingress, which is a canary to the service `api`. */
  readonly canary?: Annotations
  /** Services that nobody stands behind. */
  readonly idle?: readonly string[]
  readonly asked: readonly Asked[]
}

const host = 'shop.test'
const status = (wanted: number) => (replies: readonly Reply[]) =>
  assert.deepEqual(new Set(replies.map((reply) => reply.status)), new Set([wanted]))
const server = (wanted: string) => (replies: readonly Reply[]) =>
  assert.deepEqual(new Set(replies.map(({ echo: said }) => said.server)), new Set([wanted]))
const url =
  (wanted: string) =>
  ([reply]: readonly Reply[]) =>
    assert.equal(reply!.echo.url, wanted)
const seen =
  (name: string, wanted: string | undefined) =>
  ([reply]: readonly Reply[]) =>
    assert.equal(reply!.echo.headers[name], wanted)
const answered =
  (name: string, wanted: string | undefined) =>
  ([reply]: readonly Reply[]) =>
    assert.equal(reply!.headers[name], wanted)
const redirect =
  (code: number, to: string) =>
  ([reply]: readonly Reply[]) =>
    assert.deepEqual([reply!.status, reply!.headers.location], [code, to])
const cookieOf = ([reply]: readonly Reply[]): string => reply!.headers['set-cookie']?.[0] ?? ''
const cookie = (pattern: RegExp) => (replies: readonly Reply[]) => assert.match(cookieOf(replies), pattern)
const basic = (text: string): Ask => ({ headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` } })
const browser = (text: string, system = 'Windows NT 10.0; Win64; x64'): Ask => ({
  headers: { 'user-agent': `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) ${text}` },
})
const origin = (text: string): Ask => ({ headers: { origin: text } })
const preflight: Ask = {
  method: 'OPTIONS',
  headers: { origin: 'https://a.test', 'access-control-request-method': 'PUT' },
}
const large = { method: 'POST', body: 'x'.repeat(5_000) }
const sha = `{SHA}${createHash('sha1').update('secret').digest('base64')}`

const rows: readonly Row[] = [
  {
    annotations: { 'rewrite-target': '/$2', 'x-forwarded-prefix': '/api' },
    paths: ['/api(/|$)(.*) ~ -> web'],
    asked: [
      { path: '/api/a/b?c=d', holds: url('/a/b?c=d') },
      { path: '/API/a', holds: url('/a') },
      { path: '/api', holds: seen('x-forwarded-prefix', '/api') },
    ],
  },
  {
    annotations: { 'use-regex': 'true' },
    paths: ['/[a-c]+/x ~ -> web'],
    asked: [
      { path: '/abc/x', holds: status(200) },
      { path: '/d/x', holds: status(404) },
    ],
  },
  {
    annotations: { 'app-root': '/start' },
    asked: [
      { holds: ([reply]) => assert.match(`${reply!.status} ${reply!.headers.location}`, /^302 .*\/start$/) },
      { path: '/x', holds: status(200) },
    ],
  },
  {
    annotations: { 'preserve-trailing-slash': 'true', 'affinity-mode': 'persistent' },
    asked: [{ path: '/a/', holds: url('/a/') }],
  },
  { annotations: { affinity: 'cookie' }, asked: [{ holds: cookie(/^INGRESSCOOKIE=[^;]+;.*path=\//i) }] },
  {
    annotations: {
      affinity: 'cookie',
      'session-cookie-name': 'MY_SESSION',
      'session-cookie-path': '/app',
      'session-cookie-domain': 'shop.test',
      'session-cookie-max-age': '100',
      'session-cookie-secure': 'true',
      'session-cookie-samesite': 'Lax',
      'session-cookie-change-on-failure': 'true',
    },
    asked: [
      { holds: cookie(/^MY_SESSION=/) },
      { holds: cookie(/path=\/app(;|$)/i) },
      { holds: cookie(/domain=shop\.test(;|$)/i) },
      { holds: cookie(/max-age=100(;|$)/i) },
      { holds: cookie(/;\s*secure(;|$)/i) },
      { holds: cookie(/samesite=lax(;|$)/i) },
    ],
  },
  {
    annotations: {
      affinity: 'cookie',
      'session-cookie-samesite': 'None',
      'session-cookie-conditional-samesite-none': 'true',
    },
    asked: [
      { holds: cookie(/samesite=none(;|$)/i) },
      { ask: browser('Chrome/127.0.0.0 Safari/537.36'), holds: cookie(/samesite=none(;|$)/i) },
      { ask: browser('Chrome/60.0.3112.113 Safari/537.36'), holds: cookie(/^(?!.*samesite)INGRESSCOOKIE=.*httponly/i) },
      {
        ask: browser('Chrome/57.0.2987.108 UCBrowser/12.13.1.1005 Mobile', 'Linux; U; Android 9'),
        holds: cookie(/^(?!.*samesite)INGRESSCOOKIE=/i),
      },
      {
        ask: browser('Version/12.0 Mobile/15E148', 'iPhone; CPU iPhone OS 12_4 like Mac OS X'),
        holds: cookie(/^(?!.*samesite)/i),
      },
      {
        ask: browser('Version/12.1.2 Safari/605.1.15', 'Macintosh; Intel Mac OS X 10_14_6'),
        holds: cookie(/^(?!.*samesite)/i),
      },
    ],
  },
  {
    annotations: { affinity: 'cookie', 'session-cookie-expires': '200' },
    asked: [{ holds: cookie(/max-age=200(;|$)/i) }],
  },
  {
    annotations: {},
    canary: { 'canary-by-header': 'X-Canary', 'canary-by-cookie': 'try' },
    asked: [
      { times: 5, holds: server('web') },
      { ask: { headers: { 'x-canary': 'always' } }, times: 5, holds: server('api') },
      { ask: { headers: { 'x-canary': 'never', cookie: 'try=always' } }, times: 5, holds: server('web') },
      { ask: { headers: { cookie: 'a=b; try=always' } }, times: 5, holds: server('api') },
    ],
  },
  {
    annotations: {},
    canary: { 'canary-by-header': 'X-Canary', 'canary-by-header-value': 'eu' },
    asked: [
      { ask: { headers: { 'x-canary': 'eu' } }, holds: server('api') },
      { ask: { headers: { 'x-canary': 'always' } }, holds: server('web') },
    ],
  },
  {
    annotations: {},
    canary: { 'canary-by-header': 'X-Canary', 'canary-by-header-pattern': 'e[uv]' },
    asked: [
      { ask: { headers: { 'x-canary': 'in-eu-1' } }, holds: server('api') },
      { ask: { headers: { 'x-canary': 'us' } }, holds: server('web') },
    ],
  },
  {
    annotations: {},
    canary: { 'canary-weight': '500', 'canary-weight-total': '1000' },
    asked: [
      {
        times: 200,
        holds(replies) {
          const share = replies.filter(({ echo: said }) => said.server === 'api').length
          assert.ok(share > 60 && share < 140, `${share} of 200`)
        },
      },
    ],
  },
  {
    annotations: { affinity: 'cookie', 'affinity-canary-behavior': 'sticky' },
    canary: { 'canary-weight': '50' },
    asked: [],
  },
  {
    annotations: { 'ssl-redirect': 'true' },
    spec: { tls: [{ hosts: [host] }] },
    asked: [
      { path: '/a?b=c', holds: redirect(308, `https://${host}/a?b=c`) },
      { https: true, holds: status(200) },
    ],
  },
  { annotations: { 'ssl-redirect': 'false' }, spec: { tls: [{ hosts: [host] }] }, asked: [{ holds: status(200) }] },
  { annotations: { 'force-ssl-redirect': 'true' }, asked: [{ path: '/a', holds: redirect(308, `https://${host}/a`) }] },
  {
    annotations: { 'permanent-redirect': 'https://other.test/b', 'permanent-redirect-code': '308' },
    asked: [{ holds: redirect(308, 'https://other.test/b') }],
  },
  {
    annotations: { 'permanent-redirect': 'https://other.test$request_uri' },
    asked: [{ path: '/a?b=c', holds: redirect(301, 'https://other.test/a?b=c') }],
  },
  {
    annotations: { 'temporal-redirect': 'https://other.test/', 'temporal-redirect-code': '307' },
    asked: [{ holds: redirect(307, 'https://other.test/') }],
  },
  {
    annotations: { 'from-to-www-redirect': 'true' },
    asked: [
      {
        path: '/a',
        ask: { host: `www.${host}` },
        holds: ([reply]) =>
          assert.match(`${reply!.status} ${reply!.headers.location}`, /^308 http:\/\/shop\.test(:\d+)?\/a$/),
      },
    ],
  },
  { annotations: { 'server-alias': 'alias.test' }, asked: [{ ask: { host: 'alias.test' }, holds: server('web') }] },
  {
    annotations: { 'auth-type': 'basic', 'auth-secret': 'users', 'auth-realm': 'Who are you' },
    asked: [
      { holds: status(401) },
      { holds: ([reply]) => assert.match(String(reply!.headers['www-authenticate']), /^Basic realm="Who are you"/) },
      { ask: basic('ann:wrong'), holds: status(401) },
      { ask: basic('ann:secret'), holds: status(200) },
    ],
  },
  {
    annotations: { 'auth-type': 'basic', 'auth-secret': 'map', 'auth-secret-type': 'auth-map' },
    asked: [
      { ask: basic('ann:secret'), holds: status(200) },
      { ask: basic('bob:secret'), holds: status(401) },
    ],
  },
  {
    annotations: {
      'auth-url': 'http://auth.test/check',
      'auth-method': 'POST',
      'auth-response-headers': 'X-User',
      'auth-proxy-set-headers': 'more',
      'auth-request-redirect': 'https://shop.test/in',
    },
    asked: [
      { holds: status(403) },
      { ask: { headers: { 'x-pass': 'yes' } }, holds: seen('x-user', 'POST yes https://shop.test/in') },
    ],
  },
  {
    annotations: {
      'auth-url': 'http://auth.test/unknown',
      'auth-signin': 'https://shop.test/start',
      'auth-signin-redirect-param': 'back',
    },
    asked: [
      {
        path: '/a',
        holds: ([reply]) =>
          assert.match(`${reply!.status} ${reply!.headers.location}`, /^302 https:\/\/shop\.test\/start\?back=http/),
      },
    ],
  },
  {
    annotations: {
      'auth-tls-secret': 'shop/clients',
      'auth-tls-verify-depth': '0',
      'auth-tls-pass-certificate-to-upstream': 'true',
    },
    spec: { tls: [{ hosts: [host] }] },
    asked: [
      { holds: status(308) },
      { https: true, holds: status(400) },
      { https: true, certificate: 'client.test', holds: seen('ssl-client-subject-dn', 'CN=client.test') },
      {
        https: true,
        certificate: 'client.test',
        holds: ([reply]) => assert.match(reply!.echo.headers['ssl-client-cert']!, /^-----BEGIN%20CERTIFICATE-----%0A/),
      },
      // Whoever asks for another host by TLS.
      { https: true, ask: { tls: { serverName: 'other.test' } }, holds: status(421) },
    ],
  },
  {
    annotations: { 'auth-tls-secret': 'clients', 'auth-tls-verify-client': 'optional' },
    asked: [
      { https: true, holds: seen('ssl-client-verify', 'NONE') },
      { https: true, certificate: 'client.test', holds: seen('ssl-client-verify', 'SUCCESS') },
      { holds: seen('ssl-client-verify', 'NONE') },
    ],
  },
  {
    annotations: { 'auth-tls-secret': 'clients', 'auth-tls-verify-client': 'off' },
    asked: [{ https: true, holds: seen('ssl-client-verify', undefined) }],
  },
  {
    annotations: {
      'auth-tls-secret': 'clients',
      'auth-tls-match-cn': 'CN=client[.]',
      'auth-tls-error-page': 'https://www.test/certificates',
    },
    asked: [
      { holds: status(403) },
      { https: true, holds: redirect(302, 'https://www.test/certificates') },
      { https: true, certificate: 'client.test', holds: status(200) },
      { https: true, certificate: 'stranger.test', holds: status(403) },
    ],
  },
  { annotations: { 'whitelist-source-range': '10.0.0.0/8' }, asked: [{ holds: status(403) }] },
  { annotations: { 'allowlist-source-range': '127.0.0.1' }, asked: [{ holds: status(200) }] },
  { annotations: { 'denylist-source-range': '127.0.0.0/8' }, asked: [{ holds: status(403) }] },
  {
    annotations: { 'limit-rps': '1', 'limit-burst-multiplier': '2' },
    asked: [
      {
        times: 10,
        holds: (replies) => assert.ok(replies.some((reply) => reply.status === 503) && replies[0]!.status === 200),
      },
    ],
  },
  {
    annotations: { 'limit-rpm': '1', 'limit-burst-multiplier': '1' },
    asked: [{ times: 6, holds: (replies) => assert.ok(replies.some((reply) => reply.status === 503)) }],
  },
  {
    annotations: { 'limit-rps': '1', 'limit-burst-multiplier': '1', 'limit-whitelist': '127.0.0.0/8' },
    asked: [{ times: 10, holds: status(200) }],
  },
  {
    annotations: { 'limit-rps': '1', 'limit-burst-multiplier': '1', 'limit-allowlist': '127.0.0.1' },
    asked: [{ times: 10, holds: status(200) }],
  },
  { annotations: { 'limit-connections': '100' }, asked: [{ holds: status(200) }] },
  {
    annotations: { 'enable-cors': 'true' },
    asked: [
      { ask: origin('https://a.test'), holds: answered('access-control-allow-credentials', 'true') },
      { ask: preflight, holds: status(204) },
      { ask: preflight, holds: answered('access-control-max-age', '1728000') },
    ],
  },
  {
    annotations: {
      'enable-cors': 'true',
      'cors-allow-origin': 'https://a.test',
      'cors-allow-methods': 'PUT',
      'cors-allow-headers': 'X-A',
      'cors-expose-headers': 'X-B',
      'cors-allow-credentials': 'false',
      'cors-max-age': '600',
    },
    asked: [
      { ask: origin('https://a.test'), holds: answered('access-control-allow-origin', 'https://a.test') },
      { ask: origin('https://b.test'), holds: answered('access-control-allow-origin', undefined) },
      { ask: origin('https://a.test'), holds: answered('access-control-allow-credentials', undefined) },
      { ask: origin('https://a.test'), holds: answered('access-control-expose-headers', 'X-B') },
      { ask: preflight, holds: answered('access-control-allow-methods', 'PUT') },
      { ask: preflight, holds: answered('access-control-allow-headers', 'X-A') },
      { ask: preflight, holds: answered('access-control-max-age', '600') },
    ],
  },
  {
    annotations: {
      'proxy-connect-timeout': '1',
      'proxy-send-timeout': '1',
      'proxy-read-timeout': '1',
      'proxy-next-upstream': 'off',
    },
    asked: [{ path: '/slow', holds: status(504) }],
  },
  {
    annotations: {
      'proxy-next-upstream': 'error http_503',
      'proxy-next-upstream-tries': '3',
      'proxy-next-upstream-timeout': '5',
    },
    paths: ['/ -> mixed'],
    asked: [{ times: 10, holds: status(200) }],
  },
  { annotations: { 'proxy-body-size': '1k' }, asked: [{ ask: large, holds: status(413) }] },
  {
    annotations: { 'proxy-body-size': '8k' },
    asked: [{ ask: large, holds: ([reply]) => assert.equal(reply!.echo.bytes, 5_000) }],
  },
  {
    annotations: { 'proxy-request-buffering': 'off' },
    asked: [{ ask: large, holds: ([reply]) => assert.equal(reply!.echo.bytes, 5_000) }],
  },
  {
    annotations: {
      'backend-protocol': 'HTTPS',
      'proxy-ssl-secret': 'backend-ca',
      'proxy-ssl-verify': 'on',
      'proxy-ssl-name': 'backend.test',
      'proxy-ssl-server-name': 'on',
    },
    paths: ['/ -> tls'],
    asked: [{ holds: server('tls') }],
  },
  {
    annotations: {
      'backend-protocol': 'HTTPS',
      'proxy-ssl-secret': 'other-ca',
      'proxy-ssl-verify': 'on',
      'proxy-ssl-name': 'backend.test',
      'proxy-ssl-server-name': 'on',
    },
    paths: ['/ -> tls'],
    asked: [{ holds: ([reply]) => assert.ok(reply!.status >= 502) }],
  },
  { annotations: { 'upstream-vhost': 'inner.test' }, asked: [{ holds: seen('host', 'inner.test') }] },
  {
    annotations: { 'upstream-hash-by': '$http_x_user' },
    paths: ['/ -> both'],
    asked: [
      {
        ask: { headers: { 'x-user': 'ann' } },
        times: 10,
        holds: (replies) => assert.equal(new Set(replies.map(({ echo: said }) => said.server)).size, 1),
      },
    ],
  },
  {
    annotations: { 'load-balance': 'round_robin' },
    paths: ['/ -> both'],
    asked: [
      { times: 10, holds: (replies) => assert.equal(new Set(replies.map(({ echo: said }) => said.server)).size, 2) },
    ],
  },
  { annotations: { 'load-balance': 'ewma' }, paths: ['/ -> both'], asked: [{ times: 10, holds: status(200) }] },
  { annotations: { 'service-upstream': 'true' }, asked: [{ holds: server('service') }] },
  { annotations: { 'default-backend': 'api' }, idle: ['web'], asked: [{ holds: server('api') }] },
  {
    annotations: { 'custom-http-errors': '404,503', 'default-backend': 'api' },
    asked: [
      { path: '/missing?a=b', holds: server('web') },
      { path: '/missing', holds: server('api') },
      ...Object.entries({
        'x-code': '404',
        'x-original-uri': '/missing',
        'x-format': 'text/html',
        'x-namespace': 'shop',
        'x-ingress-name': 'web',
        'x-service-name': 'web',
        'x-service-port': '80',
      }).map(([name, value]) => ({
        path: '/missing',
        ask: { headers: { accept: 'text/html' } },
        holds: seen(name, value),
      })),
      { path: '/missing', ask: { headers: { 'x-request-id': 'mine' } }, holds: seen('x-request-id', 'mine') },
    ],
  },
  { annotations: { 'custom-headers': 'more' }, asked: [{ holds: answered('x-more', 'yes') }] },
]

const servicesOf = ['web', 'api', 'tls', 'both', 'mixed'] as const
const addressOf: Readonly<Record<string, readonly string[]>> = {
  web: ['192.0.2.1'],
  api: ['192.0.2.2'],
  tls: ['192.0.2.3'],
  both: ['192.0.2.1', '192.0.2.2'],
  mixed: ['192.0.2.1', '192.0.2.4'],
}
const clusterAddress = '192.0.2.9'

/** Ingresses never lead to loopback: the addresses of the plan are put in place of the backends'. */
function toLoopback(routing: Routing, portOf: ReadonlyMap<string, number>, authPort: number): Routing {
  const pools = [...routing.pools].map(([name, pool]) => {
    const servers = pool.servers.map((one) => ({ ...one, address: '127.0.0.1', port: portOf.get(one.address)! }))
    return [name, { ...pool, servers }] as const
  })
  const routes = routing.routes.map((route) => {
    const external = route.rules.externalAuthentication
    if (external === undefined) return route
    const to = external.url.replace('auth.test', `127.0.0.1:${authPort}`)
    return { ...route, rules: { ...route.rules, externalAuthentication: { ...external, url: to } } }
  })
  return { ...routing, routes, pools: new Map(pools) }
}

/** Each annotation changes what a real request meets. */
export function testAnnotations(name: string, make: MakeDataPlane): void {
  describe(`annotations served by ${name}`, () => {
    let served: Served
    const backends: Backend[] = []
    const portOf = new Map<string, number>()
    before(async () => {
      served = await startServed(make)
      const start = async (address: string, backend: Promise<Backend>): Promise<void> => {
        backends.push(await backend)
        portOf.set(address, backends.at(-1)!.port)
      }
      const web = echo('web')
      await start(
        '192.0.2.1',
        startBackend('web', (request, response) => {
          if (request.url === '/missing') response.writeHead(404).end('no such thing')
          else if (request.url !== '/slow') web(request, response)
        }),
      )
      await start('192.0.2.2', startBackend('api'))
      await start('192.0.2.3', startBackend('tls', echo('tls'), { tls: identity('backend.test') }))
      await start(
        '192.0.2.4',
        startBackend('broken', (_request, response) => response.writeHead(503).end()),
      )
      await start(clusterAddress, startBackend('service'))
      await start(
        'auth',
        startBackend('auth', ({ url: path, method, headers }, response) => {
          const { 'x-pass': pass, 'x-auth-request-redirect': to, 'x-more': more } = headers
          if (path?.startsWith('/unknown') === true) response.writeHead(401).end()
          else if (pass === undefined || more !== 'yes') response.writeHead(403).end()
          else response.writeHead(200, { 'X-User': `${method} ${String(pass)} ${String(to)}` }).end()
        }),
      )
    })
    after(async () => {
      for (const one of [served, ...backends]) await one?.[Symbol.asyncDispose]()
    })

    for (const { annotations, paths = ['/ -> web'], spec = {}, canary, idle = [], asked } of rows) {
      test(JSON.stringify({ ...annotations, ...canary }), async () => {
        const plan = planned({
          now: Date.now(),
          ingresses: [
            ingressOf('web', { rules: [rule(host, ...paths)], ...spec }, annotations),
            ...(canary === undefined
              ? []
              : [ingressOf('canary', { rules: [rule(host, '/ -> api')] }, { canary: 'true', ...canary })]),
          ],
          services: servicesOf.map((each) => serviceOf(each, { clusterIP: clusterAddress })),
          slices: servicesOf.filter((each) => !idle.includes(each)).map((each) => sliceOf(each, addressOf[each]!)),
          secrets: [
            secretOf('users', { auth: `ann:${sha}` }),
            secretOf('map', { ann: sha }),
            secretOf('backend-ca', { 'ca.crt': authorityPem() }),
            secretOf('clients', { 'ca.crt': authorityPem() }),
            secretOf('other-ca', { 'ca.crt': plainAuthority }),
          ],
          configMaps: [configMapOf('more', { 'X-More': 'yes' })],
        })
        assert.deepEqual(toldOf(plan), [])
        const own = identity('default.test')
        const routing = { ...plan.routing, certificates: new Map([...plan.routing.certificates, ['default', own]]) }
        const { left } = await served.plane.apply(toLoopback(routing, portOf, portOf.get('auth')!))
        assert.deepEqual([...left], [])
        for (const { path = '/', ask: how = {}, https = false, certificate, times = 1, holds } of asked) {
          const replies: Reply[] = []
          const tls = {
            serverName: host,
            ...(certificate === undefined ? {} : { certificate: identity(certificate) }),
          }
          const { tls: _, ...rest } = how
          const port = https ? served.https : served.http
          for (let at = 0; at < times; at++)
            replies.push(await ask(port, path, { host, ...(https ? { tls: { ...tls, ...how.tls } } : {}), ...rest }))
          holds(replies)
        }
        if (annotations['affinity-canary-behavior'] !== undefined) await staysWithPool(served)
      })
    }
  })
}

/** Whoever has the cookie of a pool stays with it although the lot would say otherwise. */
async function staysWithPool({ http }: Served): Promise<void> {
  let first: Reply | undefined
  await until('a canary answers', async () => (first = await ask(http, '/', { host })).echo.server === 'api')
  const own = cookieOf([first!]).split(';')[0]!
  for (let at = 0; at < 20; at++) {
    const reply = await ask(http, '/', { host, headers: { cookie: own } })
    assert.equal(reply.echo.server, 'api')
  }
}

/** An authority that vouches for nobody here. */
const plainAuthority = identity('stranger.test').chain

test('every annotation is shown by a request', () => {
  const shown = new Set([
    'canary',
    ...rows.flatMap(({ annotations, canary = {} }) => [...Object.keys(annotations), ...Object.keys(canary)]),
  ])
  assert.deepEqual(
    Object.keys(known).filter((name) => !shown.has(name)),
    [],
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { configMapOf, ingressOf, planned, rule, secretOf, toldOf, type World } from '../plan/planned.ts'
import type { Action, Pool, Rules } from '../routing.ts'

const usualRules: Rules = {
  largestBody: 1024 * 1024,
  timeouts: { connect: 5_000, read: 60_000, send: 60_000 },
  retry: { tries: 3, timeout: 0, on: new Set(['connect', 'timeout']), also: 'safe' },
  buffersRequests: true,
}
const usualPool: Omit<Pool, 'name' | 'servers'> = { protocol: 'http', balance: { kind: 'round-robin' } }
const cookie = { name: 'INGRESSCOOKIE', path: '/app', secure: false, changeOnFailure: false }
const forward = (...pools: readonly (readonly [string, number])[]) => ({
  kind: 'forward' as const,
  overrides: [],
  shares: pools.map(([pool, weight]) => ({ pool, weight })),
  keepsPool: false,
})

interface Row {
  readonly annotations: Readonly<Record<string, string>>
  /** What differs from what is usual. */
  readonly rules?: Rules
  readonly pool?: Partial<Pool>
  readonly action?: Action
  readonly world?: Partial<World>
  readonly path?: string
}

const users = secretOf('users', { auth: 'ann:$apr1$x$y\n# nobody\nbad line\nbob:{SHA}abc=\n' })
const more = configMapOf('more', { 'X-More': 'yes' })

const rows: readonly Row[] = [
  { annotations: {} },
  { annotations: { 'preserve-trailing-slash': 'true', 'affinity-mode': 'persistent', 'use-regex': 'false' } },
  {
    annotations: { 'rewrite-target': '/$1' },
    path: '/app(.*)',
    rules: { rewrite: { kind: 'template', template: '/$1' } },
  },
  { annotations: { 'rewrite-target': '/app' } },
  {
    annotations: { 'rewrite-target': '/', 'x-forwarded-prefix': '/app' },
    rules: {
      rewrite: { kind: 'template', template: '/' },
      requestHeaders: { set: [{ name: 'X-Forwarded-Prefix', value: '/app' }] },
    },
  },
  { annotations: { 'x-forwarded-prefix': '/app' } },
  { annotations: { affinity: 'cookie' }, pool: { affinity: cookie } },
  {
    annotations: {
      affinity: 'cookie',
      'session-cookie-name': 'MY_SESSION',
      'session-cookie-path': '/',
      'session-cookie-domain': 'a.example',
      'session-cookie-expires': '100',
      'session-cookie-max-age': '172800',
      'session-cookie-secure': 'true',
      'session-cookie-samesite': 'Lax',
      'session-cookie-change-on-failure': 'true',
    },
    pool: {
      affinity: {
        name: 'MY_SESSION',
        path: '/',
        domain: 'a.example',
        maxAgeSeconds: 172_800,
        secure: true,
        sameSite: 'Lax',
        changeOnFailure: true,
      },
    },
  },
  {
    annotations: { affinity: 'cookie', 'session-cookie-expires': '100' },
    pool: { affinity: { ...cookie, maxAgeSeconds: 100 } },
  },
  { annotations: { 'session-cookie-name': 'MY_SESSION' } },
  { annotations: { 'force-ssl-redirect': 'true' }, rules: { requireTls: { status: 308, port: 443 } } },
  { annotations: { 'ssl-redirect': 'true' } },
  {
    annotations: { 'permanent-redirect': 'http://b.example:8080', 'permanent-redirect-code': '308' },
    action: { kind: 'redirect', status: 308, location: 'http://b.example:8080' },
  },
  {
    annotations: { 'permanent-redirect': '$scheme://b.example:8080$request_uri' },
    action: { kind: 'redirect', status: 301, host: 'b.example', port: 8080 },
  },
  {
    annotations: { 'temporal-redirect': 'https://$host/new?a=1', 'permanent-redirect': 'http://b.example' },
    action: { kind: 'redirect', status: 302, scheme: 'https', path: '/new?a=1' },
  },
  {
    annotations: { 'auth-type': 'basic', 'auth-secret': 'users', 'auth-realm': 'Who are you' },
    world: { secrets: [users] },
    rules: {
      basicAuthentication: {
        realm: 'Who are you',
        users: new Map([
          ['ann', '$apr1$x$y'],
          ['bob', '{SHA}abc='],
        ]),
      },
    },
  },
  {
    annotations: { 'auth-type': 'basic', 'auth-secret': 'shop/map', 'auth-secret-type': 'auth-map' },
    world: { secrets: [secretOf('map', { ann: '$2y$05$abc' })] },
    rules: { basicAuthentication: { realm: '', users: new Map([['ann', '$2y$05$abc']]) } },
  },
  {
    annotations: {
      'auth-url': 'https://$host/oauth2/auth',
      'auth-signin': 'https://$host/oauth2/start?rd=$escaped_request_uri',
      'auth-response-headers': 'X-User, X-Email',
      'auth-proxy-set-headers': 'more',
      'auth-request-redirect': 'https://a.example/app',
    },
    world: { configMaps: [more] },
    rules: {
      externalAuthentication: {
        url: 'https://a.example/oauth2/auth',
        signIn: 'https://a.example/oauth2/start',
        signInParameter: 'rd',
        responseHeaders: ['X-User', 'X-Email'],
        requestHeaders: [
          { name: 'X-Auth-Request-Redirect', value: 'https://a.example/app' },
          { name: 'X-More', value: 'yes' },
        ],
      },
    },
  },
  {
    annotations: {
      'auth-url': 'http://auth.shop.svc.cluster.local:8080/check',
      'auth-method': 'POST',
      'auth-signin': 'https://b.example/in?rd=1',
      'auth-signin-redirect-param': 'back',
    },
    rules: {
      externalAuthentication: {
        url: 'http://auth.shop.svc.cluster.local:8080/check',
        method: 'POST',
        signIn: 'https://b.example/in?rd=1',
        signInParameter: 'back',
        responseHeaders: [],
        requestHeaders: [],
      },
    },
  },
  {
    annotations: { 'enable-cors': 'true' },
    rules: {
      cors: {
        origins: ['*'],
        methods: ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'OPTIONS'],
        headers: [
          'DNT',
          'Keep-Alive',
          'User-Agent',
          'X-Requested-With',
          'If-Modified-Since',
          'Cache-Control',
          'Content-Type',
          'Range',
          'Authorization',
        ],
        exposedHeaders: [],
        credentials: true,
        maxAgeSeconds: 1_728_000,
      },
    },
  },
  {
    annotations: {
      'enable-cors': 'true',
      'cors-allow-origin': 'https://*.example.com, http://b.example:8080',
      'cors-allow-methods': 'GET, PUT',
      'cors-allow-headers': 'X-A,X-B',
      'cors-expose-headers': 'X-C',
      'cors-allow-credentials': 'false',
      'cors-max-age': '600',
    },
    rules: {
      cors: {
        origins: ['https://*.example.com', 'http://b.example:8080'],
        methods: ['GET', 'PUT'],
        headers: ['X-A', 'X-B'],
        exposedHeaders: ['X-C'],
        credentials: false,
        maxAgeSeconds: 600,
      },
    },
  },
  { annotations: { 'cors-allow-methods': 'GET' } },
  {
    annotations: { 'proxy-connect-timeout': '1', 'proxy-read-timeout': '3600', 'proxy-send-timeout': '120s' },
    rules: { timeouts: { connect: 1_000, read: 3_600_000, send: 120_000 } },
  },
  {
    annotations: {
      'proxy-next-upstream': 'error invalid_header http_502 non_idempotent',
      'proxy-next-upstream-tries': '2',
      'proxy-next-upstream-timeout': '10',
    },
    rules: { retry: { tries: 2, timeout: 10_000, on: new Set(['connect', 'invalid', '502']), also: 'all' } },
  },
  {
    annotations: { 'proxy-next-upstream': 'off' },
    rules: { retry: { tries: 1, timeout: 0, on: new Set(), also: 'safe' } },
  },
  { annotations: { 'proxy-body-size': '8m' }, rules: { largestBody: 8 * 1024 * 1024 } },
  { annotations: { 'proxy-body-size': '0' }, rules: { largestBody: 0 } },
  { annotations: { 'proxy-request-buffering': 'off' }, rules: { buffersRequests: false } },
  {
    annotations: {
      'limit-rps': '5',
      'limit-rpm': '100',
      'limit-connections': '3',
      'limit-burst-multiplier': '2',
      'limit-whitelist': '10.0.0.0/8',
    },
    rules: {
      rateLimit: {
        requestsPerSecond: 5,
        requestsPerMinute: 100,
        connections: 3,
        burstMultiplier: 2,
        unlimitedSources: ['10.0.0.0/8'],
        status: 503,
      },
    },
  },
  {
    annotations: { 'limit-rps': '5', 'limit-allowlist': '192.0.2.1' },
    rules: { rateLimit: { requestsPerSecond: 5, burstMultiplier: 5, unlimitedSources: ['192.0.2.1/32'], status: 503 } },
  },
  { annotations: { 'limit-burst-multiplier': '2', 'limit-rpm': '0' } },
  {
    annotations: { 'whitelist-source-range': '10.0.0.0/8, 192.0.2.1' },
    rules: { allowedSources: ['10.0.0.0/8', '192.0.2.1/32'] },
  },
  {
    annotations: { 'allowlist-source-range': '2001:db8::/32', 'denylist-source-range': '2001:db8::1' },
    rules: { allowedSources: ['2001:db8::/32'], deniedSources: ['2001:db8::1/128'] },
  },
  { annotations: { 'backend-protocol': 'HTTP' } },
  { annotations: { 'backend-protocol': 'GRPC' }, pool: { protocol: 'grpc' } },
  { annotations: { 'backend-protocol': 'HTTPS' }, pool: { protocol: 'https', tls: {} } },
  {
    annotations: { 'backend-protocol': 'GRPCS', 'proxy-ssl-server-name': 'on', 'proxy-ssl-name': 'b.example' },
    pool: { protocol: 'grpcs', tls: { serverName: 'b.example' } },
  },
  { annotations: { 'upstream-vhost': 'B.example:8080' }, rules: { backendHost: 'b.example:8080' } },
  { annotations: { 'upstream-hash-by': '$request_uri' }, pool: { balance: { kind: 'hash', by: 'path' } } },
  { annotations: { 'upstream-hash-by': '$binary_remote_addr' }, pool: { balance: { kind: 'hash', by: 'source' } } },
  {
    annotations: { 'upstream-hash-by': '$http_x_user' },
    pool: { balance: { kind: 'hash', by: { header: 'x-user' } } },
  },
  { annotations: { 'load-balance': 'ewma' }, pool: { balance: { kind: 'least-loaded' } } },
  { annotations: { 'load-balance': 'round_robin' } },
  {
    annotations: { 'custom-headers': 'shop/more' },
    world: { configMaps: [more] },
    rules: { responseHeaders: { set: [{ name: 'X-More', value: 'yes' }] } },
  },
]

for (const { annotations, rules = {}, pool = {}, action, world = {}, path = '/app' } of rows) {
  test(`annotations: ${JSON.stringify(annotations)}`, () => {
    const plan = planned({
      ingresses: [ingressOf('web', { rules: [rule('a.example', `${path} -> web`)] }, annotations)],
      ...world,
    })
    assert.deepEqual(toldOf(plan), [])
    const route = plan.routing.routes[0]!
    assert.deepEqual(route.rules, { ...usualRules, ...rules })
    if (action !== undefined) return assert.deepEqual(route.action, action)
    const [made] = plan.routing.pools.values()
    assert.deepEqual(route.action, forward([made!.name, 1]))
    const { name: _name, servers: _servers, ...options } = made!
    assert.deepEqual(options, { ...usualPool, ...pool })
  })
}

const canaryRows: readonly {
  readonly annotations: Readonly<Record<string, string>>
  readonly main?: Readonly<Record<string, string>>
  readonly action: Partial<Action>
}[] = [
  {
    annotations: { 'canary-weight': '25', 'canary-weight-total': '50' },
    action: forward(['shop/web/80', 25], ['shop/api/80', 25]),
  },
  { annotations: { 'canary-weight': '200' }, action: forward(['shop/web/80', 0], ['shop/api/80', 100]) },
  {
    annotations: { 'canary-by-header': 'X-Canary' },
    action: {
      ...forward(['shop/web/80', 100], ['shop/api/80', 0]),
      overrides: [
        { on: 'header', match: { name: 'X-Canary', kind: 'exact', value: 'always' }, pool: 'shop/api/80' },
        { on: 'header', match: { name: 'X-Canary', kind: 'exact', value: 'never' }, pool: 'shop/web/80' },
      ],
    },
  },
  {
    annotations: {
      'canary-by-header': 'X-Canary',
      'canary-by-header-value': 'eu',
      'canary-by-header-pattern': 'x',
      'canary-by-cookie': 'try',
    },
    action: {
      ...forward(['shop/web/80', 100], ['shop/api/80', 0]),
      overrides: [
        { on: 'header', match: { name: 'X-Canary', kind: 'exact', value: 'eu' }, pool: 'shop/api/80' },
        { on: 'cookie', match: { name: 'try', kind: 'exact', value: 'always' }, pool: 'shop/api/80' },
        { on: 'cookie', match: { name: 'try', kind: 'exact', value: 'never' }, pool: 'shop/web/80' },
      ],
    },
  },
  {
    annotations: { 'canary-by-header': 'X-Canary', 'canary-by-header-pattern': '^(eu|us)$' },
    action: {
      ...forward(['shop/web/80', 100], ['shop/api/80', 0]),
      overrides: [
        { on: 'header', match: { name: 'X-Canary', kind: 'pattern', value: '.*(?:^(eu|us)$).*' }, pool: 'shop/api/80' },
      ],
    },
  },
]

for (const { annotations, action } of canaryRows) {
  test(`canary: ${JSON.stringify(annotations)}`, () => {
    const plan = planned({
      ingresses: [
        ingressOf('web', { rules: [rule('a.example', '/ -> web')] }),
        ingressOf('canary', { rules: [rule('a.example', '/ -> api')] }, { canary: 'true', ...annotations }),
      ],
    })
    assert.deepEqual(toldOf(plan), [])
    assert.deepEqual(plan.routing.routes[0]!.action, action)
  })
}

for (const [behavior, keepsPool] of [
  ['sticky', true],
  ['legacy', false],
] as const) {
  test(`canary with affinity: ${behavior}`, () => {
    const plan = planned({
      ingresses: [
        ingressOf(
          'web',
          { rules: [rule('a.example', '/ -> web')] },
          { affinity: 'cookie', 'affinity-canary-behavior': behavior },
        ),
        ingressOf('canary', { rules: [rule('a.example', '/ -> api')] }, { canary: 'true', 'canary-weight': '10' }),
      ],
    })
    const { action } = plan.routing.routes[0]!
    assert.equal(action.kind === 'forward' && action.keepsPool, keepsPool)
    const [main, canary] = [...plan.routing.pools.values()]
    assert.equal(main?.affinity?.name, 'INGRESSCOOKIE')
    assert.deepEqual(canary?.affinity, keepsPool ? main?.affinity : undefined)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { World } from './planned.ts'
import { backendOf, ingressOf, planned, routesOf, rule, serviceOf, sliceOf, toldOf } from './planned.ts'

const web = (annotations: Readonly<Record<string, string>> = {}, ...paths: readonly string[]): World => ({
  ingresses: [
    ingressOf('web', { rules: [rule('a.example', ...(paths.length === 0 ? ['/ -> web'] : paths))] }, annotations),
  ],
})

const rows: readonly {
  readonly name: string
  readonly world: World
  readonly routes: readonly string[]
  readonly told?: readonly string[]
}[] = [
  { name: 'nothing', world: { ingresses: [] }, routes: [] },
  {
    name: 'exact paths, then the longest prefix by elements; a host is nobody else’s',
    world: web({}, '/api -> api', '/ = -> other', '/api/v1/ -> web', '/api = -> other'),
    routes: [
      'a.example exact /api -> shop/other/80',
      'a.example exact / -> shop/other/80',
      'a.example prefix /api/v1 -> shop/web/80',
      'a.example prefix /api -> shop/api/80',
      'a.example prefix / -> 404',
    ],
  },
  {
    name: 'hosts by name, then wildcards, then every host',
    world: {
      ingresses: [
        ingressOf('web', {
          rules: [rule('', '/ -> web'), rule('*.example', '/ -> api'), rule('B.example', '/ -> other')],
        }),
      ],
    },
    routes: ['b.example prefix / -> shop/other/80', '*.example prefix / -> shop/api/80', '* prefix / -> shop/web/80'],
  },
  {
    name: 'ImplementationSpecific compares text, as ingress-nginx does',
    world: web({}, '/a.b ~ -> web', ' ~ -> api'),
    routes: ['a.example pattern /a\\.b -> shop/web/80', 'a.example prefix / -> shop/api/80'],
  },
  {
    name: 'the default backend of an ingress answers for its hosts, one without rules for every host',
    world: {
      ingresses: [
        ingressOf('web', { rules: [rule('a.example', '/x -> web')], defaultBackend: backendOf('api') }),
        ingressOf('rest', { defaultBackend: backendOf('other') }),
      ],
    },
    routes: ['a.example prefix /x -> shop/web/80', 'a.example prefix / -> shop/api/80', '* prefix / -> shop/other/80'],
  },
  {
    name: 'of two ingresses with one path the older one has it',
    world: {
      ingresses: [
        ingressOf('young', { rules: [rule('a.example', '/ -> api')] }, {}, 1),
        ingressOf('old', { rules: [rule('a.example', '/ -> web')] }, {}, 2),
      ],
    },
    routes: ['a.example prefix / -> shop/web/80'],
    told: ['shop/young ConflictingPath: Path "/" of host a.example is served by the older ingress shop/old'],
  },
  {
    name: 'rewrite-target makes all paths of the host patterns without regard to case',
    world: {
      ingresses: [
        ingressOf('web', { rules: [rule('a.example', '/api(/|$)(.*) ~ -> api')] }, { 'rewrite-target': '/$2' }),
        ingressOf('other', { rules: [rule('a.example', '/ -> web', '/Exact = -> other')] }),
      ],
    },
    routes: [
      'a.example pattern/i /api(/|$)(.*) -> shop/api/80',
      'a.example pattern/i /Exact -> shop/other/80',
      'a.example pattern/i / -> shop/web/80',
    ],
  },
  {
    name: 'a pattern that could be slow is refused, and the host without it has no page',
    world: web({ 'use-regex': 'true' }, '/(?=x) ~ -> web'),
    routes: ['a.example prefix / -> 404'],
    told: [
      'shop/web InvalidPath: Path "/(?=x)" cannot be served: it must be a regular expression in RE2\'s syntax, as annotations of its host ask for: error parsing regexp: invalid or unsupported Perl syntax: `(?=`',
    ],
  },
  {
    name: 'paths and hosts that could end a line or a word are refused',
    world: {
      ingresses: [
        ingressOf('web', { rules: [rule('a.example'), rule('a.example; drop', '/ -> web')] }),
        ingressOf('api', {
          rules: [
            { host: 'a.example', http: { paths: [{ path: '/a"\nb', pathType: 'Prefix', backend: backendOf('web') }] } },
          ],
        }),
      ],
    },
    routes: ['a.example prefix / -> 404'],
    told: [
      'shop/api InvalidPath: Path "/a\\"\\nb" cannot be served: it must consist of printable ASCII characters without spaces and quotes',
      'shop/web InvalidHost: Host "a.example; drop" cannot be served: it must be a name such as shop.example.com or *.example.com',
    ],
  },
  {
    name: 'a service that is not there, has no such port or nobody behind it',
    world: { ...web({}, '/a -> none', '/b -> web:81', '/c -> api'), slices: [] },
    routes: [
      'a.example prefix /a -> shop/none/80',
      'a.example prefix /b -> shop/web/81',
      'a.example prefix /c -> shop/api/80',
      'a.example prefix / -> 404',
    ],
    told: [
      'shop/web BackendUnavailable: Path "/a": there is no service none',
      'shop/web BackendUnavailable: Path "/b": service web has no port 81',
    ],
  },
  {
    name: 'app-root, redirects and names with www',
    world: {
      ingresses: [
        ingressOf(
          'root',
          { rules: [rule('a.example', '/ -> web')] },
          { 'app-root': '/start', 'from-to-www-redirect': 'true' },
        ),
        ingressOf(
          'gone',
          { rules: [rule('b.example', '/ -> web')] },
          { 'permanent-redirect': 'https://a.example$request_uri' },
        ),
        ingressOf(
          'for-now',
          { rules: [rule('c.example', '/ -> web')] },
          { 'temporal-redirect': 'https://a.example/closed', 'temporal-redirect-code': '307' },
        ),
      ],
    },
    routes: [
      'a.example exact / -> 302 ///start',
      'a.example prefix / -> shop/web/80',
      'b.example prefix / -> 301 https//a.example',
      'c.example prefix / -> 307 https://a.example/closed',
      'www.a.example prefix / -> 308 //a.example',
    ],
  },
  {
    name: 'aliases have the routes of a host, unless they are hosts',
    world: {
      ingresses: [
        ingressOf('web', { rules: [rule('a.example', '/ -> web')] }, { 'server-alias': 'x.example, b.example' }),
        ingressOf('api', { rules: [rule('b.example', '/ -> api')] }),
      ],
    },
    routes: [
      'a.example prefix / -> shop/web/80',
      'b.example prefix / -> shop/api/80',
      'x.example prefix / -> shop/web/80',
    ],
    told: ['shop/web ConflictingHost: The alias b.example is a host of another ingress'],
  },
  {
    name: 'a canary takes a share of the same path',
    world: {
      ingresses: [
        ingressOf('main', { rules: [rule('a.example', '/ -> web')] }),
        ingressOf(
          'canary',
          { rules: [rule('a.example', '/ -> api', '/x -> api')] },
          { canary: 'true', 'canary-weight': '10' },
        ),
        ingressOf('second', { rules: [rule('a.example', '/ -> other')] }, { canary: 'true', 'canary-weight': '10' }),
      ],
    },
    routes: ['a.example prefix / -> shop/web/80 (90) + shop/api/80 (10)'],
    told: [
      'shop/canary CanaryWithoutMain: There is no ingress without canary for path "/x" of host a.example, so this one takes no requests',
      'shop/second ConflictingCanary: The canary of path "/" of host a.example is the older ingress shop/canary',
    ],
  },
  {
    name: 'another service answers while one has nobody',
    world: { ...web({ 'default-backend': 'other' }), slices: [sliceOf('other', ['10.244.0.3'])] },
    routes: ['a.example prefix / -> shop/other/80'],
  },
  {
    name: 'resources cannot be backends',
    world: {
      ingresses: [
        ingressOf('web', { defaultBackend: { resource: { apiGroup: 'a.example', kind: 'Bucket', name: 'b' } } }),
      ],
    },
    routes: ['* prefix / -> 503'],
    told: ['shop/web UnsupportedBackend: Path "/" asks for a resource; only services can be backends'],
  },
]

for (const { name, world, routes, told = [] } of rows) {
  test(`routing: ${name}`, () => {
    const plan = planned(world)
    assert.deepEqual(routesOf(plan), routes)
    assert.deepEqual(toldOf(plan).toSorted(), told.toSorted())
    assert.deepEqual(new Set(plan.routing.routes.map((route) => route.name)).size, plan.routing.routes.length)
  })
}

const ports = [
  { name: 'http', port: 80, targetPort: 'web' },
  { name: 'admin', port: 81, targetPort: 9000 },
]
const named = (endpoints: Parameters<typeof sliceOf>[1]) =>
  sliceOf('web', endpoints, {
    ports: [
      { name: 'http', port: 8080 },
      { name: 'admin', port: 9000 },
    ],
  })

const serverRows: readonly {
  readonly name: string
  readonly backend: string
  readonly world: Partial<World>
  readonly servers: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
  readonly told?: readonly string[]
}[] = [
  {
    name: 'a port by name, those that end are drained, those that are not ready left out',
    backend: 'web:admin',
    world: {
      services: [serviceOf('web', { ports })],
      slices: [
        named([
          { addresses: ['10.244.0.9'], conditions: { ready: true } },
          { addresses: ['10.244.0.1'], conditions: { ready: false, serving: true, terminating: true } },
          { addresses: ['10.244.0.2'], conditions: { ready: false, serving: false, terminating: true } },
          { addresses: ['10.244.0.3'], conditions: { ready: false } },
          { addresses: ['10.244.0.4'] },
        ]),
      ],
    },
    servers: ['10.244.0.1:9000 draining', '10.244.0.4:9000', '10.244.0.9:9000'],
  },
  {
    name: 'a port by that of the pods',
    backend: 'web:9000',
    world: { services: [serviceOf('web', { ports })], slices: [named(['10.244.0.1'])] },
    servers: ['10.244.0.1:9000'],
  },
  {
    name: 'slices of the first family only',
    backend: 'web',
    world: {
      services: [serviceOf('web', { ipFamilies: ['IPv6', 'IPv4'] })],
      slices: [sliceOf('web', ['10.244.0.1']), sliceOf('web', ['fd00::1'], { addressType: 'IPv6' })],
    },
    servers: ['[fd00::1]:8080'],
  },
  {
    name: 'never the node itself or its neighbours',
    backend: 'web',
    world: { slices: [sliceOf('web', ['127.0.0.1', '169.254.169.254', '10.244.0.1', '0.0.0.0'])] },
    servers: ['10.244.0.1:8080'],
    told: [
      'shop/web BackendUnavailable: Path "/": endpoints of service web with loopback, link-local and other special addresses are left out: 0.0.0.0, 127.0.0.1, 169.254.169.254',
    ],
  },
  {
    name: 'a name outside of the cluster',
    backend: 'web:8443',
    world: {
      services: [serviceOf('web', { type: 'ExternalName', externalName: 'api.example.com' })],
      addresses: { 'api.example.com': ['192.0.2.1', '192.0.2.2'] },
    },
    servers: ['192.0.2.1:8443', '192.0.2.2:8443'],
  },
  {
    name: 'a name that leads to the node itself',
    backend: 'web:10250',
    world: {
      services: [serviceOf('web', { type: 'ExternalName', externalName: 'api.example.com' })],
      addresses: { 'api.example.com': ['127.0.0.1'] },
    },
    servers: [],
    told: [
      'shop/web BackendUnavailable: Path "/": the external name api.example.com of service web leads to loopback or link-local addresses, which are refused',
    ],
  },
  {
    name: 'the address of the service alone',
    backend: 'web',
    annotations: { 'service-upstream': 'true' },
    world: {},
    servers: ['10.96.0.20:80'],
  },
]

for (const { name, backend, world, servers, annotations, told = [] } of serverRows) {
  test(`servers: ${name}`, () => {
    const plan = planned({
      ingresses: [ingressOf('web', { defaultBackend: backendOf(backend) }, annotations)],
      ...world,
    })
    const [pool] = plan.routing.pools.values()
    assert.deepEqual(
      pool?.servers.map(({ id, draining }) => `${id}${draining ? ' draining' : ''}`),
      servers,
    )
    assert.deepEqual(toldOf(plan), told)
  })
}

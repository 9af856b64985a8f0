import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  configMapOf,
  ingressOf,
  planned,
  routesOf,
  rule,
  secretOf,
  serviceOf,
  toldOf,
  type World,
} from '../plan/planned.ts'
import { annotations } from './annotations.ts'

interface Row {
  readonly annotations: Readonly<Record<string, string>>
  readonly world?: Partial<World>
  readonly told: readonly string[]
  /** Whether requests get 503 because nobody knows who may pass. */
  readonly closed?: true
}

const invalid = (name: string, value: string, right: string) =>
  `InvalidAnnotation: Annotation nginx.ingress.kubernetes.io/${name} is ${JSON.stringify(value)}; it must be ${right}`
const notServed = 'NotServed: Requests get 503 because an annotation that keeps requests away could not be understood'
const plainText = 'at most 8000 printable ASCII characters without quotes'
const snippet = 'snippets are refused: they would be instructions to the data plane of everybody'
const elsewhere = secretOf(
  'users',
  { auth: 'ann:$apr1$x$y', 'tls.crt': 'x', 'tls.key': 'y', 'ca.crt': 'z' },
  'kube-system',
)

const rows: readonly Row[] = [
  {
    annotations: { 'no-such': 'x' },
    told: ['UnknownAnnotation: Annotation nginx.ingress.kubernetes.io/no-such is not known and has no effect'],
  },
  {
    annotations: { constructor: 'x' },
    told: ['UnknownAnnotation: Annotation nginx.ingress.kubernetes.io/constructor is not known and has no effect'],
  },
  ...['configuration-snippet', 'server-snippet', 'stream-snippet', 'auth-snippet', 'modsecurity-snippet'].map(
    (name) => ({
      annotations: { [name]: 'return 200 "x";' },
      told: [`RefusedAnnotation: Annotation nginx.ingress.kubernetes.io/${name} has no effect: ${snippet}`],
    }),
  ),
  {
    annotations: { 'proxy-body-size': '8x' },
    told: [invalid('proxy-body-size', '8x', 'a size such as 8m, 512k or 1g, or 0 for no limit')],
  },
  {
    annotations: { 'canary-weight': '-1' },
    told: [invalid('canary-weight', '-1', 'a whole number from 0 to 1000000')],
  },
  { annotations: { 'ssl-redirect': 'yes' }, told: [invalid('ssl-redirect', 'yes', '"true" or "false"')] },
  {
    annotations: { 'backend-protocol': 'FCGI' },
    told: [invalid('backend-protocol', 'FCGI', 'HTTP, HTTPS, GRPC or GRPCS')],
  },
  {
    annotations: { 'upstream-hash-by': '$request_uri$host' },
    told: [
      invalid(
        'upstream-hash-by',
        '$request_uri$host',
        'one of $remote_addr, $request_uri, $host and $http_NAME for a header',
      ),
    ],
  },
  // What ended a directive of nginx.conf once (CVE-2021-25745, CVE-2021-25746, CVE-2021-25748, CVE-2023-5044).
  {
    annotations: { 'permanent-redirect': 'https://a.example;\n}\nlocation / {' },
    told: [invalid('permanent-redirect', 'https://a.example;\n}\nlocation / {', plainText)],
  },
  { annotations: { 'rewrite-target': '/a";' }, told: [invalid('rewrite-target', '/a";', plainText)] },
  {
    annotations: { 'rewrite-target': '/$uri' },
    told: [
      invalid('rewrite-target', '/$uri', 'a path such as / or /$1, in which $1 to $9 stand for groups of the path'),
    ],
  },
  {
    annotations: { 'session-cookie-path': '/; HttpOnly' },
    told: [invalid('session-cookie-path', '/; HttpOnly', 'a path such as /app')],
  },
  {
    annotations: { affinity: 'cookie', 'session-cookie-name': 'a=b; c' },
    told: [invalid('session-cookie-name', 'a=b; c', 'a name of letters, digits and hyphens such as X-Canary')],
  },
  {
    annotations: { 'upstream-vhost': 'a.example\r\nX-Admin: 1' },
    told: [invalid('upstream-vhost', 'a.example\r\nX-Admin: 1', plainText)],
  },
  {
    annotations: { 'canary-by-header-pattern': '(?=x)' },
    told: [
      invalid(
        'canary-by-header-pattern',
        '(?=x)',
        "a regular expression in RE2's syntax (error parsing regexp: invalid or unsupported Perl syntax: `(?=`)",
      ),
    ],
  },
  // CVE-2025-1097 and CVE-2025-24514: auth-tls-match-cn and auth-url as ways in.
  {
    annotations: { 'auth-url': 'http://a.example/#;}' },
    closed: true,
    told: [
      invalid(
        'auth-url',
        'http://a.example/#;}',
        'an http or https address such as http://auth.default.svc.cluster.local/check; of variables only $host as its host is understood',
      ),
      notServed,
    ],
  },
  ...[
    'http://127.0.0.1/x',
    'http://localhost/',
    'http://169.254.169.254/latest',
    'http://[::1]/',
    'http://0x7f.1/',
    'http://2130706433/',
  ].map((url): Row => ({
    annotations: { 'auth-url': url },
    closed: true,
    told: [
      invalid('auth-url', url, 'the address of another server: loopback and link-local addresses are refused'),
      notServed,
    ],
  })),
  {
    annotations: { 'auth-tls-secret': 'shop/nothing' },
    closed: true,
    told: ['InvalidAnnotation: Requests get 503 because there is no Secret shop/nothing'],
  },
  {
    annotations: { 'auth-tls-secret': 'elsewhere/authority' },
    closed: true,
    told: [
      'InvalidAnnotation: Requests get 503 because Secret elsewhere/authority is of another namespace; only those of namespace shop are used',
    ],
  },
  {
    annotations: { 'auth-tls-verify-client': 'on' },
    closed: true,
    told: ['InvalidAnnotation: Requests get 503 because auth-tls-verify-client needs auth-tls-secret'],
  },
  {
    annotations: { 'custom-http-errors': '404' },
    told: [
      'InvalidAnnotation: Annotation custom-http-errors has no effect without default-backend, which gives the pages',
    ],
  },
  {
    annotations: { 'custom-http-errors': '200', 'default-backend': 'web' },
    told: [invalid('custom-http-errors', '200', 'statuses from 400 to 599 separated by commas, such as 404,503')],
  },
  {
    annotations: { 'auth-tls-verify-client': 'maybe' },
    closed: true,
    told: [invalid('auth-tls-verify-client', 'maybe', '"on", "off", "optional" or "optional_no_ca"'), notServed],
  },
  {
    annotations: { 'auth-tls-match-cn': 'CN=(' },
    closed: true,
    told: [
      invalid(
        'auth-tls-match-cn',
        'CN=(',
        "a regular expression in RE2's syntax (error parsing regexp: missing closing ): `CN=(`)",
      ),
      notServed,
    ],
  },
  {
    annotations: { 'auth-type': 'digest', 'auth-secret': 'users' },
    closed: true,
    told: [invalid('auth-type', 'digest', '"basic"'), notServed],
  },
  {
    annotations: { 'whitelist-source-range': '10.0.0.0/33' },
    closed: true,
    told: [
      invalid(
        'whitelist-source-range',
        '10.0.0.0/33',
        'addresses or ranges separated by commas, such as 10.0.0.0/8,2001:db8::1',
      ),
      notServed,
    ],
  },
  {
    annotations: { 'auth-type': 'basic' },
    closed: true,
    told: ['InvalidAnnotation: Requests get 503 because auth-type needs auth-secret'],
  },
  {
    annotations: { 'auth-type': 'basic', 'auth-secret': 'users' },
    closed: true,
    told: ['InvalidAnnotation: Requests get 503 because there is no Secret shop/users'],
  },
  {
    annotations: { 'auth-type': 'basic', 'auth-secret': 'users' },
    world: { secrets: [secretOf('users', { auth: 'nobody' })] },
    closed: true,
    told: [
      'InvalidAnnotation: Requests get 503 because Secret users has no users with passwords as htpasswd writes them',
    ],
  },
  // Secrets of other namespaces (CVE-2025-24513 and the like).
  {
    annotations: { 'auth-type': 'basic', 'auth-secret': 'kube-system/users' },
    world: { secrets: [elsewhere] },
    closed: true,
    told: [
      'InvalidAnnotation: Requests get 503 because Secret kube-system/users is of another namespace; only those of namespace shop are used',
    ],
  },
  {
    annotations: { 'backend-protocol': 'HTTPS', 'proxy-ssl-secret': 'kube-system/users', 'proxy-ssl-verify': 'on' },
    world: { secrets: [elsewhere] },
    closed: true,
    told: [
      'InvalidAnnotation: Requests get 503 because backends cannot be checked as proxy-ssl-secret and proxy-ssl-verify ask: Secret kube-system/users is of another namespace; only those of namespace shop are used',
    ],
  },
  {
    annotations: { 'auth-url': 'http://a.example/', 'auth-proxy-set-headers': 'kube-system/more' },
    world: { configMaps: [configMapOf('more', { a: 'b' }, 'kube-system')] },
    closed: true,
    told: [
      'InvalidAnnotation: Requests get 503 because ConfigMap kube-system/more is of another namespace; only those of namespace shop are used',
    ],
  },
  {
    annotations: { 'auth-secret': '../kube-system/users', 'auth-type': 'basic' },
    closed: true,
    told: [
      invalid('auth-secret', '../kube-system/users', 'the name of an object of the same namespace'),
      'InvalidAnnotation: Requests get 503 because auth-type needs auth-secret',
      notServed,
    ],
  },
  {
    annotations: { 'custom-headers': 'more' },
    world: { configMaps: [configMapOf('more', { 'X-A': 'a\r\nSet-Cookie: b' })] },
    told: [
      'InvalidAnnotation: An annotation has no effect because header "X-A" of ConfigMap more cannot be set: names are letters, digits and hyphens, values printable without quotes and variables, and headers of the connection are not for others',
    ],
  },
]

for (const { annotations: given, world = {}, told, closed } of rows) {
  test(`refused: ${JSON.stringify(given)}`, () => {
    const plan = planned({ ingresses: [ingressOf('web', { rules: [rule('a.example', '/ -> web')] }, given)], ...world })
    assert.deepEqual(
      toldOf(plan).map((line) => line.replace('shop/web ', '')),
      told,
    )
    const { action } = plan.routing.routes[0]!
    assert.deepEqual(action.kind === 'respond' ? action.status : action.kind, closed === true ? 503 : 'forward')
  })
}

test('whatever an ingress says, data planes get texts without line breaks and quotes', () => {
  const names = [...Object.keys(annotations), 'configuration-snippet', 'no-such', '__proto__', 'constructor']
  const nasty = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 40 }),
    fc.constantFrom(
      'true',
      'on',
      '10',
      'cookie',
      'basic',
      'users',
      'kube-system/users',
      'https://a.example$request_uri',
      '/$1',
      'HTTPS',
      'always',
      '$host',
      '10.0.0.0/8',
    ),
    fc
      .tuple(
        fc.constantFrom('https://a.example', '/a', 'X-A', '10.0.0.1', 'a.example'),
        fc.constantFrom('\n', '"', "'", '`', '\r\nX: y', '\0', '\u2028', ' }', ';', '#'),
        fc.string({ maxLength: 5 }),
      )
      .map((parts) => parts.join('')),
  )
  const pathOf = fc.oneof(
    fc.constantFrom('/', '/a', '/a(.*)', ''),
    nasty.map((text) => `/${text}`),
  )
  const ingress = fc.record({
    annotations: fc.dictionary(fc.constantFrom(...names), nasty, { maxKeys: 12 }),
    host: fc.oneof(fc.constantFrom('', 'a.example', '*.a.example'), nasty),
    path: pathOf,
    pathType: fc.constantFrom('Exact' as const, 'Prefix' as const, 'ImplementationSpecific' as const),
    service: fc.constantFrom('web', 'none', 'outside'),
    secretName: fc.constantFrom(undefined, 'users', 'none'),
  })
  fc.assert(
    fc.property(fc.array(ingress, { maxLength: 4 }), nasty, (all, content) => {
      const plan = planned({
        ingresses: all.map(({ annotations: said, host, path, pathType, service, secretName }, index) =>
          ingressOf(
            `web-${index}`,
            {
              rules: [
                {
                  ...(host === '' ? {} : { host }),
                  http: { paths: [{ path, pathType, backend: { service: { name: service, port: { number: 80 } } } }] },
                },
              ],
              ...(secretName === undefined ? {} : { tls: [{ hosts: [host], secretName }] }),
            },
            said,
          ),
        ),
        services: [serviceOf('web'), serviceOf('outside', { type: 'ExternalName', externalName: content })],
        secrets: [secretOf('users', { auth: `ann:${content}`, 'tls.crt': content, 'tls.key': content })],
      })
      const { fallback: _fallback, certificates: _certificates, ...rest } = plan.routing
      for (const text of textsIn({ ...rest, routes: rest.routes.filter(({ action }) => action.kind !== 'respond') })) {
        assert.match(text, /^[^\p{C}\u2028\u2029"'`]*$/u)
      }
      routesOf(plan)
    }),
    { numRuns: 100 },
  )
})

function* textsIn(value: unknown): Generator<string> {
  if (typeof value === 'string') yield value
  else if (value instanceof Map) for (const [key, each] of value) yield* textsIn([key, each])
  else if (value instanceof Set || Array.isArray(value)) for (const each of value) yield* textsIn(each)
  else if (typeof value === 'object' && value !== null) for (const each of Object.entries(value)) yield* textsIn(each)
}

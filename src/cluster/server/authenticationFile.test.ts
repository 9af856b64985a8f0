import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { readAuthenticationFile } from './authenticationFile.ts'

const head = 'apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n'
const read = async (content: string) => {
  const surroundings = { audiences: ['api'], issuers: ['https://own'], clock: new SimulatedClock() }
  const { tokens, anonymous } = await readAuthenticationFile(() => Promise.resolve(content), '/a', surroundings)
  return { tokens: tokens.length, anonymous }
}

const provider = (url: string): string => `
- issuer: { url: '${url}', audiences: [a] }
  claimMappings: { username: { claim: sub, prefix: '' } }`

test('a file names providers, and where somebody is let in who shows nothing', async () => {
  assert.deepEqual(await read(head), { tokens: 0, anonymous: undefined })
  assert.deepEqual(await read(`${head}anonymous: { enabled: false }`), { tokens: 0, anonymous: false })
  assert.deepEqual(await read(`${head}anonymous: { enabled: true }`), { tokens: 0, anonymous: true })
  assert.deepEqual(
    await read(`${head}jwt:${provider('https://a')}${provider('https://b')}
anonymous: { enabled: true, conditions: [{ path: /livez }, { path: /readyz }] }`),
    { tokens: 2, anonymous: new Set(['/livez', '/readyz']) },
  )
})

const rows: readonly [what: string, content: string, expected: string | RegExp][] = [
  ['one of another kind', 'kind: Pod', /^\/a:1: kind is "Pod"; it must be one of "AuthenticationConfiguration"/m],
  [
    'conditions without effect',
    `${head}anonymous: { enabled: false, conditions: [{ path: / }] }`,
    '/a:3: anonymous.conditions needs enabled to be true',
  ],
  [
    'an own issuer',
    `${head}jwt:${provider('https://own')}`,
    '/a: jwt[0].issuer.url is an issuer of tokens of service accounts; it must be another one',
  ],
  [
    'the same provider twice',
    `${head}jwt:${provider('https://a')}${provider('https://a')}`,
    '/a:6: jwt[1].issuer.url was said already',
  ],
]
for (const [what, content, expected] of rows) {
  test(`a file with ${what} is refused`, async () => {
    await assert.rejects(read(content), typeof expected === 'string' ? { message: expected } : expected)
  })
}

/** The provider of a file with one, as YAML of its members. */
const mistakes: readonly [members: string, expected: readonly string[]][] = [
  [
    'issuer: { url: "http://a", audiences: [] }\n  claimMappings: {}',
    [
      '/a:4: jwt[0].issuer.url is "http://a"; it must be an https URL without query, fragment and user',
      '/a:4: jwt[0].issuer.audiences is []; it must have at least 1',
      '/a:5: jwt[0].claimMappings.username is missing; it must be claim, prefix, expression',
      '/a:5: jwt[0].claimMappings.username needs a claim or an expression',
    ],
  ],
  [
    'issuer: { url: "https://a", discoveryURL: "https://a/", audiences: [a, a, b], certificateAuthority: x }\n  claimMappings: { username: { claim: sub } }',
    [
      '/a:4: jwt[0].issuer.discoveryURL is "https://a/"; it must be another one than url',
      '/a:4: jwt[0].issuer.certificateAuthority holds no certificates: Cannot read certificates: no CERTIFICATE block in the PEM text',
      '/a:4: jwt[0].issuer.audiences[1] is "a"; it stands there already',
      '/a:4: jwt[0].issuer.audienceMatchPolicy must be MatchAny for several audiences',
      '/a:5: jwt[0].claimMappings.username.prefix is missing; it must be a text, which may be empty',
    ],
  ],
  [
    `issuer: { url: "https://a", audiences: [a] }
  claimMappings:
    username: { expression: claims.email, prefix: '' }
    groups: { claim: a, expression: b }
    uid: { expression: user }
    extra:
    - { key: foo, valueExpression: "''" }
    - { key: a.io/Foo, valueExpression: "''" }
    - { key: a.k8s.io/foo, valueExpression: "''" }
  claimValidationRules:
  - { claim: a, message: x }
  - { expression: claims.a, requiredValue: b }
  - {}
  userValidationRules:
  - { expression: user.name == 'a' }`,
    [
      '/a:6: jwt[0].claimMappings.username.prefix cannot be said of an expression',
      '/a:7: jwt[0].claimMappings.groups.claim and expression cannot be said together',
      "/a:8: jwt[0].claimMappings.uid.expression is \"user\"; it cannot be used: compilation failed: ERROR: <input>:1:1: undeclared reference to 'user' (in container '')\n | user\n | ^",
      '/a:10: jwt[0].claimMappings.extra[0].key is "foo"; it must be a domain, a slash and a path, such as example.org/foo',
      '/a:11: jwt[0].claimMappings.extra[1].key is "a.io/Foo"; it must be in lower case',
      '/a:12: jwt[0].claimMappings.extra[2].key is "a.k8s.io/foo"; k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes',
      '/a:14: jwt[0].claimValidationRules[0].message cannot be said of a claim',
      '/a:15: jwt[0].claimValidationRules[1].requiredValue cannot be said of an expression',
      '/a:15: jwt[0].claimValidationRules[1].expression is "claims.a"; it cannot be used: must evaluate to bool',
      '/a:16: jwt[0].claimValidationRules[2] needs a claim or an expression',
      "/a:18: jwt[0].userValidationRules[0].expression is \"user.name == 'a'\"; it cannot be used: compilation failed: ERROR: <input>:1:5: undefined field 'name'\n | user.name == 'a'\n | ....^",
      '/a:6: jwt[0].claimMappings.username.expression uses claims.email; then claims.email_verified must be used in claimMappings.username.expression, claimMappings.extra or claimValidationRules',
    ],
  ],
]
for (const [members, expected] of mistakes) {
  test(`every mistake of a provider is told: ${expected[0]!}`, async () => {
    const told = await read(`${head}jwt:\n- ${members}`).then(
      () => '',
      (error: Error) => error.message,
    )
    assert.deepEqual(new Set(told.split(/\n(?=\/a)/)), new Set(expected))
  })
}

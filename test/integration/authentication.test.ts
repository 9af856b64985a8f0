import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import { test } from 'node:test'
import { HttpServer } from '#lib/http/server.ts'
import { SimulatedClock } from '#lib/clock.ts'
import { certificatePem, createAuthority, generateKey, issueCertificate, privateKeyPem } from '#lib/pki/certificate.ts'
import { StatusError } from '#machinery/status.ts'
import { readAuthenticationFile } from '#cluster/server/authenticationFile.ts'
import { exportKeySet, TokenSigner } from '#lib/pki/token.ts'
import { oidcTokens } from '#server/authenticate/oidc.ts'
import { staticTokens } from '#server/authenticate/staticTokens.ts'
import type { TokenAuthenticator } from '#server/authenticate/tokenAuthenticator.ts'
import { startServer, type ServerFixture } from './apiServerFixture.ts'
import { listen, type HttpFixture } from './apiServerHttp.ts'

const reviews = '/apis/authentication.k8s.io/v1'
const rbac = '/apis/rbac.authorization.k8s.io/v1'
const apiGroup = 'rbac.authorization.k8s.io'
const audience = 'https://kubernetes.default.svc.cluster.local'
const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** A server that is asked over HTTP. */
async function serve(
  tokens: readonly TokenAuthenticator[] = [],
  settings: Parameters<typeof startServer>[0] = {},
): Promise<ServerFixture & { http: HttpFixture }> {
  const fixture = await startServer({ roles: true, tokenAuthenticators: tokens, ...settings })
  const http = await listen(fixture.server)
  return {
    ...fixture,
    http,
    async [Symbol.asyncDispose]() {
      await http[Symbol.asyncDispose]()
      await fixture[Symbol.asyncDispose]()
    },
  }
}

/** As whom the server sees a request with these headers, or what it says instead. */
async function seenAs(http: HttpFixture, headers: Record<string, string>): Promise<unknown> {
  const answer = await http.ask('POST', `${reviews}/selfsubjectreviews`, { headers, body: {} })
  const body = JSON.parse(answer.text)
  return answer.code === 201 ? body.status.userInfo : `${answer.code} ${body.message}`
}

const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` })

test('whoever may impersonate is seen as the other, and as nobody else', async () => {
  await using fixture = await serve()
  const { http, transport } = fixture
  const impersonates = (name: string, rules: object[]): Promise<unknown[]> =>
    Promise.all([
      transport.send({ method: 'POST', path: `${rbac}/clusterroles`, body: { metadata: { name }, rules } }),
      transport.send({
        method: 'POST',
        path: `${rbac}/clusterrolebindings`,
        body: {
          metadata: { name },
          roleRef: { apiGroup, kind: 'ClusterRole', name },
          subjects: [{ kind: 'User', name: 'joe' }],
        },
      }),
    ])
  await impersonates('some', [
    { apiGroups: [''], resources: ['users'], verbs: ['impersonate'], resourceNames: ['jane', 'system:anonymous'] },
    { apiGroups: [''], resources: ['groups'], verbs: ['impersonate'], resourceNames: ['dev'] },
    { apiGroups: [''], resources: ['serviceaccounts'], verbs: ['impersonate'], resourceNames: ['robot'] },
    {
      apiGroups: ['authentication.k8s.io'],
      resources: ['userextras/scopes'],
      verbs: ['impersonate'],
      resourceNames: ['view'],
    },
    { apiGroups: ['authentication.k8s.io'], resources: ['uids'], verbs: ['impersonate'], resourceNames: ['7'] },
  ])
  const refused = (what: string, resource: string, group = ''): string =>
    `403 ${what} is forbidden: User "joe" cannot impersonate resource "${resource}" in API group "${group}" at the cluster scope`
  const known = 'system:authenticated'
  const authentication = 'authentication.k8s.io'
  const rows: [Record<string, string>, unknown][] = [
    [{ 'impersonate-user': 'jane' }, { username: 'jane', groups: [known] }],
    [
      { 'impersonate-user': 'jane', 'impersonate-group': 'dev' },
      { username: 'jane', groups: ['dev', known] },
    ],
    [
      { 'impersonate-user': 'jane', 'impersonate-uid': '7', 'impersonate-extra-scopes': 'view' },
      { username: 'jane', uid: '7', groups: [known], extra: { scopes: ['view'] } },
    ],
    [
      { 'impersonate-user': 'system:serviceaccount:default:robot' },
      {
        username: 'system:serviceaccount:default:robot',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:default', known],
      },
    ],
    [{ 'impersonate-user': 'root' }, refused('users "root"', 'users')],
    [
      { 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' },
      refused('groups "system:masters"', 'groups'),
    ],
    [
      { 'impersonate-user': 'jane', 'impersonate-uid': '8' },
      refused(`uids.${authentication} "8"`, 'uids', authentication),
    ],
    [
      { 'impersonate-user': 'jane', 'impersonate-extra-scopes': 'write' },
      refused(`userextras.${authentication} "write"`, 'userextras/scopes', authentication),
    ],
    [
      { 'impersonate-user': 'jane', 'impersonate-extra-other%2fkey': 'view' },
      refused(`userextras.${authentication} "view"`, 'userextras/other/key', authentication),
    ],
    [{ 'impersonate-group': 'dev' }, '400 requested group "dev" without impersonating a user'],
    [
      { 'impersonate-user': 'system:serviceaccount:default:other' },
      '403 serviceaccounts "other" is forbidden: User "joe" cannot impersonate resource "serviceaccounts" in API group "" in the namespace "default"',
    ],
    // Whoever acts for nobody that is known has not even the rights of those who are.
    [
      { 'impersonate-user': 'system:anonymous' },
      '403 selfsubjectreviews.authentication.k8s.io is forbidden: User "system:anonymous" cannot create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
    ],
  ]
  for (const [headers, expected] of rows) {
    assert.deepEqual(await seenAs(http, { 'x-test-user': 'joe', ...headers }), expected, JSON.stringify(headers))
  }
})

test('the right to impersonate does not come with the right to do everything to users', async () => {
  await using fixture = await serve()
  const { http } = fixture
  const headers = { 'x-test-user': 'admin', 'impersonate-user': 'jane' }
  assert.equal((await http.ask('GET', '/api/v1/secrets', { headers })).code, 403)
  assert.equal((await http.ask('GET', '/api/v1/secrets', { headers: { 'x-test-user': 'admin' } })).code, 200)
})

test('tokens of a file are known', async () => {
  const file = 'abc,jane,1,"dev,ops"\n# nobody\nxyz, "joe ""the"" doe" ,2\n'
  await using fixture = await serve([staticTokens(file, [audience])])
  const { http } = fixture
  assert.deepEqual(await seenAs(http, bearer('abc')), {
    username: 'jane',
    uid: '1',
    groups: ['dev', 'ops', 'system:authenticated'],
  })
  assert.deepEqual(await seenAs(http, bearer('xyz')), {
    username: 'joe "the" doe',
    uid: '2',
    groups: ['system:authenticated'],
  })
  assert.equal(await seenAs(http, bearer('ab')), '401 Unauthorized')
  assert.throws(() => staticTokens('a,b', [audience]), /Line 1 of the token file must be/)
  assert.throws(() => staticTokens(',b,c', [audience]), /Line 1 of the token file has no token/)
  assert.throws(() => staticTokens('a,b,c,"d', [audience]), /Line 1/)
})

test('bootstrap tokens are good as long as their Secrets say so', async () => {
  await using fixture = await serve()
  const { http, transport, clock } = fixture
  const put = async (id: string, data: Record<string, string>): Promise<void> => {
    const all = {
      'token-id': id,
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-authentication': 'true',
      ...data,
    }
    const body = {
      metadata: { name: `bootstrap-token-${id}` },
      type: 'bootstrap.kubernetes.io/token',
      data: Object.fromEntries(Object.entries(all).map(([key, text]) => [key, base64(text)])),
    }
    await transport.send({ method: 'POST', path: '/api/v1/namespaces/kube-system/secrets', body })
  }
  const at = (seconds: number): string => new Date(clock.now() + seconds * 1_000).toISOString()
  await put('aaaaaa', { 'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token', expiration: at(60) })
  await put('bbbbbb', { expiration: at(-1) })
  await put('cccccc', { 'usage-bootstrap-authentication': 'false' })
  await put('dddddd', { 'auth-extra-groups': 'system:masters' })
  await put('eeeeee', { 'token-id': 'aaaaaa' })
  const rows: [string, unknown][] = [
    [
      'aaaaaa.0123456789abcdef',
      {
        username: 'system:bootstrap:aaaaaa',
        groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default-node-token', 'system:authenticated'],
      },
    ],
    ['aaaaaa.0123456789abcdee', '401 Unauthorized'],
    ['bbbbbb.0123456789abcdef', '401 Unauthorized'],
    ['cccccc.0123456789abcdef', '401 Unauthorized'],
    ['dddddd.0123456789abcdef', '401 Unauthorized'],
    ['eeeeee.0123456789abcdef', '401 Unauthorized'],
    ['ffffff.0123456789abcdef', '401 Unauthorized'],
  ]
  for (const [token, expected] of rows) assert.deepEqual(await seenAs(http, bearer(token)), expected, token)
})

test('what issues tokens says who it is and by which keys its tokens are checked', async () => {
  await using fixture = await serve()
  const { http, transport } = fixture
  const { body } = await transport.send({
    method: 'POST',
    path: '/api/v1/namespaces/default/serviceaccounts/default/token',
    body: { spec: { audiences: [] } },
  })
  const headers = bearer((body as { status: { token: string } }).status.token)
  const configuration = await http.ask('GET', '/.well-known/openid-configuration', { headers })
  assert.deepEqual(JSON.parse(configuration.text), {
    issuer: audience,
    jwks_uri: 'https://127.0.0.1:6443/openid/v1/jwks',
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  })
  const keys = await http.ask('GET', '/openid/v1/jwks', { headers })
  assert.equal(keys.headers['content-type'], 'application/jwk-set+json')
  assert.deepEqual(
    JSON.parse(keys.text).keys.map(({ use, kty, alg, crv }: Record<string, string>) => [use, kty, alg, crv]),
    [['sig', 'EC', 'ES256', 'P-256']],
  )
})

test('a request for a token means its account, and binds the token to what there is', async () => {
  await using fixture = await serve()
  const { transport } = fixture
  const account = await transport.send({ method: 'GET', path: '/api/v1/namespaces/default/serviceaccounts/default' })
  const { uid } = (account.body as { metadata: { uid: string } }).metadata
  const ask = async (body: object): Promise<unknown> => {
    const path = '/api/v1/namespaces/default/serviceaccounts/default/token'
    try {
      const { code, body: answer, warnings } = await transport.send({ method: 'POST', path, body })
      return [code, (answer as { metadata: { uid: string } }).metadata.uid, ...warnings]
    } catch (error) {
      if (!(error instanceof StatusError)) throw error
      return [error.status.code, error.message]
    }
  }
  const invalid = (name: string, why: string): [number, string] => [
    422,
    `TokenRequest.authentication.k8s.io "${name}" is invalid: ${why}`,
  ]
  const rows: readonly [object, unknown][] = [
    [{ metadata: { name: 'default', namespace: 'default' } }, [201, uid]],
    [
      { metadata: { name: 'other' } },
      invalid('default', 'metadata.name: Invalid value: "other": must match the service account name if specified'),
    ],
    [
      { metadata: { namespace: 'other' } },
      invalid(
        'default',
        'metadata.namespace: Invalid value: "other": must match the service account namespace if specified',
      ),
    ],
    [
      { metadata: { uid: 'other' } },
      [
        201,
        uid,
        `the UID in the token request (other) does not match the UID of the service account (${uid}) but TokenRequestServiceAccountUIDValidation is not enabled. In the future, this will return a conflict error`,
      ],
    ],
    [
      { spec: { expirationSeconds: 60 } },
      invalid('', 'spec.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes'),
    ],
    [
      { spec: { boundObjectRef: { apiVersion: 'v1', kind: 'ConfigMap', name: 'c' } } },
      [400, 'cannot bind token to object of type /v1, Kind=ConfigMap'],
    ],
  ]
  for (const [body, expected] of rows) assert.deepEqual(await ask({ spec: { audiences: [] }, ...body }), expected)
})

test('reviews of tokens ask every kind', async () => {
  await using fixture = await serve([staticTokens('abc,jane,1', [audience])])
  const { transport } = fixture
  const review = async (spec: object): Promise<unknown> => {
    const { body } = await transport.send({ method: 'POST', path: `${reviews}/tokenreviews`, body: { spec } })
    return (body as { status: unknown }).status
  }
  const jane = { username: 'jane', uid: '1', groups: ['system:authenticated'] }
  assert.deepEqual(await review({ token: 'abc' }), { authenticated: true, user: jane, audiences: [audience] })
  assert.deepEqual(await review({ token: 'abd' }), { user: {}, error: 'invalid bearer token' })
  assert.deepEqual(await review({ token: 'abc', audiences: ['vault'] }), {
    user: {},
    error: `invalid bearer token, token audiences ["${audience}"] are invalid for the target audiences ["vault"]`,
  })
})

interface Provider extends AsyncDisposable {
  readonly issuer: string
  readonly authority: string
  readonly signer: TokenSigner
  /** What it calls itself, where that is not the place where it is. */
  name?: string
}

/** A provider that publishes one key over TLS. */
async function startProvider(): Promise<Provider> {
  const validity = { notBefore: Date.now() - 60_000, notAfter: Date.now() + 3_600_000 }
  const authority = createAuthority({ commonName: 'provider' }, validity)
  const keys = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: 'localhost' },
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth'],
    addresses: ['127.0.0.1'],
    ...validity,
  })
  const signing = createPrivateKey(privateKeyPem(generateKey().privateKey))
  let issuer = ''
  const http = new HttpServer({
    async handler(request, reply) {
      const configuration = { issuer: provider.name ?? issuer, jwks_uri: `${issuer}/keys` }
      const document = request.path === '/keys' ? await exportKeySet([signing]) : configuration
      reply.send(200, { 'content-type': 'application/json' }, Buffer.from(JSON.stringify(document)))
    },
    tls: { certificate: certificatePem(certificate), key: privateKeyPem(keys.privateKey) },
  })
  const { port } = await http.listen({ host: '127.0.0.1', port: 0 })
  issuer = `https://127.0.0.1:${port}`
  const provider: Provider = {
    issuer,
    authority: certificatePem(authority.certificate),
    signer: new TokenSigner(signing),
    [Symbol.asyncDispose]: () => http.close(AbortSignal.abort()),
  }
  return provider
}

test('users of a provider are known by the tokens that it signed', async () => {
  await using provider = await startProvider()
  const clock = new SimulatedClock()
  const oidc = oidcTokens({
    issuer: provider.issuer,
    clientId: 'k8ts',
    usernameClaim: 'name',
    groupsClaim: 'groups',
    groupsPrefix: 'oidc:',
    requiredClaims: { tenant: 'a' },
    algorithms: ['ES256'],
    authority: provider.authority,
    serverAudiences: [audience],
    clock,
  })
  const now = Math.floor(clock.now() / 1_000)
  const good = { iss: provider.issuer, aud: 'k8ts', exp: now + 60, name: 'jane', groups: ['dev'], tenant: 'a' }
  const answerTo = async (claims: object, signer = provider.signer): Promise<unknown> =>
    oidc.verify(await signer.sign({ ...good, ...claims }), [audience])
  assert.deepEqual(await answerTo({}), {
    caller: { name: `${provider.issuer}#jane`, groups: ['oidc:dev'] },
    audiences: [audience],
  })
  assert.deepEqual(await answerTo({ groups: 'ops' }), {
    caller: { name: `${provider.issuer}#jane`, groups: ['oidc:ops'] },
    audiences: [audience],
  })
  assert.equal(await answerTo({ iss: 'https://another' }), undefined)
  const problems: [object, RegExp, TokenSigner?][] = [
    [{ aud: 'other' }, /unexpected "aud" claim value/],
    [{ exp: now - 1 }, /"exp" claim timestamp check failed/],
    [{ exp: undefined }, /missing required "exp" claim/],
    [{ tenant: 'b' }, /required claim tenant value does not match. Got = b, want = a/],
    [{ name: 7 }, /parse username claims "name": it is no text/],
    [{ groups: [7] }, /parse groups claim "groups": it is neither a text nor a list of texts/],
    [{}, /no applicable key found/, new TokenSigner(generateKey().privateKey)],
  ]
  for (const [claims, problem, signer] of problems) {
    const answer = (await answerTo(claims, signer)) as { problem: string }
    assert.match(answer.problem, problem)
  }
  const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${Buffer.from(JSON.stringify(good)).toString('base64url')}.`
  assert.ok('problem' in (await oidc.verify(unsigned, [audience]))!)
})

test('a file says what tokens of a provider must be, and whom they make known', async () => {
  await using provider = await startProvider()
  const clock = new SimulatedClock()
  const file = {
    apiVersion: 'apiserver.config.k8s.io/v1',
    kind: 'AuthenticationConfiguration',
    jwt: [
      {
        issuer: {
          url: 'https://tokens.example',
          discoveryURL: `${provider.issuer}/configuration`,
          certificateAuthority: provider.authority,
          audiences: ['a', 'b'],
          audienceMatchPolicy: 'MatchAny',
        },
        claimValidationRules: [
          { claim: 'plan', requiredValue: 'gold' },
          { expression: 'claims.exp - claims.nbf <= 86400', message: 'they live for a day' },
        ],
        claimMappings: {
          username: { expression: '"jwt:" + claims.sub' },
          groups: { expression: 'claims.roles.filter(role, role != "guest")' },
          uid: { claim: 'oid' },
          extra: [
            { key: 'example.org/tenant', valueExpression: 'claims.tenant' },
            { key: 'example.org/none', valueExpression: '""' },
          ],
        },
        userValidationRules: [
          { expression: "!user.groups.exists(group, group.startsWith('system:'))", message: 'no system groups' },
        ],
      },
    ],
    anonymous: { enabled: true, conditions: [{ path: '/livez' }] },
  }
  provider.name = 'https://tokens.example'
  const configured = await readAuthenticationFile(() => Promise.resolve(JSON.stringify(file)), '/a', {
    audiences: [audience],
    issuers: [audience],
    clock,
  })
  await using fixture = await serve(configured.tokens, { clock, settings: { anonymous: configured.anonymous! } })
  const { http } = fixture
  const now = Math.floor(clock.now() / 1_000)
  const good = { iss: 'https://tokens.example', aud: 'b', nbf: now, exp: now + 60, sub: 'jane', oid: 'u', jti: 'j' }
  const claims = { ...good, tenant: 't', plan: 'gold', roles: ['dev', 'guest'] }
  const answerTo = async (own: object): Promise<unknown> =>
    configured.tokens[0]!.verify(await provider.signer.sign({ ...claims, ...own }), [audience])
  assert.deepEqual(await answerTo({}), {
    caller: {
      name: 'jwt:jane',
      uid: 'u',
      groups: ['dev'],
      extra: { 'authentication.kubernetes.io/credential-id': ['JTI=j'], 'example.org/tenant': ['t'] },
    },
    audiences: [audience],
  })
  const problems: readonly [object, string][] = [
    [{ plan: undefined }, 'required claim plan not present in ID token'],
    [{ plan: 'tin' }, 'required claim plan value does not match. Got = tin, want = gold'],
    [
      { exp: now + 90_000 },
      "error evaluating claim validation expression: validation expression 'claims.exp - claims.nbf <= 86400' failed: they live for a day",
    ],
    [
      { sub: 7 },
      `error evaluating username claim expression: expression '"jwt:" + claims.sub' resulted in error: no such overload: _+_(string, double)`,
    ],
    [{ roles: [7] }, 'error evaluating group claim expression: expression must return a string or a list of strings'],
    [{ oid: undefined }, 'parse uid claim "oid": claim not present'],
    [
      { roles: ['system:masters'] },
      "error evaluating user info validation rule: validation expression '!user.groups.exists(group, group.startsWith('system:'))' failed: no system groups",
    ],
  ]
  for (const [own, problem] of problems) assert.deepEqual(await answerTo(own), { problem: `oidc: ${problem}` })

  // Whoever shows nothing is let in at one place alone.
  const codes = await Promise.all(
    ['/livez', '/readyz', '/livez/ping'].map(
      async (path) => (await http.ask('GET', path, { headers: { authorization: '' } })).code,
    ),
  )
  assert.deepEqual(codes, [200, 401, 401])
})

test('a provider that cannot be trusted or reached lets nobody in', async () => {
  await using provider = await startProvider()
  const clock = new SimulatedClock()
  const options = { clientId: 'k8ts', algorithms: ['ES256'], serverAudiences: [audience], clock }
  const stranger = oidcTokens({ ...options, issuer: provider.issuer })
  const token = await provider.signer.sign({
    iss: provider.issuer,
    aud: 'k8ts',
    exp: clock.now() / 1_000 + 60,
    sub: 'x',
  })
  assert.ok('problem' in (await stranger.verify(token, [audience]))!)
  for (const issuer of ['http://x', 'https://x?y', 'x']) {
    assert.throws(() => oidcTokens({ ...options, issuer }), /it must be an https URL/)
  }
  assert.throws(() => oidcTokens({ ...options, issuer: 'https://x', algorithms: ['HS256'] }), /cannot be signed with/)
})

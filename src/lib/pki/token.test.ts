import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { generateKey, generateRsaKey } from './certificate.ts'
import type { KeyPair } from './certificate.ts'
import { exportKeySet, keyIdentifier, TokenSigner, TokenVerifier } from './token.ts'

const issuer = 'https://kubernetes.default.svc.cluster.local'
const now = Date.UTC(2026, 0, 1)
const claims = {
  iss: issuer,
  sub: 'system:serviceaccount:default:default',
  aud: ['api'],
  iat: now / 1000,
  exp: now / 1000 + 3600,
  nbf: now / 1000,
}

describe('tokens', () => {
  let keys: Record<'rsa' | 'ec' | 'other', KeyPair>
  before(async () => (keys = { rsa: await generateRsaKey(), ec: generateKey(), other: generateKey() }))

  for (const kind of ['rsa', 'ec'] as const) {
    test(`an ${kind} token is accepted again and again`, async () => {
      const token = await new TokenSigner(keys[kind].privateKey).sign(claims)
      const verifier = new TokenVerifier({ keys: [keys.rsa.publicKey, keys.ec.publicKey], issuers: [issuer] })
      for (let i = 0; i < 2; i++)
        assert.deepEqual(await verifier.verify(token, now, ['api', 'x']), { ok: true, claims })
      const [header] = token.split('.')
      assert.deepEqual(JSON.parse(Buffer.from(header!, 'base64url').toString()), {
        alg: kind === 'rsa' ? 'RS256' : 'ES256',
        kid: keyIdentifier(keys[kind].publicKey),
      })
    })
  }

  test('refusals say why', async () => {
    const verifier = new TokenVerifier({ keys: [keys.ec.publicKey], issuers: [issuer] })
    const good = await new TokenSigner(keys.ec.privateKey).sign(claims)
    const sign = (more: object) => new TokenSigner(keys.ec.privateKey).sign({ ...claims, ...more })
    const [head, , signature] = good.split('.')
    const forged = [
      head,
      Buffer.from(JSON.stringify({ ...claims, sub: 'admin' })).toString('base64url'),
      signature,
    ].join('.')
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`
    const rows: [string, number, string[], string][] = [
      [good, now + 3600_000, ['api'], 'token has expired'],
      [good, now - 1, ['api'], 'token is not valid yet'],
      [good, now, ['other'], 'token audiences ["api"] are invalid for the target audiences ["other"]'],
      [await sign({ iss: 'x' }), now, [], 'token issuer "x" is not accepted'],
      [await sign({ exp: 'soon' }), now, [], 'token has expired'],
      [await new TokenSigner(keys.other.privateKey).sign(claims), now, [], 'token signature is not valid'],
      [forged, now, [], 'token signature is not valid'],
      [none, now, [], 'token signature is not valid'],
      ['hello', now, [], 'token is not a signed token'],
      ['', now, [], 'token is not a signed token'],
      ['x'.repeat(100_000), now, [], 'token is longer than 16384 characters'],
    ]
    for (const [token, at, audiences, problem] of rows)
      assert.deepEqual(await verifier.verify(token, at, audiences), { ok: false, problem })
    // A remembered token is looked at again.
    assert.equal((await verifier.verify(good, now, ['api'])).ok, true)
    assert.equal((await verifier.verify(good, now + 3600_000, ['api'])).ok, false)
  })

  test('whose token it claims to be', async () => {
    const verifier = new TokenVerifier({ keys: [], issuers: [issuer] })
    const ours = await new TokenSigner(keys.other.privateKey).sign(claims)
    const theirs = await new TokenSigner(keys.ec.privateKey).sign({ ...claims, iss: 'x' })
    assert.deepEqual(
      [ours, theirs, 'abc', 'a.b.c', ''].map((token) => verifier.claimsOurIssuer(token)),
      [true, false, false, false, false],
    )
  })

  test('the key set is enough to check a token elsewhere', async () => {
    const set = await exportKeySet([keys.rsa.privateKey, keys.ec.publicKey])
    assert.deepEqual(
      set.keys.map((key) => [key.kty, key.alg, key.use, 'd' in key]),
      [
        ['RSA', 'RS256', 'sig', false],
        ['EC', 'ES256', 'sig', false],
      ],
    )
    const token = await new TokenSigner(keys.rsa.privateKey).sign(claims)
    const { payload } = await jwtVerify(token, createLocalJWKSet(set), { currentDate: new Date(now), issuer })
    assert.equal(payload.sub, claims.sub)
  })
})

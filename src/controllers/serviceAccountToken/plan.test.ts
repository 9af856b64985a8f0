import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Secret } from '#api/core/v1/secret.ts'
import { accountNameOf, accountOf, base64, planToken, withoutSecret } from './plan.ts'

const account = { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: 'a', uid: 'u1' } }
const name = { 'kubernetes.io/service-account.name': 'robot' }
const uid = { 'kubernetes.io/service-account.uid': 'u1' }
const filled = { 'ca.crt': base64('PEM'), namespace: base64('a'), token: base64('t') }

function secret(annotations: Record<string, string>, data: Record<string, string> = {}, rest: object = {}): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'a', annotations, ...rest },
    type: 'kubernetes.io/service-account-token',
    data,
  }
}

const rows: readonly { name: string; secret: Secret; gone?: true; expected: object }[] = [
  {
    name: 'an empty Secret is filled',
    secret: secret(name),
    expected: {
      do: 'fill',
      needsToken: true,
      secret: secret({ ...name, ...uid }, { 'ca.crt': filled['ca.crt'], namespace: filled.namespace }),
    },
  },
  { name: 'a filled one stays', secret: secret({ ...name, ...uid }, filled), expected: { do: 'nothing' } },
  {
    name: 'a certificate of before is replaced, the token stays',
    secret: secret({ ...name, ...uid }, { ...filled, 'ca.crt': base64('old') }),
    expected: { do: 'fill', needsToken: false, secret: secret({ ...name, ...uid }, filled) },
  },
  {
    name: 'what else was written there stays',
    secret: secret(name, { ...filled, namespace: base64('other') }),
    expected: { do: 'nothing' },
  },
  {
    name: 'a namespace that is missing is added, and who it is for with it',
    secret: secret(name, { 'ca.crt': filled['ca.crt'], token: filled.token }),
    expected: { do: 'fill', needsToken: false, secret: secret({ ...name, ...uid }, filled) },
  },
  { name: 'without its account it goes', secret: secret(name), gone: true, expected: { do: 'delete' } },
  {
    name: 'with another account of the name it goes',
    secret: secret({ ...name, 'kubernetes.io/service-account.uid': 'u0' }, filled),
    expected: { do: 'delete' },
  },
  {
    name: 'what is being deleted is left alone',
    secret: secret(name, {}, { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    gone: true,
    expected: { do: 'nothing' },
  },
]

for (const row of rows) {
  test(`tokens in Secrets: ${row.name}`, () =>
    assert.deepEqual(planToken(row.secret, row.gone === true ? undefined : account, 'PEM'), row.expected))
}

test('Secrets of other types hold no token', () => {
  assert.equal(accountNameOf(secret(name)), 'robot')
  assert.equal(accountNameOf({ ...secret(name), type: 'Opaque' }), '')
})

test('a Secret that is gone is taken off the list of its account, and of no other that has its name', () => {
  const listing = { ...account, secrets: [{ name: 's' }, { name: 'other' }] }
  const of = accountOf(secret({ ...name, ...uid }))
  assert.deepEqual(of, { name: 'robot', uid: 'u1' })
  assert.deepEqual(withoutSecret(listing, of, 's')?.secrets, [{ name: 'other' }])
  assert.deepEqual(withoutSecret(listing, { ...of, uid: '' }, 's')?.secrets, [{ name: 'other' }])
  assert.equal(withoutSecret(listing, { ...of, uid: 'u0' }, 's'), undefined)
  assert.equal(withoutSecret(listing, of, 'third'), undefined)
  assert.equal(withoutSecret(account, of, 's'), undefined)
})

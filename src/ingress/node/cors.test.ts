import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Cors } from '#ingress/routing.ts'
import { corsHeaders, preflightHeaders } from './cors.ts'

const cors: Cors = {
  origins: ['https://one.test', 'https://*.two.test:8443'],
  methods: ['GET', 'POST'],
  headers: ['X-Own'],
  exposedHeaders: [],
  credentials: false,
  maxAgeSeconds: 60,
}
const allowed = (rules: Cors, origin: string | undefined): string | undefined =>
  corsHeaders(rules, origin).find(({ name }) => name === 'Access-Control-Allow-Origin')?.value

test('which origins are allowed', () => {
  const rows: readonly (readonly [string | undefined, boolean])[] = [
    ['https://one.test', true],
    ['http://one.test', false],
    ['https://one.test:8443', false],
    ['https://a.two.test:8443', true],
    ['https://a.b.two.test:8443', false],
    ['https://.two.test:8443', false],
    ['https://two.test:8443', false],
    ['https://evil.test/.two.test:8443', false],
    ['null', false],
    [undefined, false],
  ]
  for (const [origin, expected] of rows)
    assert.equal(allowed(cors, origin), expected ? origin : undefined, String(origin))
})

test('any origin is a star, and the origin itself with credentials', () => {
  const any = { ...cors, origins: ['*'] }
  assert.equal(allowed(any, 'https://x.test'), '*')
  assert.equal(allowed({ ...any, credentials: true }, 'https://x.test'), 'https://x.test')
  assert.deepEqual(
    corsHeaders({ ...any, credentials: true }, 'https://x.test').map(({ name, value }) => `${name}: ${value}`),
    ['Access-Control-Allow-Origin: https://x.test', 'Vary: Origin', 'Access-Control-Allow-Credentials: true'],
  )
})

test('preflight answers say more, to allowed origins only', () => {
  assert.equal(preflightHeaders(cors, 'https://other.test'), undefined)
  assert.deepEqual(
    preflightHeaders(cors, 'https://one.test')?.map(({ name, value }) => `${name}: ${value}`),
    [
      'Access-Control-Allow-Origin: https://one.test',
      'Vary: Origin',
      'Access-Control-Allow-Methods: GET, POST',
      'Access-Control-Allow-Headers: X-Own',
      'Access-Control-Max-Age: 60',
    ],
  )
})

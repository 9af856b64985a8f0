import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flattenedVerify } from 'jose'
import type { Secret } from '#api/core/v1/secret.ts'
import { planSignatures } from './signer.ts'

const now = Date.parse('2026-01-01T00:00:00Z')
const secret = '0123456789abcdef'

function token(id: string, data: Record<string, string> = {}): Secret {
  const all = { 'token-id': id, 'token-secret': secret, 'usage-bootstrap-signing': 'true', ...data }
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: `bootstrap-token-${id}` },
    data: Object.fromEntries(Object.entries(all).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  }
}

const map = (data: Record<string, string>) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'cluster-info' },
  data,
})

test('every token that is good for signing signs, and the signature can be checked', async () => {
  const tokens = [
    token('aaaaaa'),
    token('bbbbbb', { 'usage-bootstrap-signing': 'false' }),
    token('cccccc', { expiration: '2025-12-31T00:00:00Z' }),
    token('../etc'),
  ]
  const data = planSignatures(map({ kubeconfig: 'x', 'jws-kubeconfig-oldone': 'y' }), tokens, now)!
  assert.deepEqual(Object.keys(data).toSorted(), ['jws-kubeconfig-aaaaaa', 'kubeconfig'])
  const [header, , signature] = data['jws-kubeconfig-aaaaaa']!.split('.')
  const payload = Buffer.from('x').toString('base64url')
  const { protectedHeader } = await flattenedVerify(
    { protected: header!, payload, signature: signature! },
    Buffer.from(secret),
  )
  assert.deepEqual(protectedHeader, { alg: 'HS256', kid: 'aaaaaa' })
  assert.equal(planSignatures(map(data), tokens, now), undefined)
})

test('without anything to sign there is no signature', () => {
  assert.equal(planSignatures(map({}), [token('aaaaaa')], now), undefined)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { timeLeft } from './plan.ts'

const now = Date.parse('2026-01-01T00:00:00Z')

const rows: readonly [string, string | undefined, number | undefined][] = [
  ['without an end', undefined, undefined],
  ['with an end to come', '2026-01-01T00:01:00Z', 60_000],
  ['with an end in another zone', '2026-01-01T01:00:30+01:00', 30_000],
  ['that is over', '2025-12-31T23:59:59Z', -1_000],
  ['whose end cannot be read', 'soon', 0],
]

for (const [name, expiration, left] of rows) {
  test(`a bootstrap token ${name}`, () => {
    const data = expiration === undefined ? {} : { expiration: Buffer.from(expiration).toString('base64') }
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, data }
    assert.equal(timeLeft(secret, now), left)
  })
}

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { createLogger } from '#lib/log.ts'
import { SettingsError } from '#lib/settings/settingsFile.ts'
import type { ServerIdentity } from './credentials.ts'
import { identityFollower } from './identityFollower.ts'

const identity = (certificate: string): ServerIdentity => ({ tls: { certificate, key: 'k' }, trust: undefined })

test('certificates that change are used, and what cannot be used is told once and changes nothing', async () => {
  const clock = new SimulatedClock()
  const stop = new AbortController()
  const applied: string[] = []
  const told: string[] = []
  let holds: string | Error = 'a'
  const follower = identityFollower({
    first: identity('a'),
    read: async () => {
      if (holds instanceof Error) throw holds
      return identity(holds)
    },
    apply({ tls: { certificate } }) {
      if (certificate === 'odd') throw new Error('no start line')
      applied.push(certificate)
    },
    clock,
    log: createLogger({
      clock,
      sinks: [{ write: (_, { level, fields }) => level === 'error' && told.push(String(fields?.['error'])) }],
    }),
  })
  const running = follower.run(() => {}, stop.signal)
  const look = async (next: string | Error) => {
    holds = next
    await clock.advance('5s')
    return [applied.join(), told.join()]
  }
  assert.deepEqual(await look('a'), ['', ''])
  assert.deepEqual(await look('b'), ['b', ''])
  // The certificate is there and its key is not yet.
  const mismatch = new SettingsError('certificate.keyFile: it is not the key')
  assert.deepEqual(await look(mismatch), ['b', ''])
  assert.deepEqual(await look('c'), ['b,c', ''])
  for (let time = 0; time < 3; time++) await look(mismatch)
  assert.deepEqual([applied.join(), told], ['b,c', [mismatch.message]])
  assert.deepEqual(await look('c'), ['b,c', mismatch.message])
  await look('odd')
  assert.deepEqual(await look('odd'), ['b,c', `${mismatch.message},no start line`])
  assert.deepEqual(await look('d'), ['b,c,d', `${mismatch.message},no start line`])
  stop.abort()
  await running
})

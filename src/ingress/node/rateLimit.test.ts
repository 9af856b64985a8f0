import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import type { RateLimit } from '#ingress/routing.ts'
import { RateLimiter } from './rateLimit.ts'

const limit = (rest: Partial<RateLimit>): RateLimit => ({
  burstMultiplier: 5,
  unlimitedSources: [],
  status: 503,
  ...rest,
})
const admitted = (limiter: RateLimiter, source: string, requests: number): number =>
  Array.from({ length: requests }, () => limiter.admit(source)).filter((one) => one !== undefined).length

test('requests above the rate are admitted up to the burst, then as the rate allows, for each client', async () => {
  const clock = new SimulatedClock()
  const limiter = new RateLimiter(clock, limit({ requestsPerSecond: 2 }))
  assert.equal(admitted(limiter, '10.0.0.1', 50), 11)
  assert.equal(admitted(limiter, '10.0.0.2', 50), 11)
  await clock.advance('3s')
  assert.equal(admitted(limiter, '10.0.0.1', 50), 6)
  await clock.advance('1h')
  assert.equal(admitted(limiter, '10.0.0.1', 50), 11)
})

test('a rate in minutes', async () => {
  const clock = new SimulatedClock()
  const limiter = new RateLimiter(clock, limit({ requestsPerMinute: 60, burstMultiplier: 1 }))
  assert.equal(admitted(limiter, 'a', 100), 61)
  await clock.advance('10s')
  assert.equal(admitted(limiter, 'a', 100), 10)
})

test('connections are counted until they end', () => {
  const limiter = new RateLimiter(new SimulatedClock(), limit({ connections: 2 }))
  const first = limiter.admit('a')
  assert.ok(first !== undefined && limiter.admit('a') !== undefined)
  assert.equal(limiter.admit('a'), undefined)
  assert.ok(limiter.admit('b') !== undefined)
  first[Symbol.dispose]()
  assert.ok(limiter.admit('a') !== undefined)
  assert.equal(limiter.admit('a'), undefined)
})

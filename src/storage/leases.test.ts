import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { Leases } from './leases.ts'

function record(clock: SimulatedClock): { leases: Leases; ended: string[] } {
  const start = clock.now()
  const ended: string[] = []
  const leases = new Leases(clock, (keys) => ended.push(`${(clock.now() - start) / 1000}s ${[...keys].join(' ')}`))
  return { leases, ended }
}

test('keys end with their lease, leases in the order of their end', async () => {
  const clock = new SimulatedClock()
  const { leases, ended } = record(clock)
  const long = leases.grant(60)
  const short = leases.grant(10)
  leases.attach('/a', long)
  leases.attach('/b', short)
  leases.attach('/c', short)
  leases.attach('/d', long)
  leases.detach('/d', long)
  await clock.advance('59s')
  assert.deepEqual([ended, leases.isAlive(long), leases.isAlive(short)], [['10s /b /c'], true, false])
  await clock.advance('1h')
  assert.deepEqual([ended, clock.pending], [['10s /b /c', '60s /a'], 0])
})

test('a lease is known by its name alone', async () => {
  const clock = new SimulatedClock()
  const lease = record(clock).leases.grant(5)
  const { leases, ended } = record(clock)
  assert.equal(leases.isAlive(lease), true)
  leases.attach('/a', lease)
  await clock.advance('5s')
  assert.deepEqual(ended, ['5s /a'])
})

test('an ended lease found at a restart ends its keys at once', async () => {
  const clock = new SimulatedClock()
  const lease = record(clock).leases.grant(5)
  await clock.advance('1m')
  const { leases, ended } = record(clock)
  leases.attach('/a', lease)
  await clock.advance(0)
  assert.deepEqual(ended, ['0s /a'])
})

test('two leases of one moment are different', () => {
  const { leases } = record(new SimulatedClock())
  assert.notEqual(leases.grant(5), leases.grant(5))
})

test('names that were never granted are not alive', () => {
  const { leases } = record(new SimulatedClock())
  for (const name of ['', 'lease-', 'lease-zzzz', 'lease-ZZ-1', `lease-${'z'.repeat(11)}-1`]) {
    assert.equal(leases.isAlive(name), false)
  }
})

test('leaves no timer behind', () => {
  const clock = new SimulatedClock()
  const { leases } = record(clock)
  leases.attach('/a', leases.grant(5))
  assert.equal(clock.pending, 1)
  leases[Symbol.dispose]()
  assert.deepEqual([clock.pending], [0])
})

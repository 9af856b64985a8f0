import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { Kinds } from '../../kind.ts'
import type { RegistryContext } from '../../registry/context.ts'
import { PolicyKeeper } from './policyKeeper.ts'

function keeper(fails: number): {
  readonly clock: SimulatedClock
  readonly keeper: PolicyKeeper
  readonly told: string[]
} {
  const clock = new SimulatedClock()
  const told: string[] = []
  let tries = 0
  const policy = (): [] => {
    if (++tries <= fails) throw new Error(`try ${tries}`)
    return []
  }
  const registry = { clock } as unknown as RegistryContext
  const onBug = (error: unknown): void => void told.push((error as Error).message)
  return { clock, told, keeper: new PolicyKeeper(policy, { registry, kinds: new Kinds([]), onBug }) }
}

test('the bootstrap roles are tried again, and others are let in meanwhile', async () => {
  const { clock, keeper: kept, told } = keeper(2)
  const stop = new AbortController()
  let ready = 0
  kept.put(() => ready++, stop.signal)
  await clock.advance(0)
  assert.deepEqual([ready, kept.isThere, told], [1, false, ['try 1']])
  await clock.advance('5s')
  assert.deepEqual([ready, kept.isThere, told], [1, true, ['try 1', 'try 2']])
  assert.equal(clock.pending, 0)
})

test('a server that stops leaves nothing behind', async () => {
  const { clock, keeper: kept } = keeper(Infinity)
  const stop = new AbortController()
  kept.put(() => {}, stop.signal)
  await clock.advance('3s')
  stop.abort()
  await clock.advance(0)
  assert.equal(clock.pending, 0)
})

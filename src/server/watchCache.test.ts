import assert from 'node:assert/strict'
import { it } from 'node:test'
import { SimulatedClock, type Clock } from '#lib/clock.ts'
import { openMemoryStore } from '#storage/memory.ts'
import { WatchCache } from './watchCache.ts'

const prefix = '/registry/core/pods/'
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A clock on which everything that is asked for the time takes a while. */
function slowClock(simulated: SimulatedClock, stepMs: number): Clock {
  let lag = 0
  return {
    now: () => simulated.now() + (lag += stepMs),
    after: (ms, run) => simulated.after(ms, run),
    sleep: (ms, signal) => simulated.sleep(ms, signal),
  }
}

function waitersOf(clock: Clock, count: number): { readonly wake: () => void; readonly woken: () => number } {
  const resource = new WatchCache({ store: openMemoryStore({ clock: new SimulatedClock() }), clock }).resource(prefix)
  let woken = 0
  const runs = Array.from({ length: count }, () => () => void woken++)
  return {
    wake() {
      for (const run of runs) resource.onNext(run)
      resource.wake()
    },
    woken: () => woken,
  }
}

it('wakes few watchers at once, at each change', () => {
  const { wake, woken } = waitersOf(slowClock(new SimulatedClock(), 5), 10)
  wake()
  assert.equal(woken(), 10)
  wake()
  assert.equal(woken(), 20)
})

it('wakes many in several turns, and again only after a pause as long as that took', async () => {
  const simulated = new SimulatedClock()
  const { wake, woken } = waitersOf(slowClock(simulated, 5), 100)
  wake()
  assert.equal(woken(), 32)
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.equal(woken(), 100)
  wake()
  wake()
  assert.equal(woken(), 100, 'the pause goes on')
  await simulated.advance(4)
  assert.equal(woken(), 100, 'the pause goes on')
  await simulated.advance(1)
  for (let turns = 0; turns < 5; turns++) await turn()
  assert.equal(woken(), 200, 'both wishes were one round')
})

it('is current at once where the store knows its newest revision and the cache has taken it in', async () => {
  const clock = new SimulatedClock()
  const store = openMemoryStore({ clock })
  const cache = new WatchCache({ store, clock })
  const abort = new AbortController()
  const { promise: ready, resolve } = Promise.withResolvers<void>()
  const following = cache.follow(resolve, abort.signal)
  await ready
  assert.equal(cache.current(), undefined)
  const written = store.commit(`${prefix}default/a`, 0, { value: Buffer.from('{}') })
  const behind = cache.current()
  assert.ok(behind instanceof Promise, 'what is committed is not taken in yet')
  await behind
  const result = await written
  assert.ok(result.ok && cache.revision === result.revision)
  assert.equal(cache.current(), undefined)
  abort.abort()
  await following
  await store[Symbol.asyncDispose]()
  const refused = cache.current()
  await assert.rejects(async () => refused, { reason: 'closed' })
})

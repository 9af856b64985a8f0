import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from './clock.ts'

test('SimulatedClock runs timers by time, then by the order of their making', async () => {
  const clock = new SimulatedClock(0)
  const ran: string[] = []
  clock.after(20, () => ran.push(`c at ${clock.now()}`))
  clock.after(10, () => ran.push(`a at ${clock.now()}`))
  clock.after(10, () => ran.push(`b at ${clock.now()}`))
  await clock.advance(15)
  assert.deepEqual(ran, ['a at 10', 'b at 10'])
  await clock.advance('1s')
  assert.deepEqual([ran.at(-1), clock.now(), clock.pending], ['c at 20', 1015, 0])
})

test('SimulatedClock drops the timers that are disposed of, and no others of their moment', async () => {
  const clock = new SimulatedClock(0)
  const ran: string[] = []
  const timers = ['a', 'b', 'c', 'd'].map((name) => clock.after(name === 'd' ? 20 : 10, () => ran.push(name)))
  timers[1]![Symbol.dispose]()
  timers[1]![Symbol.dispose]()
  assert.equal(clock.pending, 3)
  await clock.advance(10)
  timers[0]![Symbol.dispose]()
  assert.deepEqual([ran, clock.pending], [['a', 'c'], 1])
})

test('SimulatedClock settles promises between two timers', async () => {
  const clock = new SimulatedClock(0)
  const seen: number[] = []
  const loop = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await clock.sleep(10)
      seen.push(clock.now())
    }
  }
  const done = loop()
  await clock.advance(30)
  await done
  assert.deepEqual(seen, [10, 20, 30])
})

test('SimulatedClock ends a sleep whose signal aborts, and drops its timer', async () => {
  const clock = new SimulatedClock(0)
  const stop = new AbortController()
  const sleeping = clock.sleep(1_000, stop.signal)
  stop.abort()
  await assert.rejects(sleeping, { name: 'AbortError' })
  assert.equal(clock.pending, 0)
})

test('SimulatedClock refuses a duration that it cannot read', async () => {
  await assert.rejects(new SimulatedClock().advance('10 minutes'), /Cannot read duration "10 minutes"/)
})

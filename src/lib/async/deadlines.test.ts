import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { Deadlines } from './deadlines.ts'

test('whoever takes too long is called back when the time is over, and nobody else', async () => {
  const clock = new SimulatedClock()
  const deadlines = new Deadlines(clock, 1_000)
  const over: string[] = []
  const begin = (name: string) => deadlines.begin(() => over.push(`${name} ${clock.now() - start}`))
  const start = clock.now()
  const [a, b] = [begin('a'), begin('b')]
  await clock.advance(400)
  const c = begin('c')
  begin('d')
  b()
  await clock.advance(599)
  assert.deepEqual(over, [])
  await clock.advance(1)
  assert.deepEqual(over, ['a 1000'])
  c()
  // What is over already can end as often as it likes.
  a()
  b()
  await clock.advance(400)
  assert.deepEqual(over, ['a 1000', 'd 1400'])
  await clock.advance(5_000)
  begin('e')()
  const f = begin('f')
  await clock.advance(1_000)
  f()
  assert.deepEqual(over.slice(2), ['f 7400'])
})

test('one that begins while others are called back has its own time, and none is called back after the end', async () => {
  const clock = new SimulatedClock()
  const deadlines = new Deadlines(clock, 1_000)
  const over: number[] = []
  const start = clock.now()
  const again = (): void => {
    over.push(clock.now() - start)
    deadlines.begin(again)
  }
  deadlines.begin(again)
  await clock.advance(3_500)
  assert.deepEqual(over, [1_000, 2_000, 3_000])
  deadlines[Symbol.dispose]()
  assert.equal(clock.pending, 0)
  await clock.advance(5_000)
  assert.equal(over.length, 3)
})

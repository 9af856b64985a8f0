import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimulatedClock } from '#lib/clock.ts'
import { exponentialBackoff } from './backoff.ts'
import { WorkQueue } from './workQueue.ts'

function fixture(): { clock: SimulatedClock; queue: WorkQueue } {
  const clock = new SimulatedClock(0)
  return { clock, queue: new WorkQueue({ clock, backoff: exponentialBackoff({ first: 5, most: 1_000 }) }) }
}

/** Takes what is there now, without waiting. */
async function takeAll(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = []
  while (queue.length > 0) keys.push((await queue.take())!)
  return keys
}

test('WorkQueue hands out a key once however often it was added', async () => {
  const { queue } = fixture()
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key)
  assert.deepEqual(await takeAll(queue), ['a', 'b', 'c'])
})

test('WorkQueue keeps a key from a second worker and hands it out again once it is done', async () => {
  const { queue } = fixture()
  queue.add('a')
  assert.equal(await queue.take(), 'a')
  queue.add('a')
  assert.equal(queue.length, 0)
  queue.done('a')
  assert.deepEqual(await takeAll(queue), ['a'])
  queue.done('a')
  assert.equal(queue.length, 0)
})

test('WorkQueue wakes a waiting worker for a key, and keeps it from others meanwhile', async () => {
  const { queue } = fixture()
  const [first, second] = [queue.take(), queue.take()]
  queue.add('a')
  assert.equal(await first, 'a')
  queue.add('a')
  queue.done('a')
  assert.equal(await second, 'a')
})

test('WorkQueue hands out a key once that is added again before the waiting worker has woken', async () => {
  const { queue } = fixture()
  const first = queue.take()
  queue.add('a')
  queue.add('a')
  assert.equal(await first, 'a')
  queue.done('a')
  assert.equal(queue.length, 0)
})

test('WorkQueue keeps every waiting worker waiting until there is a key for it', async () => {
  const { queue } = fixture()
  const waiting = [queue.take(), queue.take()]
  queue.add('a')
  // Taken by a third one before the first has woken.
  assert.equal(await queue.take(), 'a')
  queue.add('b')
  queue.add('c')
  assert.deepEqual((await Promise.all(waiting)).toSorted(), ['b', 'c'])
})

test('WorkQueue takes the earlier of two times', async () => {
  const { clock, queue } = fixture()
  queue.addAfter('a', 500)
  queue.addAfter('a', 100)
  queue.addAfter('a', 900)
  await clock.advance(99)
  assert.equal(queue.length, 0)
  await clock.advance(1)
  assert.deepEqual(await takeAll(queue), ['a'])
  queue.done('a')
  await clock.advance('1h')
  assert.equal(queue.length, 0)
})

test('WorkQueue waits longer after each failure until the key is forgotten', async () => {
  const { clock, queue } = fixture()
  const waits: number[] = []
  const waitForKey = async (): Promise<void> => {
    queue.retry('a')
    const began = clock.now()
    while (queue.length === 0) await clock.advance(1)
    waits.push(clock.now() - began)
    queue.done((await queue.take())!)
  }
  for (let i = 0; i < 4; i++) await waitForKey()
  queue.forget('a')
  await waitForKey()
  assert.deepEqual(waits, [5, 10, 20, 40, 5])
})

test('WorkQueue ends its workers and timers when it is closed', async () => {
  const { clock, queue } = fixture()
  const waiting = queue.take()
  queue.addAfter('a', 100)
  queue.close()
  queue.add('b')
  assert.deepEqual([await waiting, await queue.take(), queue.length, clock.pending], [undefined, undefined, 0, 0])
})

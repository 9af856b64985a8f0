import assert from 'node:assert/strict'
import { test } from 'node:test'
import { doAtOnce, doInTurns, type Steps } from './steps.ts'

function* counting(seen: string[]): Steps<number> {
  seen.push('one')
  yield
  seen.push('two')
  yield
  return seen.push('three')
}

test('at once, nothing runs between steps', () => {
  const seen: string[] = []
  setImmediate(() => seen.push('other'))
  assert.equal(doAtOnce(counting(seen)), 3)
  assert.deepEqual(seen, ['one', 'two', 'three'])
})

test('in turns, others run between steps', async () => {
  const seen: string[] = []
  setImmediate(() => seen.push('other'))
  assert.equal(await doInTurns(counting(seen)), 4)
  assert.deepEqual(seen, ['one', 'other', 'two', 'three'])
})

test('what a step throws is passed on', async () => {
  // oxlint-disable-next-line require-yield -- the error comes first
  const failing = function* (): Steps<void> {
    throw new Error('broken')
  }
  assert.throws(() => doAtOnce(failing()), /broken/)
  await assert.rejects(doInTurns(failing()), /broken/)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { releaseLeftovers } from './memory.ts'

test('what nobody needs any more is given back, and nobody else may ask for that afterwards', async () => {
  const leftovers = [new WeakRef({ text: 'left' }), new WeakRef({ text: 'over' })]
  // A reference holds its object until the end of the turn in which it was made.
  await setImmediate()
  // Whatever else is tested in this process.
  releaseLeftovers(Infinity)
  assert.deepEqual(
    leftovers.map((each) => each.deref()),
    [undefined, undefined],
  )
  assert.equal('gc' in globalThis, false)
})

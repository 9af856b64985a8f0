import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exceedsDepth } from './jsonDepth.ts'

const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
  let value: unknown = 1
  for (let level = 0; level < depth; level++) value = wrap(value)
  return value
}
const inList = (inner: unknown): unknown => [0, inner]
const inObject = (inner: unknown): unknown => ({ a: 'b', inner })

for (const [what, value, exceeds] of [
  ['a scalar', 'x', false],
  ['null', null, false],
  ['lists as deep as allowed', nested(10, inList), false],
  ['objects as deep as allowed', nested(10, inObject), false],
  ['lists that are deeper', nested(11, inList), true],
  ['objects that are deeper', nested(11, inObject), true],
  ['far deeper than the stack', nested(200_000, inList), true],
] as const) {
  test(what, () => assert.equal(exceedsDepth(value, 10), exceeds))
}

test('parts that a known value has in the same place are not looked at, all others are', () => {
  const deep = nested(20, inList)
  const known = { list: [deep], member: deep }
  assert.equal(exceedsDepth({ list: [deep], member: deep, other: 1 }, 10, known), false)
  assert.equal(exceedsDepth({ list: [1, deep] }, 10, known), true)
  assert.equal(exceedsDepth({ other: deep }, 10, known), true)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isSameData } from './sameData.ts'

test('values that say the same, and values that do not', () => {
  const values: readonly (() => unknown)[] = [
    () => undefined,
    () => null,
    () => 0,
    () => Number.NaN,
    () => '',
    () => 'a',
    () => [],
    () => [undefined],
    () => ['a', ['b']],
    () => ({}),
    () => ({ a: undefined }),
    () => ({ constructor: Object }),
    () => ({ a: 1 }),
    () => ({ a: 1, b: { c: [1, 2] } }),
    () => ({ a: 1, b: { c: [1, 3] } }),
    () => new Map(),
    () => new Map([['a', 1]]),
    () => new Map([['a', undefined]]),
    () => new Map([['b', undefined]]),
    () => new Set(),
    () => new Set(['a']),
    () => new Set(['b']),
  ]
  for (const [i, left] of values.entries())
    for (const [j, right] of values.entries()) assert.equal(isSameData(left(), right()), i === j, `${i} and ${j}`)
})

test('the order of members does not count, that of lists does', () => {
  assert.ok(isSameData({ a: 1, b: 2 }, { b: 2, a: 1 }))
  assert.ok(!isSameData([1, 2], [2, 1]))
})

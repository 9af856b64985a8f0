import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exceedsJsonSize } from './jsonSize.ts'

const values: readonly unknown[] = [
  null,
  true,
  0,
  '',
  'text',
  [],
  [1],
  ['a', 'b', [null]],
  {},
  { a: 1 },
  { a: 'b', c: { d: ['e', { f: 'g' }] }, h: {} },
]

test('what fits is never said to exceed', () => {
  for (const value of values) {
    assert.equal(exceedsJsonSize(value, JSON.stringify(value).length), false, JSON.stringify(value))
  }
})

test('text without escapes is counted to the byte', () => {
  const rows: readonly unknown[] = ['text', { a: 'b' }, { a: 'b', c: { d: 'e' } }]
  for (const value of rows) {
    const slack = typeof value === 'string' ? 1 : 3
    assert.equal(exceedsJsonSize(value, JSON.stringify(value).length - slack), true, JSON.stringify(value))
  }
})

test('a long list ends the count early', () => {
  const list = new Proxy(
    Array.from({ length: 1_000_000 }, () => 1),
    {
      get(target, key, receiver) {
        if (key === '1000') throw new Error('looked too far')
        return Reflect.get(target, key, receiver) as unknown
      },
    },
  )
  assert.equal(exceedsJsonSize(list, 100), true)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ownValue } from './ownValue.ts'

test('only what was put into a record is found in it', () => {
  const record = JSON.parse('{"a":1,"__proto__":2}') as Record<string, number>
  const found = ['a', '__proto__', 'constructor', 'b'].map((key) => ownValue(record, key))
  assert.deepEqual(found, [1, 2, undefined, undefined])
  assert.equal(ownValue(undefined, 'a'), undefined)
})

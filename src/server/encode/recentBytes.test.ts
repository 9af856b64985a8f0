import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoredObject } from '../storedObject.ts'
import { RecentBytes } from './recentBytes.ts'

test('bytes are made once while they are new, and not kept for ever', () => {
  const recent = new RecentBytes()
  const made: string[] = []
  const of = (stored: StoredObject, size = 1): Buffer =>
    recent.of(stored, ({ key }) => {
      made.push(key)
      return Buffer.alloc(size)
    })
  const object = (key: string): StoredObject => new StoredObject(key, 1, Buffer.from('{}'))
  const [a, b, c] = [object('a'), object('b'), object('c')]
  const bytes = of(a)
  assert.equal(of(a), bytes)
  of(b, 4 * 1024 * 1024)
  assert.equal(of(a), bytes, 'the generation before is still there')
  of(c, 4 * 1024 * 1024)
  of(c)
  assert.deepEqual(made, ['a', 'b', 'c'])
  of(a)
  assert.deepEqual(made, ['a', 'b', 'c', 'a'])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { KeyIndex } from './keyIndex.ts'

const keysOf = (index: KeyIndex, prefix: string, after?: string): string[] =>
  [...index.walk(prefix, after)].map((history) => history.key)

test('walks a prefix in order, from behind a key', () => {
  const index = new KeyIndex()
  for (const key of ['/pods/b', '/pods/a', '/nodes/z', '/pods/c', '/podsets/a', '/services/a']) index.add(key)
  const rows: [string, string | undefined, string[]][] = [
    ['/pods/', undefined, ['/pods/a', '/pods/b', '/pods/c']],
    ['/pods/', '/pods/a', ['/pods/b', '/pods/c']],
    ['/pods/', '/pods/aa', ['/pods/b', '/pods/c']],
    ['/pods/', '/pods/c', []],
    ['/pods/', '/z', []],
    ['/pods/', '/a', ['/pods/a', '/pods/b', '/pods/c']],
    ['/nothing', undefined, []],
    ['', undefined, ['/nodes/z', '/pods/a', '/pods/b', '/pods/c', '/podsets/a', '/services/a']],
  ]
  for (const [prefix, after, keys] of rows) assert.deepEqual(keysOf(index, prefix, after), keys)
})

test('adding a key twice gives the same history', () => {
  const index = new KeyIndex()
  assert.equal(index.add('/a'), index.add('/a'))
  assert.equal(index.size, 1)
})

test('keeps order through thousands of additions and deletions', () => {
  const random = seededRandom(7)
  const index = new KeyIndex()
  const expected = new Set<string>()
  for (let step = 0; step < 20_000; step++) {
    const key = `/k/${randomInteger(random, 6_000).toString(36)}`
    if (randomInteger(random, 3) > 0) {
      index.add(key)
      expected.add(key)
    } else {
      index.delete(key)
      expected.delete(key)
    }
  }
  const sorted = [...expected].toSorted()
  assert.deepEqual(keysOf(index, ''), sorted)
  assert.deepEqual(keysOf(index, '/k/', sorted[100]), sorted.slice(101))
  for (const key of sorted) index.delete(key)
  assert.deepEqual([index.size, keysOf(index, '')], [0, []])
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OrderedEntries } from './orderedEntries.ts'

test('lists a prefix in order, from behind a key', () => {
  const entries = new OrderedEntries<{ key: string }>()
  for (const key of ['/pods/b', '/pods/a', '/nodes/z', '/pods/c', '/podsets/a', '/services/a']) entries.set({ key })
  const rows: readonly (readonly [prefix: string, after: string | undefined, keys: readonly string[]])[] = [
    ['/pods/', undefined, ['/pods/a', '/pods/b', '/pods/c']],
    ['/pods/', '/pods/a', ['/pods/b', '/pods/c']],
    ['/pods/', '/pods/aa', ['/pods/b', '/pods/c']],
    ['/pods/', '/pods/c', []],
    ['/pods/', '/z', []],
    ['/pods/', '/a', ['/pods/a', '/pods/b', '/pods/c']],
    ['/nothing', undefined, []],
    ['', undefined, ['/nodes/z', '/pods/a', '/pods/b', '/pods/c', '/podsets/a', '/services/a']],
  ]
  for (const [prefix, after, keys] of rows) {
    assert.deepEqual(
      entries.list(prefix, after).map(({ key }) => key),
      keys,
    )
  }
})

test('entries are listed in the order of their keys, however they came', () => {
  const key = fc.stringMatching(/^[a-c]{1,2}\/[a-e]{1,3}$/)
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom('set', 'set', 'delete'), key), { maxLength: 60 }),
      key,
      (steps, after) => {
        const entries = new OrderedEntries<{ key: string; step: number }>()
        const model = new Map<string, { key: string; step: number }>()
        for (const [step, [act, each]] of steps.entries()) {
          if (act === 'set') {
            entries.set({ key: each, step })
            model.set(each, { key: each, step })
          } else assert.equal(entries.delete(each), model.delete(each))
        }
        const sorted = [...model.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
        assert.deepEqual(entries.list(''), sorted)
        assert.deepEqual(
          entries.list('b/'),
          sorted.filter((each) => each.key.startsWith('b/')),
        )
        assert.deepEqual(
          entries.list('', after),
          sorted.filter((each) => each.key > after),
        )
        assert.equal(entries.size, model.size)
      },
    ),
  )
})

test('thousands of entries keep their order', () => {
  const entries = new OrderedEntries<{ key: string }>()
  const keys = Array.from({ length: 5_000 }, (_, index) => `k${(index * 7_919) % 5_000}`)
  for (const key of keys) entries.set({ key })
  assert.deepEqual(
    entries.list('k').map(({ key }) => key),
    keys.toSorted(),
  )
  for (const key of keys) if (key.endsWith('3')) entries.delete(key)
  assert.deepEqual(
    entries.list('k4').map(({ key }) => key),
    keys.filter((key) => key.startsWith('k4') && !key.endsWith('3')).toSorted(),
  )
})

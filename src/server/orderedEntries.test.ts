import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { OrderedEntries } from './orderedEntries.ts'

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

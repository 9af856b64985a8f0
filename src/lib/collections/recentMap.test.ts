import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RecentMap } from './recentMap.ts'

test('RecentMap keeps what was asked for most recently', () => {
  const made: string[] = []
  const map = new RecentMap<string, string>(2)
  const ask = (key: string): string =>
    map.getOrMake(key, () => {
      made.push(key)
      return `value of ${key}`
    })
  for (const key of ['a', 'b', 'a', 'a', 'c', 'a', 'b']) assert.equal(ask(key), `value of ${key}`)
  assert.deepEqual(made, ['a', 'b', 'c', 'b'])
  assert.equal(map.size, 2)
})

test('RecentMap forgets what was set or asked for longest ago', () => {
  const map = new RecentMap<string, number>(2)
  map.set('a', 1)
  map.set('b', 2)
  map.set('b', 3)
  assert.equal(map.get('a'), 1)
  map.set('c', 4)
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => map.get(key)),
    [1, undefined, 4, undefined],
  )
})

test('RecentMap forgets in the order of asking, whichever of its keys is asked for', () => {
  const map = new RecentMap<string, string>(3)
  /** What should be left, the one asked for longest ago first. */
  let left: readonly string[] = []
  for (const key of 'abcbacdbbdaacebdcaaebcdeabdcebca') {
    assert.equal(map.get(key), left.includes(key) ? key : undefined)
    if (!left.includes(key)) map.set(key, key)
    left = [...left.filter((each) => each !== key), key].slice(-3)
  }
  assert.equal(map.size, 3)
})

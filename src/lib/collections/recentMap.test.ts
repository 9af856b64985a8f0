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

test('RecentMap keeps values that are undefined', () => {
  let made = 0
  const map = new RecentMap<string, undefined>(2)
  for (const key of ['a', 'b', 'a']) {
    map.getOrMake(key, () => {
      made++
      return undefined
    })
  }
  assert.equal(made, 2)
})

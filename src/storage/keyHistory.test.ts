import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInteger, seededRandom } from '#lib/random.ts'
import { KeyHistory, type Version } from './keyHistory.ts'
import type { Revision } from './store.ts'

/** The history of the worked example. */
function example(): KeyHistory {
  const history = new KeyHistory('/a')
  history.write(2)
  history.write(5)
  history.delete(8)
  history.write(11)
  history.write(14)
  history.write(15)
  return history
}

/** What `at` answers for 1 … 16, as `modified/created`, or `-`. */
function timeline(history: KeyHistory): string {
  return Array.from({ length: 16 }, (_, index) => history.at(index + 1))
    .map((version) => (version === undefined ? '-' : `${version.modified}/${version.created}`))
    .join(' ')
}

test('finds the version at each revision', () => {
  assert.equal(timeline(example()), '- 2/2 2/2 2/2 5/2 5/2 5/2 - - - 11/11 11/11 11/11 14/11 15/11 15/11')
  assert.deepEqual(example().newest(), { created: 11, modified: 15 })
})

test('compacting keeps the version in force and what follows', () => {
  const rows: [Revision, Revision[], string][] = [
    [1, [], '- 2/2 2/2 2/2 5/2 5/2 5/2 - - - 11/11 11/11 11/11 14/11 15/11 15/11'],
    [4, [], '- 2/2 2/2 2/2 5/2 5/2 5/2 - - - 11/11 11/11 11/11 14/11 15/11 15/11'],
    [6, [2], '- - - - 5/2 5/2 5/2 - - - 11/11 11/11 11/11 14/11 15/11 15/11'],
    [8, [2, 5, 8], '- - - - - - - - - - 11/11 11/11 11/11 14/11 15/11 15/11'],
    [10, [2, 5, 8], '- - - - - - - - - - 11/11 11/11 11/11 14/11 15/11 15/11'],
    [14, [2, 5, 8, 11], '- - - - - - - - - - - - - 14/11 15/11 15/11'],
    [99, [2, 5, 8, 11, 14], '- - - - - - - - - - - - - - 15/11 15/11'],
  ]
  for (const [revision, dropped, left] of rows) {
    const history = example()
    assert.deepEqual([revision, history.compact(revision), timeline(history)], [revision, dropped, left])
  }
})

test('a deleted key is empty once its deletion is compacted', () => {
  const history = example()
  history.compact(99)
  history.delete(100)
  assert.deepEqual(
    [history.newest(), history.at(99), history.at(100)],
    [undefined, { created: 11, modified: 15 }, undefined],
  )
  assert.deepEqual([history.compact(99), history.isEmpty], [[], false])
  assert.deepEqual([history.compact(100), history.isEmpty], [[15, 100], true])
})

test('a life whose beginning is compacted can be rebuilt', () => {
  const history = new KeyHistory('/a')
  history.write(14, 11)
  history.write(15, 11)
  assert.deepEqual(
    [history.at(14), history.newest()],
    [
      { created: 11, modified: 14 },
      { created: 11, modified: 15 },
    ],
  )
})

test('agrees with a list of states, whatever is written, deleted and compacted', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const random = seededRandom(seed)
    const history = new KeyHistory('/a')
    const states: (Version | undefined)[] = [undefined]
    const dropped: Revision[] = []
    let compacted = 0
    for (let revision = 1; revision <= 80; revision++) {
      const before = states[revision - 1]
      const choice = randomInteger(random, 6)
      if (choice < 3) {
        history.write(revision)
        states[revision] = { created: before?.created ?? revision, modified: revision }
      } else if (choice === 3 && before !== undefined) {
        history.delete(revision)
        states[revision] = undefined
      } else states[revision] = before
      if (choice === 5) {
        compacted += randomInteger(random, revision - compacted)
        dropped.push(...history.compact(compacted))
      }
    }
    for (let revision = compacted; revision <= 80; revision++) {
      assert.deepEqual([seed, revision, history.at(revision)], [seed, revision, states[revision]])
    }
    const needed = new Set(states.slice(compacted).map((version) => version?.modified))
    assert.deepEqual([seed, dropped.filter((each) => needed.has(each))], [seed, []])
    assert.equal(new Set(dropped).size, dropped.length)
  }
})

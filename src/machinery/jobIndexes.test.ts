import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  countIndexes,
  countSharedIndexes,
  firstSharedIndex,
  formatIndexes,
  hasIndex,
  indexesOf,
  mergeIndexes,
  missingIndexes,
  parseIndexes,
  readIndexes,
} from './jobIndexes.ts'

describe('sets of indexes', () => {
  const rows: readonly [string, number | string][] = [
    ['', 0],
    ['0', 1],
    ['1,3-5,7', 5],
    ['0-9', 10],
    ['10', 'too large index: "10"'],
    ['0-10', 'too large index: "10"'],
    ['x', 'cannot convert string to integer for index: "x"'],
    ['1,', 'cannot convert string to integer for index: ""'],
    ['-1', 'cannot convert string to integer for index: ""'],
    [
      '1-2-3',
      `the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by '-'`,
    ],
    ['5-5', 'non-increasing order, previous: 5, current: 5'],
    ['3,3', 'non-increasing order, previous: 3, current: 3'],
    ['3-5,4', 'non-increasing order, previous: 5, current: 4'],
  ]
  for (const [text, expected] of rows) {
    test(text === '' ? 'nothing' : text, () => {
      const parsed = parseIndexes(text, 10)
      assert.equal('problem' in parsed ? parsed.problem : countIndexes(parsed), expected)
    })
  }
})

describe('the first index that two sets share', () => {
  const rows: readonly [string, string, number | undefined][] = [
    ['0-3', '4-9', undefined],
    ['0,2,4', '1,3,5', undefined],
    ['0,5-8', '1,7', 7],
    ['5-8', '0-6', 5],
    ['x,3', '3', 3],
    ['', '3', undefined],
  ]
  for (const [one, other, expected] of rows) {
    test(`${one} and ${other}`, () => assert.equal(firstSharedIndex(one, other, 10), expected))
  }
})

describe('what a status says', () => {
  const rows: readonly [string, string | undefined, number, string][] = [
    ['nothing', undefined, 10, ''],
    ['what is written', '1,3-5,7', 10, '1,3-5,7'],
    ['what is next to each other becomes a range', '1,2,3', 10, '1-3'],
    ['two next to each other are no range', '1-2', 10, '1,2'],
    ['cut to fewer completions', '1,3-9', 5, '1,3,4'],
    ['parts that cannot be read are left out', '1,x,3-y,5-4,8', 10, '1,8'],
  ]
  for (const [name, text, completions, expected] of rows) {
    test(name, () => assert.equal(formatIndexes(readIndexes(text, completions)), expected))
  }
})

describe('sets together', () => {
  const rows: readonly [string, string, string, number][] = [
    ['', '', '', 0],
    ['1,3-5', '2,9', '1-5,9', 0],
    ['0-9', '3-5', '0-9', 3],
    ['3-5', '0-9', '0-9', 3],
    ['0-2,6-8', '1-7', '0-8', 4],
    ['0-2', '3-5', '0-5', 0],
    ['5', '1', '1,5', 0],
  ]
  for (const [one, other, merged, shared] of rows) {
    test(`${one} and ${other}`, () => {
      const [a, b] = [readIndexes(one, 10), readIndexes(other, 10)]
      assert.equal(formatIndexes(mergeIndexes(a, b)), merged)
      assert.equal(countSharedIndexes(a, b), shared)
    })
  }
})

test('which indexes are in a set and which are the lowest that are not', () => {
  const set = readIndexes('1,3-5,7', 10)
  assert.deepEqual(
    Array.from({ length: 10 }, (_, index) => index).filter((index) => hasIndex(set, index)),
    [1, 3, 4, 5, 7],
  )
  assert.deepEqual(missingIndexes(set, 10, 3), [0, 2, 6])
  assert.deepEqual(missingIndexes(set, 10, 100), [0, 2, 6, 8, 9])
  assert.deepEqual(missingIndexes(set, 4, 100), [0, 2])
  assert.deepEqual(missingIndexes([], 3, 2), [0, 1])
  assert.equal(formatIndexes(indexesOf([0, 1, 1, 2, 4])), '0-2,4')
})

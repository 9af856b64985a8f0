import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { countIndexes, firstSharedIndex, parseIndexes } from './jobIndexes.ts'

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

import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { applyJsonPatch, readJsonPatch } from './json.ts'
import { jsonPatchOf } from './jsonDifference.ts'
import type { Json } from './merge.ts'

test('members come, change and go; lists change as a whole; names are escaped', () => {
  const from = { a: 1, l: [1], same: { x: [1, { y: 2 }] }, 'd/e~f': 1, absent: undefined }
  const to = { l: [1, 2], same: { x: [1, { y: 2 }] }, b: { c: 3 }, 'd/e~f': 2, gone: undefined }
  assert.deepEqual(jsonPatchOf(from, to), [
    { op: 'remove', path: '/a' },
    { op: 'replace', path: '/l', value: [1, 2] },
    { op: 'replace', path: '/d~1e~0f', value: 2 },
    { op: 'add', path: '/b', value: { c: 3 } },
  ])
})

test('a value that is applied what tells it from another is that other', () => {
  const value = fc.json().map((text) => JSON.parse(text) as Json)
  fc.assert(
    fc.property(value, value, (from, to) => {
      const patch = readJsonPatch(jsonPatchOf(from, to) as unknown as Json)
      assert.deepEqual(applyJsonPatch(from, patch), to)
    }),
    { numRuns: 200 },
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyMergePatch, mergePatchOf, type Json } from './merge.ts'

const rows: readonly (readonly [name: string, from: Json, to: Json, patch: Json | undefined])[] = [
  ['equal', { a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 }, undefined],
  ['changed', { a: 1, b: 2 }, { a: 1, b: 3 }, { b: 3 }],
  ['added', {}, { a: { b: 1 } }, { a: { b: 1 } }],
  ['removed', { a: 1, b: 2 }, { a: 1 }, { b: null }],
  ['within', { a: { b: 1, c: 2, d: 3 } }, { a: { b: 1, c: 4 } }, { a: { c: 4, d: null } }],
  ['lists are whole', { a: [1, 2] }, { a: [1] }, { a: [1] }],
  ['a member that every object inherits', { constructor: 'x' }, {}, { constructor: null }],
]

for (const [name, from, to, patch] of rows) {
  test(`merge patch: ${name}`, () => {
    assert.deepEqual([mergePatchOf(from, to), applyMergePatch(from, patch ?? {})], [patch, to])
  })
}

test('merge patch: an undefined member is absent', () => {
  assert.deepEqual(
    [mergePatchOf({ a: 1 }, { a: 1, b: undefined }), mergePatchOf({ a: 1 }, { a: undefined })],
    [undefined, { a: null }],
  )
})

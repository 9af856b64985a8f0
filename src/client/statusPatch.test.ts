import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergePatchOf } from './statusPatch.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'

const rows: readonly (readonly [name: string, from: unknown, to: unknown, patch: unknown])[] = [
  ['equal', { a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 }, undefined],
  ['absent is undefined', { a: 1 }, { a: 1, b: undefined }, undefined],
  ['changed', { a: 1, b: 2 }, { a: 1, b: 3 }, { b: 3 }],
  ['added', {}, { a: { b: 1 } }, { a: { b: 1 } }],
  ['removed', { a: 1, b: 2 }, { a: 1 }, { b: null }],
  ['within', { a: { b: 1, c: 2, d: 3 } }, { a: { b: 1, c: 4 } }, { a: { c: 4, d: null } }],
  ['lists are whole', { a: [1, 2] }, { a: [1] }, { a: [1] }],
]

for (const [name, from, to, patch] of rows) {
  test(`merge patch: ${name}`, () => {
    assert.deepEqual(mergePatchOf(from, to), patch)
    assert.equal(sameJson(from, to), patch === undefined)
  })
}

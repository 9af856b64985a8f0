import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sameJson } from './sameJson.ts'

const rows: readonly (readonly [name: string, a: unknown, b: unknown, same: boolean])[] = [
  ['scalars', 'a', 'a', true],
  ['a number and its text', 1, '1', false],
  ['nothing and null', undefined, null, false],
  ['null and an object', null, {}, false],
  ['an object and a list', {}, [], false],
  ['members in another order', { a: 1, b: { c: [1] } }, { b: { c: [1] }, a: 1 }, true],
  ['items in another order', [1, 2], [2, 1], false],
  ['a longer list', [1], [1, 2], false],
  ['an undefined member is absent', { a: 1 }, { a: 1, b: undefined }, true],
  ['as many members, one undefined', { a: undefined, b: 1 }, { a: 1, b: undefined }, false],
  ['null is a value', { a: null }, {}, false],
  ['something deep inside', { a: { b: [{ c: 1 }] } }, { a: { b: [{ c: 2 }] } }, false],
  ['a member that every object inherits', {}, { constructor: 'x' }, false],
  ['the name of the prototype', JSON.parse('{"__proto__":{}}'), {}, false],
]

for (const [name, a, b, same] of rows) {
  test(`same JSON: ${name}`, () => {
    assert.deepEqual([sameJson(a, b), sameJson(b, a)], [same, same])
  })
}

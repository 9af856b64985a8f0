import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Schema } from '#machinery/schema/model.ts'
import { shapeOf } from './fieldShape.ts'
import { fieldProblems, mergeFields } from './mergeFields.ts'

const text: Schema = { type: 'string' }
const item: Schema = { type: 'object', properties: { name: text, value: text } }
const shape = shapeOf({
  type: 'object',
  properties: {
    size: { type: 'integer' },
    on: { type: 'boolean' },
    amount: { type: 'string', format: 'quantity' },
    map: { type: 'object', additionalProperties: text },
    whole: { type: 'object', mapType: 'atomic', additionalProperties: text },
    list: { type: 'array', items: text },
    set: { type: 'array', items: text, listType: 'set' },
    items: { type: 'array', items: item, listType: 'map', listMapKeys: ['name'] },
  },
})

const list = (names: string): object[] => [...names].map((name) => ({ name }))

const merges: readonly [string, object, object, object][] = [
  [
    'values and entries',
    { size: 1, map: { a: '1', b: '2' } },
    { map: { b: '3' } },
    { size: 1, map: { a: '1', b: '3' } },
  ],
  ['an atomic map', { whole: { a: '1' } }, { whole: { b: '2' } }, { whole: { b: '2' } }],
  ['an atomic list', { list: ['a', 'b'] }, { list: ['c'] }, { list: ['c'] }],
  ['a set', { set: ['a', 'b'] }, { set: ['c', 'a'] }, { set: ['c', 'a', 'b'] }],
  ['null', { size: 1, map: { a: '1' } }, { size: null, map: null }, { size: null, map: { a: '1' } }],
  [
    'an item',
    { items: [{ name: 'a', value: '1' }] },
    { items: [{ name: 'a' }] },
    { items: [{ name: 'a', value: '1' }] },
  ],
  ['new items come behind', { items: list('a') }, { items: list('bc') }, { items: list('abc') }],
  ['a new item between', { items: list('ac') }, { items: list('abc') }, { items: list('abc') }],
  ['the applied order', { items: list('abc') }, { items: list('cda') }, { items: list('bcda') }],
  ['others keep their places', { items: list('axc') }, { items: list('abc') }, { items: list('axbc') }],
  ['the whole order', { items: list('abc') }, { items: list('cba') }, { items: list('cba') }],
  [
    'items with one key are replaced by one',
    { items: [...list('aa'), { name: 'b' }] },
    { items: [{ name: 'a', value: '1' }] },
    { items: [{ name: 'a', value: '1' }, { name: 'b' }] },
  ],
]

for (const [name, live, applied, expected] of merges) {
  test(`merging what is applied: ${name}`, () => assert.deepEqual(mergeFields(shape, live, applied), expected))
}

const wrong: readonly [object, readonly string[]][] = [
  [{ size: 1.5, on: true, amount: 1, map: { a: 'x' }, set: ['a'], items: list('ab'), list: null }, []],
  [{ bogus: 1 }, ['.bogus: field not declared in schema']],
  [{ size: '1' }, ['.size: expected numeric (int or float), got string']],
  [{ map: { a: 1 } }, ['.map.a: expected string, got &value.valueUnstructured{Value:1}']],
  [{ on: 'x' }, ['.on: expected boolean, got &{x}']],
  [{ map: ['a'] }, ['.map: expected map, got &{[a]}']],
  [{ list: { b: 1, a: [true] } }, ['.list: expected list, got &{map[a:[true] b:1]}']],
  [{ amount: {} }, ['.amount: expected any scalar, got &{map[]}']],
  [{ set: ['a', 'a'] }, ['.set: duplicate entries for key [="a"]']],
  [{ items: list('aa') }, ['.items: duplicate entries for key [name="a"]']],
  [
    { items: [{ value: '1' }] },
    [
      `.items: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn't have default values for any key fields)`,
    ],
  ],
  [{ items: [null] }, ['.items: element 0: associative list with keys may not have a null element']],
  [{ set: [{}] }, [`.set: element 0: associative list without keys has an element that's a map type`]],
  [
    { items: [{ name: 'a', x: 1 }], bogus: 1 },
    ['.items[name="a"].x: field not declared in schema', '.bogus: field not declared in schema'],
  ],
]

test('what does not fit the schema is told with its place', () => {
  for (const [value, expected] of wrong) assert.deepEqual(fieldProblems(shape, value), expected)
  assert.deepEqual(fieldProblems(shape, { set: ['a', 'a'] }, 'duplicates'), [])
})

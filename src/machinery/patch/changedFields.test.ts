import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsNamed } from './fieldSet.ts'
import { compareFields, compareFieldsAt } from './changedFields.ts'
import { shape } from './testShape.ts'

const changes: readonly [string, object, object, object | undefined][] = [
  ['nothing', { size: 1, map: { a: '1' } }, { map: { a: '1' }, size: 1 }, undefined],
  ['a value', { size: 1 }, { size: 2 }, { touched: { 'f:size': {} } }],
  ['a value that comes', {}, { size: 1 }, { touched: { 'f:size': {} } }],
  ['a value that goes', { size: 1 }, {}, { removed: { 'f:size': {} } }],
  ['an entry of a map', { map: { a: '1' } }, { map: { a: '1', b: '2' } }, { touched: { 'f:map': { 'f:b': {} } } }],
  ['a whole map', {}, { map: { a: '1' } }, { touched: { 'f:map': { '.': {}, 'f:a': {} } } }],
  ['an empty map', {}, { map: {} }, { touched: { 'f:map': {} } }],
  ['a map that becomes empty', { map: { a: '1' } }, { map: {} }, { removed: { 'f:map': { 'f:a': {} } } }],
  ['null becomes a map', { map: null }, { map: { a: '1' } }, { touched: { 'f:map': { 'f:a': {} } } }],
  ['an atomic struct', { whole: { a: '1' } }, { whole: { a: '2' } }, { touched: { 'f:whole': {} } }],
  ['an atomic list', { list: ['a'] }, { list: ['a', 'b'] }, { touched: { 'f:list': {} } }],
  [
    'a set',
    { set: ['a', 'b'] },
    { set: ['b', 'c'] },
    { touched: { 'f:set': { 'v:"c"': {} } }, removed: { 'f:set': { 'v:"a"': {} } } },
  ],
  [
    'an item by its key',
    { items: [{ name: 'a', value: '1' }, { name: 'b' }] },
    { items: [{ name: 'b' }, { name: 'a', value: '2' }] },
    { touched: { 'f:items': { 'k:{"name":"a"}': { 'f:value': {} } } } },
  ],
  [
    'an item with a default key',
    { ports: [] },
    { ports: [{ port: 443 }, { port: 80, proto: 'UDP' }] },
    {
      touched: {
        'f:ports': {
          'k:{"port":80,"proto":"UDP"}': { '.': {}, 'f:port': {}, 'f:proto': {} },
          'k:{"port":443,"proto":"TCP"}': { '.': {}, 'f:port': {} },
        },
      },
    },
  ],
  [
    'items with one key',
    { items: [{ name: 'a' }] },
    { items: [{ name: 'a' }, { name: 'a', value: '1' }] },
    {
      touched: { 'f:items': { 'k:{"name":"a"}': {} } },
      removed: { 'f:items': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} } } },
    },
  ],
  [
    'what no schema knows',
    { open: { a: { b: 1 }, c: [1] } },
    { open: { a: { b: 2 }, c: [2] } },
    { touched: { 'f:open': { 'f:a': { 'f:b': {} }, 'f:c': {} } } },
  ],
  [
    'another type where any may be',
    { open: { a: { b: 1 } } },
    { open: { a: 'x' } },
    { touched: { 'f:open': { 'f:a': {} } }, removed: { 'f:open': { 'f:a': { 'f:b': {} } } } },
  ],
  [
    'members that every object inherits',
    { map: {} },
    { map: { constructor: 'x' } },
    { touched: { 'f:map': { 'f:constructor': {} } } },
  ],
]

for (const [name, before, after, expected] of changes) {
  test(`fields that change: ${name}`, () => {
    assert.deepEqual(JSON.parse(JSON.stringify(compareFields(shape, before, after) ?? null)), expected ?? null)
  })
}

test('a key may be called __proto__', () => {
  const after = { map: JSON.parse('{"__proto__":"x"}') as object }
  assert.deepEqual(compareFields(shape, { map: {} }, after)?.touched, { 'f:map': { 'f:__proto__': {} } })
})

test('a change that can only be at some places is looked for there', () => {
  const found = compareFieldsAt(shape, { size: 1, inner: { a: '1', b: '1' } }, { size: 2, inner: { a: '2', b: '2' } }, [
    'inner.b',
  ])
  assert.deepEqual(found?.touched, fieldsNamed('inner.b'))
  assert.equal(compareFieldsAt(shape, { size: 1 }, { size: 2 }, ['inner.b', 'map']), undefined)
})

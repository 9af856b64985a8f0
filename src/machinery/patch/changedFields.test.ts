import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsNamed } from './fieldSet.ts'
import { compareFields, compareFieldsAt, createdFields } from './changedFields.ts'
import { shape } from './testShape.ts'

const changes: readonly [string, object, object, object | undefined][] = [
  ['nothing', { size: 1, map: { a: '1' } }, { map: { a: '1' }, size: 1 }, undefined],
  ['a value', { size: 1 }, { size: 2 }, { modified: { 'f:size': {} } }],
  ['a value that comes', {}, { size: 1 }, { added: { 'f:size': {} } }],
  ['a value that goes', { size: 1 }, {}, { removed: { 'f:size': {} } }],
  ['an entry of a map', { map: { a: '1' } }, { map: { a: '1', b: '2' } }, { added: { 'f:map': { 'f:b': {} } } }],
  ['a whole map', {}, { map: { a: '1' } }, { added: { 'f:map': { '.': {}, 'f:a': {} } } }],
  ['an empty map', {}, { map: {} }, { added: { 'f:map': {} } }],
  ['a map that becomes empty', { map: { a: '1' } }, { map: {} }, { removed: { 'f:map': { 'f:a': {} } } }],
  ['null becomes a map', { map: null }, { map: { a: '1' } }, { added: { 'f:map': { 'f:a': {} } } }],
  ['an atomic struct', { whole: { a: '1' } }, { whole: { a: '2' } }, { modified: { 'f:whole': {} } }],
  ['an atomic list', { list: ['a'] }, { list: ['a', 'b'] }, { modified: { 'f:list': {} } }],
  [
    'a set',
    { set: ['a', 'b'] },
    { set: ['b', 'c'] },
    { added: { 'f:set': { 'v:"c"': {} } }, removed: { 'f:set': { 'v:"a"': {} } } },
  ],
  [
    'an item by its key',
    { items: [{ name: 'a', value: '1' }, { name: 'b' }] },
    { items: [{ name: 'b' }, { name: 'a', value: '2' }] },
    { modified: { 'f:items': { 'k:{"name":"a"}': { 'f:value': {} } } } },
  ],
  [
    'an item with a default key',
    { ports: [] },
    { ports: [{ port: 443 }, { port: 80, proto: 'UDP' }] },
    {
      added: {
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
      added: { 'f:items': { 'k:{"name":"a"}': {} } },
      removed: { 'f:items': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} } } },
    },
  ],
  [
    'what no schema knows',
    { open: { a: { b: 1 }, c: [1] } },
    { open: { a: { b: 2 }, c: [2] } },
    { modified: { 'f:open': { 'f:a': { 'f:b': {} }, 'f:c': {} } } },
  ],
  [
    'another type where any may be',
    { open: { a: { b: 1 } } },
    { open: { a: 'x' } },
    { modified: { 'f:open': { 'f:a': {} } }, removed: { 'f:open': { 'f:a': { 'f:b': {} } } } },
  ],
  [
    'members that every object inherits',
    { map: {} },
    { map: { constructor: 'x' } },
    { added: { 'f:map': { 'f:constructor': {} } } },
  ],
]

for (const [name, before, after, expected] of changes) {
  test(`fields that change: ${name}`, () => {
    assert.deepEqual(JSON.parse(JSON.stringify(compareFields(shape, before, after) ?? null)), expected ?? null)
  })
}

test('a key may be called __proto__', () => {
  const after = { map: JSON.parse('{"__proto__":"x"}') as object }
  assert.deepEqual(compareFields(shape, { map: {} }, after)?.added, { 'f:map': { 'f:__proto__': {} } })
})

test('a change that can only be at some places is looked for there', () => {
  const found = compareFieldsAt(shape, { size: 1, inner: { a: '1', b: '1' } }, { size: 2, inner: { a: '2', b: '2' } }, [
    'inner.b',
  ])
  assert.deepEqual(found?.modified, fieldsNamed('inner.b'))
  assert.equal(compareFieldsAt(shape, { size: 1 }, { size: 2 }, ['inner.b', 'map']), undefined)
})

test('what a new object sets is what it adds to an empty one, in order', () => {
  const empty = { inner: {}, items: [] }
  const object = {
    size: 0,
    ports: [{ port: 443 }, { port: 80 }],
    items: [{ name: 'b', value: '1' }, { name: 'a' }, { name: 'b' }],
    inner: { b: '1' },
    map: { z: '1', a: '2' },
    open: {},
    whole: { a: '1' },
  }
  const created = createdFields(shape, empty, object)
  assert.deepEqual(created, compareFields(shape, empty, object)?.added)
  assert.equal(
    JSON.stringify(created),
    JSON.stringify({
      'f:inner': { 'f:b': {} },
      'f:items': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} }, 'k:{"name":"b"}': {} },
      'f:map': { '.': {}, 'f:a': {}, 'f:z': {} },
      'f:open': {},
      'f:ports': {
        '.': {},
        'k:{"port":80,"proto":"TCP"}': { '.': {}, 'f:port': {} },
        'k:{"port":443,"proto":"TCP"}': { '.': {}, 'f:port': {} },
      },
      'f:size': {},
      'f:whole': {},
    }),
  )
  assert.deepEqual(createdFields(shape, empty, empty), {})
})

test('fields that a new object sets are not told when their text would be too long', () => {
  const empty = {}
  const object = { map: { a: '1', b: '2' }, set: ['x', 'y'], items: [{ name: 'a' }] }
  const all = createdFields(shape, empty, object)
  const { length } = JSON.stringify(all)
  assert.equal(createdFields(shape, empty, object, length), all)
  for (const most of [length - 3, 40, 10, 0]) assert.equal(createdFields(shape, empty, object, most), undefined)
  // What one object may take is nothing to the next.
  assert.equal(createdFields(shape, empty, object), all)
  assert.deepEqual(compareFields(shape, empty, object)?.added, all)
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldsNamed } from './fieldSet.ts'
import { fewNamedFields, fittedFields, namedFields, withNamedParents, withoutFields } from './namedFields.ts'
import { shape } from './testShape.ts'

const named: readonly [string, object, object][] = [
  ['leaves and entries', { size: 1, map: { a: '1' }, inner: { a: '1' } }, fieldsNamed('inner.a', 'map.a', 'size')],
  ['an empty map, an empty set', { map: {}, set: [] }, fieldsNamed('map')],
  ['null', { map: null, size: null, set: null }, fieldsNamed('map', 'set', 'size')],
  ['items', { items: [{ name: 'a' }] }, { 'f:items': { 'k:{"name":"a"}': { '.': {}, 'f:name': {} } } }],
  ['what no schema knows', { open: { a: { b: 1 } } }, { 'f:open': { 'f:a': { '.': {}, 'f:b': {} } } }],
]

for (const [name, value, expected] of named) {
  test(`fields that an object names: ${name}`, () => assert.deepEqual(namedFields(shape, value), expected))
}

test('structs with a name come with what is in them', () => {
  const set = { 'f:inner': { 'f:a': {} }, 'f:items': { 'k:{"name":"a"}': { 'f:value': {} } }, 'f:map': { 'f:x': {} } }
  assert.deepEqual(withNamedParents(shape, set), {
    'f:inner': { '.': {}, 'f:a': {} },
    'f:items': { '.': {}, 'k:{"name":"a"}': { 'f:value': {} } },
    'f:map': { '.': {}, 'f:x': {} },
  })
})

test('fields are taken out of an object', () => {
  const value = { size: 1, map: { a: '1' }, items: [{ name: 'a', value: '1' }, { name: 'b' }], set: ['a', 'b'] }
  const set = {
    'f:items': { 'k:{"name":"a"}': { 'f:value': {} }, 'k:{"name":"b"}': {} },
    'f:map': { 'f:a': {} },
    'f:set': { 'v:"a"': {} },
    'f:size': {},
  }
  assert.deepEqual(withoutFields(shape, value, set), { map: null, items: [{ name: 'a' }], set: ['b'] })
})

test('what became atomic is owned as a whole', () => {
  const set = {
    'f:inner': { 'f:a': {} },
    'f:list': { 'v:"a"': {} },
    'f:map': { 'f:x': {} },
    'f:open': { 'f:a': { 'f:b': {} } },
    'f:whole': { '.': {}, 'f:a': {} },
  }
  assert.deepEqual(fittedFields(shape, set), { ...set, 'f:list': {}, 'f:whole': {} })
  const same = { 'f:inner': { 'f:a': {} }, 'f:whole': {} }
  assert.equal(fittedFields(shape, same), same)
})

test('fields that an object names are not told when they are too many', () => {
  const value = { size: 1, map: { a: '1', b: '2', c: '3' }, items: [{ name: 'a' }, { name: 'b' }] }
  assert.deepEqual(fewNamedFields(shape, value, 5), namedFields(shape, value))
  assert.equal(fewNamedFields(shape, value, 4), undefined)
  assert.equal(fewNamedFields(shape, value, 2), undefined)
  assert.deepEqual(fewNamedFields(shape, value, Infinity), namedFields(shape, value))
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareFields } from './changedFields.ts'
import { createdFields } from './createdFields.ts'
import { newShape, shape } from './testShape.ts'

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
  assert.deepEqual(created, compareFields(shape, empty, object)?.touched)
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
  assert.deepEqual(compareFields(shape, empty, object)?.touched, all)
})

const word = fc.constantFrom('a', 'b', 'constructor', '__proto__')
const anyValue = fc.oneof(word, fc.constant(null), fc.constant(1), fc.constant(true), fc.constant({}), fc.constant([]))
const few = { maxLength: 3 }

/** Objects of a few structures that lie close to each other, the wrong types and odd keys included. */
const objects = fc.record(
  {
    size: anyValue,
    inner: fc.oneof(fc.record({ a: word, b: anyValue }, { requiredKeys: [] }), anyValue),
    map: fc.oneof(fc.dictionary(word, anyValue, { maxKeys: 2 }), anyValue),
    set: fc.oneof(fc.array(anyValue, few), anyValue),
    items: fc.array(fc.oneof(fc.record({ name: anyValue, value: word }, { requiredKeys: [] }), anyValue), few),
    ports: fc.array(
      fc.oneof(fc.record({ port: anyValue, proto: fc.constantFrom('TCP', 'UDP') }, { requiredKeys: [] }), anyValue),
      few,
    ),
    open: fc.oneof(fc.dictionary(word, anyValue, { maxKeys: 2 }), anyValue),
    whole: anyValue,
    other: anyValue,
  },
  { requiredKeys: [] },
)

test('objects of one structure set the same fields, and those of others their own', () => {
  const empty = { inner: {}, items: [], map: null }
  fc.assert(
    fc.property(fc.array(objects, { minLength: 2, maxLength: 8 }), (several) => {
      const seen = newShape()
      // Whatever was seen before, an object sets what it sets alone: the first time and the next.
      for (const object of [...several, ...several]) {
        assert.deepEqual(createdFields(seen, empty, object), createdFields(newShape(), empty, object))
      }
    }),
    { numRuns: 300 },
  )
})

test('parts that were not there before set what they set in a new object', () => {
  fc.assert(
    fc.property(objects, (object) => {
      assert.deepEqual(compareFields(shape, {}, object)?.touched ?? {}, createdFields(shape, {}, object))
    }),
    { numRuns: 300 },
  )
})

import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  difference,
  differenceBelow,
  fieldSetText,
  fieldsNamed,
  hasField,
  intersection,
  leaf,
  pathsOf,
  readFieldSet,
  shared,
  union,
  within,
  withSelf,
  type FieldSet,
} from './fieldSet.ts'
import { compareSteps, fieldPathText } from './fieldSteps.ts'

type Operation = (a: FieldSet, b: FieldSet) => FieldSet

const rows: readonly [string, Operation, FieldSet, FieldSet, FieldSet][] = [
  ['either set', union, fieldsNamed('b'), fieldsNamed('a'), { 'f:a': {}, 'f:b': {} }],
  ['a field and what is below it', union, fieldsNamed('a'), fieldsNamed('a.b'), { 'f:a': { '.': {}, 'f:b': {} } }],
  ['what is below a field, and it', union, fieldsNamed('a.b'), fieldsNamed('a'), { 'f:a': { '.': {}, 'f:b': {} } }],
  ['nothing and something', union, leaf, fieldsNamed('a'), { 'f:a': {} }],
  ['without a field', difference, fieldsNamed('a', 'b.c'), fieldsNamed('a'), { 'f:b': { 'f:c': {} } }],
  ['without all', difference, fieldsNamed('a', 'b.c'), fieldsNamed('a', 'b.c'), {}],
  ['a field stays without what is below it', difference, fieldsNamed('a', 'a.b'), fieldsNamed('a.b'), { 'f:a': {} }],
  ['what is below a field stays without it', difference, fieldsNamed('a', 'a.b'), fieldsNamed('a'), fieldsNamed('a.b')],
  ['without a field and what is below it', differenceBelow, fieldsNamed('a.b', 'c'), fieldsNamed('a'), { 'f:c': {} }],
  ['both sets', intersection, fieldsNamed('a', 'b.c', 'd'), fieldsNamed('b.c', 'd', 'e'), fieldsNamed('b.c', 'd')],
  ['a field is not what is below it', intersection, fieldsNamed('a'), fieldsNamed('a.b'), {}],
  ['what is below a field', within, fieldsNamed('a.b', 'a.c.d', 'e'), fieldsNamed('a'), fieldsNamed('a.b', 'a.c.d')],
]

for (const [name, operation, a, b, expected] of rows) {
  test(`sets of fields: ${name}`, () => assert.deepEqual(operation(a, b), expected))
}

/** Sets in few names, so that they overlap. */
const sets: fc.Arbitrary<FieldSet> = fc
  .array(fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 }), { maxLength: 6 })
  .map((paths) => paths.map((path) => fieldsNamed(path.join('.'))).reduce(union, leaf))

const texts = (set: FieldSet): string[] => [...pathsOf(set)].map(fieldPathText).sort()

test('sets of fields behave as sets of paths, and equal ones have equal texts', () => {
  fc.assert(
    fc.property(sets, sets, (a, b) => {
      const [left, right] = [new Set(texts(a)), new Set(texts(b))]
      assert.deepEqual(texts(union(a, b)), [...left.union(right)].sort())
      assert.deepEqual(texts(intersection(a, b)), [...left.intersection(right)].sort())
      assert.deepEqual(texts(difference(a, b)), [...left.difference(right)].sort())
      assert.equal(fieldSetText(shared(union(a, b))), fieldSetText(shared(union(b, a))))
      assert.deepEqual(readFieldSet(JSON.parse(fieldSetText(a))), a)
    }),
    { numRuns: 300 },
  )
})

test('sets that change nothing are given back as they are', () => {
  const set = fieldsNamed('a.b', 'c')
  assert.equal(union(set, fieldsNamed('c')), set)
  assert.equal(difference(set, fieldsNamed('x', 'a')), set)
  assert.equal(intersection(set, fieldsNamed('a.b', 'c', 'd')), set)
})

test('equal sets are kept once', () => {
  const set = shared(fieldsNamed('a.b'))
  assert.equal(shared(JSON.parse('{"f:a":{"f:b":{}}}') as FieldSet), set)
  assert.ok(Object.isFrozen(set['f:a']))
})

test('members come in one order', () => {
  const steps = [
    '.',
    'f:a',
    'f:b',
    'k:{"name":"a"}',
    'k:{"name":"a.b"}',
    'k:{"name":"ab"}',
    'k:{"port":80,"protocol":"TCP"}',
    'k:{"port":80,"protocol":"UDP"}',
    'k:{"port":443}',
    'v:7',
    'v:10',
    'v:"a"',
    'v:"a\\"b"',
    'v:true',
    'i:2',
    'i:10',
  ]
  const node = Object.fromEntries(steps.toReversed().map((step) => [step, leaf]))
  assert.deepEqual(Object.keys(shared(node)), steps)
  for (const [at, step] of steps.entries()) {
    assert.deepEqual(steps.map((other) => Math.sign(compareSteps(other, step))).indexOf(0), at, step)
  }
})

test('sets from outside are read in order, and only if they are sets', () => {
  const read: readonly [unknown, unknown][] = [
    [
      { 'f:b': {}, 'f:a': { '.': {}, 'k:{"b":1,"a":"<"}': {} } },
      { 'f:a': { '.': {}, 'k:{"a":"\\u003c","b":1}': {} }, 'f:b': {} },
    ],
    [{ 'f:a': { '.': {} } }, { 'f:a': {} }],
    [{ 'f:a': { 'x:later': {} } }, { 'f:a': {} }],
    [{ '.': {} }, {}],
    [{ a: {} }, undefined],
    [{ 'k:{': {} }, undefined],
    [{ 'k:[]': {} }, undefined],
    [{ 'i:x': {} }, undefined],
    [{ 'f:a': 1 }, undefined],
    ['f:a', undefined],
  ]
  for (const [value, expected] of read) assert.deepEqual(readFieldSet(value), expected, JSON.stringify(value))
})

test('paths are written as people read them', () => {
  const set = {
    'f:spec': { 'f:ports': { 'k:{"port":80,"protocol":"TCP"}': withSelf({ 'f:name': leaf }) } },
    'f:finalizers': { 'v:"a/b"': leaf, 'i:3': leaf },
  }
  assert.deepEqual([...pathsOf(set)].map(fieldPathText), [
    '.spec.ports[port=80,protocol="TCP"]',
    '.spec.ports[port=80,protocol="TCP"].name',
    '.finalizers[="a/b"]',
    '.finalizers[3]',
  ])
  assert.ok(hasField(set, ['f:spec', 'f:ports', 'k:{"port":80,"protocol":"TCP"}']))
  assert.ok(!hasField(set, ['f:spec', 'f:ports']))
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { createReport, problemMessage } from '#machinery/validate/report.ts'
import { acceptsOf } from './accepts.ts'
import { coerceEmbedded, reportEmbedded } from './embedded.ts'
import { explainValue } from './explain.ts'
import { fieldPathIn } from './fieldPath.ts'
import { hasFormat, isKnownFormat } from './formats.ts'
import { reportLists } from './lists.ts'
import { applyDefaults } from '#machinery/defaults.ts'
import { isSettled, prune, pruneNulls } from './prune.ts'
import { reportValue } from './reportValue.ts'
import { structuralProblems, unsupportedSchema } from './structuralRules.ts'
import { toSchema } from './toSchema.ts'

/** What is wrong with a value, as upstream says it. */
function problems(schema: JSONSchemaProps, value: unknown, old?: unknown): string[] {
  const { report, problems: found } = createReport()
  reportValue(toSchema(schema), value, old, report)
  return found.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
}

const field = (schema: JSONSchemaProps): JSONSchemaProps => ({ type: 'object', properties: { a: schema } })
const object = { type: 'object' }

describe('values', () => {
  const rows: readonly (readonly [string, JSONSchemaProps, unknown, readonly string[]])[] = [
    ['a text', { type: 'string' }, 'x', []],
    [
      'a wrong type',
      { type: 'string' },
      5,
      ['a: Invalid value: "integer": a in body must be of type string: "integer"'],
    ],
    [
      'a fraction',
      { type: 'integer' },
      1.5,
      ['a: Invalid value: "number": a in body must be of type integer: "number"'],
    ],
    ['a whole number for a fraction', { type: 'number' }, 1, []],
    ['a list for an object', object, [], ['a: Invalid value: "array": a in body must be of type object: "array"']],
    ['null', { type: 'string' }, null, ['a: Invalid value: "null": a in body must be of type string: "null"']],
    ['null where it is a value', { type: 'string', nullable: true }, null, []],
    [
      'null among values',
      { nullable: true, enum: ['x', null] },
      null,
      ['a: Unsupported value: "null": supported values: "x", "null"'],
    ],
    ['either, a number', { 'x-kubernetes-int-or-string': true }, 5, []],
    [
      'either, a truth',
      { 'x-kubernetes-int-or-string': true },
      true,
      ['a: Invalid value: "boolean": a in body must be of type integer,string: "boolean"'],
    ],
    [
      'a number with a format',
      { type: 'integer', format: 'int32' },
      {},
      ['a: Invalid value: "": a in body must be of type int32: ""'],
    ],
    [
      'too small',
      { type: 'integer', minimum: 3 },
      2,
      ['a: Invalid value: 2: a in body should be greater than or equal to 3'],
    ],
    [
      'not large enough',
      { type: 'integer', minimum: 3, exclusiveMinimum: true },
      3,
      ['a: Invalid value: 3: a in body should be greater than 3'],
    ],
    [
      'too large',
      { type: 'number', maximum: 0.5 },
      1,
      ['a: Invalid value: 1: a in body should be less than or equal to 0.5'],
    ],
    ['a multiple', { type: 'number', multipleOf: 0.1 }, 0.3, []],
    [
      'no multiple',
      { type: 'integer', multipleOf: 5 },
      7,
      ['a: Invalid value: 7: a in body should be a multiple of 5'],
    ],
    [
      'too long, in characters',
      { type: 'string', maxLength: 2 },
      'é😀x',
      ['a: Too long: may not be more than 2 bytes'],
    ],
    ['as long as it may be', { type: 'string', maxLength: 2 }, 'é😀', []],
    [
      'too short',
      { type: 'string', minLength: 2 },
      'x',
      ['a: Invalid value: "x": a in body should be at least 2 chars long'],
    ],
    ['no match', { type: 'string', pattern: '^a+$' }, 'b', ['a: Invalid value: "b": a in body should match \'^a+$\'']],
    [
      'no date',
      { type: 'string', format: 'date' },
      'x',
      ['a: Invalid value: "x": a in body must be of type date: "x"'],
    ],
    [
      'another word',
      { type: 'string', enum: ['x', 'y'] },
      'z',
      ['a: Unsupported value: "z": supported values: "x", "y"'],
    ],
    ['one of these objects', { enum: [{ b: 1 }] }, { b: 1 }, []],
    [
      'too few items',
      { type: 'array', items: object, minItems: 1 },
      [],
      ['a: Invalid value: 0: a in body should have at least 1 items'],
    ],
    [
      'too many items',
      { type: 'array', items: object, maxItems: 1 },
      [{}, {}],
      ['a: Too many: 2: must have at most 1 item'],
    ],
    [
      'a wrong item',
      { type: 'array', items: { type: 'string' } },
      ['x', 1],
      ['a[1]: Invalid value: "integer": a[1] in body must be of type string: "integer"'],
    ],
    [
      'too many members',
      { type: 'object', maxProperties: 1 },
      { b: 1, c: 2 },
      ['a: Too many: 2: must have at most 1 item'],
    ],
    [
      'too few members',
      { type: 'object', minProperties: 1 },
      {},
      ['a: Invalid value: 0: a in body should have at least 1 properties'],
    ],
    [
      'a value of a map',
      { type: 'object', additionalProperties: { type: 'string' } },
      { k: 1 },
      ['a.k: Invalid value: "integer": a.k in body must be of type string: "integer"'],
    ],
    [
      'nothing but fields',
      { type: 'object', additionalProperties: false },
      { k: 1 },
      ['a: Invalid value: "k": a.k in body is a forbidden property'],
    ],
    ['a field that must be there', { type: 'object', required: ['b'] }, {}, ['a.b: Required value']],
    ['a field of an odd name', { type: 'object', required: ['__proto__'] }, {}, ['a.__proto__: Required value']],
    [
      'none of several',
      { type: 'string', anyOf: [{ pattern: '^x' }, { minLength: 9 }] },
      'y',
      [
        '<nil>: Invalid value: "": "a" must validate at least one schema (anyOf)',
        'a: Invalid value: "y": a in body should match \'^x\'',
      ],
    ],
    [
      'two of several',
      { type: 'string', oneOf: [{ pattern: '^x' }, { minLength: 1 }] },
      'x',
      ['<nil>: Invalid value: "": "a" must validate one and only one schema (oneOf). Found 2 valid alternatives'],
    ],
    [
      'not all',
      { type: 'string', allOf: [{ pattern: '^x' }, { minLength: 1 }] },
      'y',
      [
        'a: Invalid value: "y": a in body should match \'^x\'',
        '<nil>: Invalid value: "": "a" must validate all the schemas (allOf)',
      ],
    ],
    [
      'what must not be',
      { type: 'string', not: { enum: ['x'] } },
      'x',
      ['<nil>: Invalid value: "": "a" must not validate the schema (not)'],
    ],
  ]
  for (const [name, schema, value, expected] of rows) {
    test(name, () => assert.deepEqual(problems(field(schema), { a: value }), expected))
  }
})

test('the fast test and the thorough one agree', () => {
  const leaf = fc.constantFrom<JSONSchemaProps>(
    { type: 'string', maxLength: 2 },
    { type: 'integer', minimum: 0 },
    { type: 'boolean', nullable: true },
    { 'x-kubernetes-int-or-string': true },
    { type: 'string', format: 'date' },
    { enum: ['x', 1] },
    { anyOf: [{ minLength: 1 }, { maximum: 3 }] },
    { not: { enum: [1] } },
  )
  const { schema } = fc.letrec<{ schema: JSONSchemaProps }>((tie) => ({
    schema: fc.oneof(
      { depthSize: 'small' },
      leaf,
      fc.record({ type: fc.constant('array'), items: tie('schema'), maxItems: fc.constant(2) }),
      fc.record({ type: fc.constant('object'), additionalProperties: tie('schema') }),
      fc.record({
        type: fc.constant('object'),
        properties: fc.dictionary(fc.constantFrom('a', 'b'), tie('schema')),
        required: fc.constantFrom<string[]>([], ['a']),
      }),
      fc.record({ oneOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
      fc.record({ allOf: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }) }),
    ),
  }))
  const value = fc.jsonValue({ maxDepth: 3, noUnicodeString: false })
  fc.assert(
    fc.property(schema, value, (props, given) => {
      const made = toSchema(props)
      const isValid = acceptsOf(made)(given)
      // The thorough one asks the fast one first, so it is asked about what stands around the value.
      const around = explainValue({ type: 'object', required: ['none'], properties: { a: made } }, { a: given })
      assert.equal(around.length === 1, isValid, JSON.stringify(around))
    }),
    { numRuns: 60, seed: 7 },
  )
})

test('what was stored may stay as it was', () => {
  const schema = field({
    type: 'array',
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['k'],
    items: { type: 'object', properties: { k: { type: 'string' }, n: { type: 'integer', maximum: 5 } } },
  })
  const old = {
    a: [
      { k: 'x', n: 9 },
      { k: 'y', n: 9 },
    ],
  }
  assert.deepEqual(problems(schema, old, old), [])
  assert.deepEqual(
    problems(
      schema,
      {
        a: [
          { k: 'y', n: 9 },
          { k: 'z', n: 1 },
        ],
      },
      old,
    ),
    [],
  )
  assert.deepEqual(problems(schema, { a: [{ k: 'y', n: 8 }] }, old), [
    'a[0].n: Invalid value: 8: a[0].n in body should be less than or equal to 5',
  ])
})

test('fields that the schema does not know go, nulls that say nothing too', () => {
  const schema = toSchema({
    type: 'object',
    properties: {
      list: { type: 'array', items: { type: 'object', properties: { a: { type: 'integer' } } } },
      map: { type: 'object', additionalProperties: { type: 'object', properties: { b: { type: 'string' } } } },
      any: { type: 'object', additionalProperties: true },
      open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { in: { type: 'object' } } },
      whole: { type: 'object', 'x-kubernetes-embedded-resource': true, properties: { x: { type: 'string' } } },
      maybe: { type: 'string', nullable: true },
      filled: { type: 'string', default: 'x' },
    },
  })
  const value = {
    apiVersion: 'a/v1',
    metadata: { any: 1 },
    list: [{ a: null, bogus: 2 }],
    map: { k: { b: 'x', c: 1 } },
    any: { k: { lost: 1 }, l: 5 },
    open: { kept: { deep: 1 }, in: { lost: 1 } },
    whole: { kind: 'X', metadata: { name: 'y' }, other: 1 },
    maybe: null,
    filled: null,
    other: JSON.parse('{"__proto__":1}') as object,
  }
  assert.deepEqual(prune(schema, value), [
    'any.k.lost',
    'list[0].bogus',
    'map.k.c',
    'open.in.lost',
    'other',
    'whole.other',
  ])
  pruneNulls(schema, value)
  assert.deepEqual(value, {
    apiVersion: 'a/v1',
    metadata: { any: 1 },
    list: [{}],
    map: { k: { b: 'x' } },
    any: { k: {}, l: 5 },
    open: { kept: { deep: 1 }, in: {} },
    whole: { kind: 'X', metadata: { name: 'y' } },
    maybe: null,
    filled: null,
  } as unknown)
})

test('sets and map lists have no item twice', () => {
  const schema = toSchema(
    field({
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
      items: { type: 'object', properties: { s: { type: 'array', 'x-kubernetes-list-type': 'set', items: {} } } },
    }),
  )
  const { report, problems: found } = createReport()
  reportLists(schema, { a: [{ k: 1, s: [1, '1', 1, 1] }, { k: 1 }, {}, {}] }, report)
  assert.deepEqual(
    found.map((problem) => `${problem.field}: ${problemMessage(problem)}`),
    ['a[1]: Duplicate value: {"k":1}', 'a[3]: Duplicate value: {}', 'a[0].s[2]: Duplicate value: 1'],
  )
})

test('objects within objects are objects', () => {
  const schema = toSchema(
    field({ type: 'object', 'x-kubernetes-embedded-resource': true, 'x-kubernetes-preserve-unknown-fields': true }),
  )
  const check = (value: unknown): string[] => {
    const { report, problems: found } = createReport()
    coerceEmbedded(schema, { a: value }, report)
    if (found.length === 0) reportEmbedded(schema, { a: value }, report, () => {})
    return found.map((problem) => `${problem.field}: ${problemMessage(problem)}`)
  }
  assert.deepEqual(check({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'x' } }), [])
  assert.deepEqual(check({ metadata: {} }), ['a.apiVersion: Required value', 'a.kind: Required value'])
  assert.deepEqual(check({ apiVersion: 5, kind: 'Pod' }), ['a.apiVersion: Invalid value: 5: must be a string'])
  assert.deepEqual(check({ apiVersion: 'a/b/c', kind: '' }), [
    'a.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c',
    'a.kind: Invalid value: "": must not be empty',
  ])
})

test('formats', () => {
  const rows: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
    'date-time': [
      ['2020-01-31T09:30:00Z', '2020-01-31t09:30:00.5+01:00'],
      ['2020-01-31', '2020-02-30T00:00:00Z', '2020-01-31T24:00:00Z'],
    ],
    date: [['2024-02-29'], ['2023-02-29', '2023-1-1']],
    duration: [
      ['1h', '22 ns', '3 days'],
      ['x', ''],
    ],
    byte: [['YQ=='], ['YQ=', '']],
    uri: [
      ['https://a.b/c?d', '/a'],
      ['a b', '', 'a'],
    ],
    email: [
      ['a@b.c', 'A <a@b.c>'],
      ['a', 'a@'],
    ],
    hostname: [
      ['a-b.example', 'x'],
      ['-a', 'a..b'],
    ],
    ipv4: [
      ['1.2.3.4', '01.2.3.4'],
      ['1.2.3', '::1'],
    ],
    ipv6: [['::1'], ['1.2.3.4', ':']],
    cidr: [['10.0.0.0/8', 'fd00::/8'], ['10.0.0.0']],
    mac: [
      ['01:23:45:67:89:ab', '0123.4567.89ab'],
      ['01:23', '01:23:45:67:89-ab'],
    ],
    uuid: [['123e4567-e89b-12d3-a456-426614174000', '123E4567E89B12D3A456426614174000'], ['123']],
    uuid4: [['123e4567-e89b-42d3-a456-426614174000'], ['123e4567-e89b-12d3-a456-426614174000']],
    isbn: [['0321751043', '978-0321751041'], ['0321751044']],
    creditcard: [['4111 1111 1111 1111'], ['4111111111111112']],
    ssn: [['111-22-3333'], ['111223333']],
    hexcolor: [['#fff', 'a1b2c3'], ['#ffff']],
    rgbcolor: [['rgb(1, 2,3)'], ['rgb(1,2,256)']],
    'k8s-short-name': [['a-b'], ['A', 'a.b']],
    'k8s-long-name': [['a.b'], ['a..b']],
    password: [['anything'], []],
  }
  for (const [format, [right, wrong]] of Object.entries(rows)) {
    assert.ok(isKnownFormat('string', format), format)
    for (const text of right) assert.ok(hasFormat(format, text), `${format} ${text}`)
    for (const text of wrong) assert.ok(!hasFormat(format, text), `${format} ${text}`)
  }
  assert.deepEqual([isKnownFormat('string', 'other'), isKnownFormat('object', 'date')], [false, false])
})

test('paths of fields', () => {
  const schema = toSchema({
    type: 'object',
    properties: {
      a: { type: 'object', additionalProperties: { type: 'object', properties: { 'b.c': { type: 'string' } } } },
    },
  })
  const path = fieldPathIn(schema, ".a['k'].b")
  assert.deepEqual(path, { problem: 'does not refer to a valid field' })
  const found = fieldPathIn(schema, ".a.k['b.c']")
  assert.deepEqual('steps' in found && found.steps, [
    { name: 'a', isKey: false },
    { name: 'k', isKey: true },
    { name: 'b.c', isKey: false },
  ])
  const rows: readonly (readonly [string, string])[] = [
    ['a', 'expected [ or . but got: a'],
    ['.', 'unexpected end of JSON path'],
    ['.a[k]', 'expected single quoted string but got k'],
    [".a['k'", 'unexpected end of JSON path'],
    [".a['\\k']", 'invalid string literal: invalid escape char \\k'],
  ]
  for (const [text, problem] of rows) assert.deepEqual(fieldPathIn(schema, text), { problem }, text)
  assert.deepEqual(fieldPathIn(schema, ".a['k']", { brackets: false }), { problem: 'array notation is not allowed' })
})

describe('schemas that are not structural', () => {
  const rows: readonly (readonly [string, JSONSchemaProps, readonly string[]])[] = [
    ['no type', {}, ['s.type: Required value: must not be empty at the root']],
    [
      'no type of a field',
      field({}),
      ['s.properties[a].type: Required value: must not be empty for specified object fields'],
    ],
    ['no items', field({ type: 'array' }), ['s.properties[a].items: Required value: must be specified']],
    [
      'a map at the root',
      { ...object, additionalProperties: { type: 'string' } },
      ['s.additionalProperties: Forbidden: must not be used at the root'],
    ],
    [
      'a type within a junctor',
      { ...field({ type: 'string' }), anyOf: [{ properties: { a: { type: 'string' } } }] },
      ['s.anyOf[0].properties[a].type: Forbidden: must be empty to be structural'],
    ],
    [
      'a field of a junctor alone',
      { ...object, anyOf: [{ properties: { b: { minLength: 1 } } }] },
      ['s.properties[b]: Required value: because it is defined in s.anyOf[0].properties[b]'],
    ],
    [
      'either, as it is written',
      field({ 'x-kubernetes-int-or-string': true, anyOf: [{ type: 'integer' }, { type: 'string' }] }),
      [],
    ],
    [
      'metadata',
      { ...object, properties: { metadata: { ...object, properties: { labels: object } } } },
      [
        's.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
      ],
    ],
    [
      'a wrong pattern',
      field({ type: 'string', pattern: '(' }),
      [
        's.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn\'t: error parsing regexp: missing closing ): `(`',
      ],
    ],
    [
      'an empty embedded object',
      field({ ...object, 'x-kubernetes-embedded-resource': true }),
      [
        's.properties[a].properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields',
      ],
    ],
  ]
  for (const [name, schema, expected] of rows) {
    test(name, () => {
      const found = structuralProblems(schema, 's').map((problem) => `${problem.field}: ${problemMessage(problem)}`)
      assert.deepEqual(found, expected)
    })
  }
  test('what has no place in any', () => {
    assert.equal(unsupportedSchema(field({ $ref: '#/x' })), "OpenAPIV3Schema '$ref' is not supported")
    assert.equal(unsupportedSchema(field({ items: [{}] })), "OpenAPIV3Schema 'items' must be a schema, but is an array")
    assert.equal(unsupportedSchema(field({ type: 'string' })), undefined)
  })
})

describe('what pruning and completing would leave as it is', () => {
  const schema = toSchema({
    type: 'object',
    properties: {
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: {
        type: 'object',
        properties: {
          a: { type: 'string' },
          d: { type: 'string', default: 'x' },
          n: { type: 'string', nullable: true },
          list: { type: 'array', items: { type: 'object', properties: { b: { type: 'integer' } } } },
          texts: { type: 'array', items: { type: 'string', default: 'y' } },
          map: { type: 'object', additionalProperties: { type: 'object', properties: { c: { type: 'string' } } } },
          open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { a: { type: 'string' } } },
          whole: {
            type: 'object',
            'x-kubernetes-embedded-resource': true,
            properties: { spec: { type: 'object', properties: { a: { type: 'string' } } } },
          },
        },
      },
    },
  })
  const head = { apiVersion: 'a/v1', kind: 'A', metadata: { name: 'a', odd: null } }
  const settled: readonly (readonly [string, unknown])[] = [
    ['nothing', undefined],
    ['all that must be', { d: '' }],
    ['null where it is a value', { d: '', n: null }],
    ['items', { d: '', list: [{ b: 1 }, {}, 'no object', null], texts: ['x'] }],
    ['a map', { d: '', map: { x: { c: '' }, y: {} } }],
    ['what is kept', { d: '', open: { a: '', x: null, y: { z: [null, { q: null }] } } }],
    ['a whole object', { d: '', whole: { apiVersion: 'v1', kind: 'X', metadata: { name: 'x' }, spec: { a: '' } } }],
  ]
  const others: readonly (readonly [string, unknown])[] = [
    ['a default that is missing', {}],
    ['null for a default', { d: null }],
    ['null for a value', { d: '', a: null }],
    ['a field that nobody knows', { d: '', x: 1 }],
    ['one in an item', { d: '', list: [{}, { x: 1 }] }],
    ['null in an item', { d: '', list: [{ b: null }] }],
    ['an item for which there is a default', { d: '', texts: [null] }],
    ['a field that nobody knows in a map', { d: '', map: { x: { y: 1 } } }],
    ['null in a map', { d: '', map: { x: null } }],
    ['null below what is kept', { d: '', open: { a: null } }],
    ['a field that nobody knows in a whole object', { d: '', whole: { kind: 'X', x: 1 } }],
  ]
  const completed = (value: object): unknown => {
    const copy = structuredClone(value)
    prune(schema, copy)
    pruneNulls(schema, copy)
    applyDefaults(schema, copy)
    return copy
  }
  for (const [name, spec] of settled) {
    test(name, () => {
      const value = spec === undefined ? head : { ...head, spec }
      assert.deepEqual(completed(value), value)
      assert.equal(isSettled(schema, value), true)
    })
  }
  for (const [name, spec] of others) {
    test(`other than ${name}`, () => {
      const value = { ...head, spec }
      assert.notDeepEqual(completed(value), value)
      assert.equal(isSettled(schema, value), false)
    })
  }

  test('is never said of what would be changed', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom('a', 'd', 'n', 'list', 'texts', 'map', 'open', 'x'), fc.jsonValue(), {
          noNullPrototype: true,
        }),
        (spec) => {
          const value = { ...head, spec }
          if (isSettled(schema, value)) assert.deepEqual(completed(value), value)
        },
      ),
    )
  })
})

test('items of sets that only look alike do not stand twice', () => {
  const schema = toSchema({ type: 'object', properties: { a: { type: 'array', 'x-kubernetes-list-type': 'set' } } })
  const duplicates = (a: readonly unknown[]): string[] => {
    const { report, problems: found } = createReport()
    reportLists(schema, { a }, report)
    return found.map((problem) => problem.field)
  }
  assert.deepEqual(duplicates([1, '1', '\0"1"', [1], '\0[1]', '[1]', true, 'true', null, 'null']), [])
  assert.deepEqual(duplicates(['\0', [1], '\0', [1], [1]]), ['a[2]', 'a[3]'])
})

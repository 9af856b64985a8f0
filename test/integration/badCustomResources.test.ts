// Definitions and objects that are meant to hurt: each is answered precisely, and soon. What would take minutes if somebody
// looked at it naively makes the test run into its timeout.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { customResourceDefinitions } from '#api/apiextensions/v1/customResourceDefinition.ts'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { define, definition, refusal, widget, widgets, withServer } from './customResourcesFixture.ts'

const namespace = 'default'
const spec = (own: JSONSchemaProps): JSONSchemaProps => ({ type: 'object', properties: { spec: own } })
const struct = (properties: Record<string, JSONSchemaProps>): JSONSchemaProps => ({ type: 'object', properties })
const listOf = (items: JSONSchemaProps, own: JSONSchemaProps = {}): JSONSchemaProps => ({
  type: 'array',
  items,
  ...own,
})
const crd = (openAPIV3Schema: JSONSchemaProps) =>
  definition([{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }])
const many = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i))
/** JSON.parse makes `__proto__` an own member, as it is in a request. */
const proto = (value: string): Record<string, any> => JSON.parse(`{"__proto__":${value},"constructor":${value}}`)

const deep = (levels: number): JSONSchemaProps => (levels === 0 ? { type: 'string' } : struct({ a: deep(levels - 1) }))
const texts = many(60_000, (i) => `v${i}`)

const refused: readonly (readonly [string, JSONSchemaProps, RegExp])[] = [
  ['a reference', spec({ $ref: '#/definitions/x' }), /properties\[spec\]\.\$ref: Forbidden: \$ref is not supported$/],
  [
    'a pattern with repetitions of repetitions',
    spec({ type: 'string', pattern: '((a{1,100}){1,100}){1,100}' }),
    /must be a valid regular expression, but isn't: error parsing regexp: invalid repeat count: `\{1,100\}`$/,
  ],
  ['an enum that no object may be as large as', spec({ type: 'string', enum: many(200_000, (i) => `v${i}`) }), /^413 /],
  [
    'a default that is too large for its own list',
    spec(listOf(struct({ a: { type: 'string' } }), { maxItems: 1, default: many(3, () => ({})) })),
    /properties\[spec\]\.default: Too many: 3: must have at most 1 items?$/,
  ],
]

test('hostile definitions are refused', () =>
  withServer(async (client) => {
    for (const [name, schema, problem] of refused) {
      const said = await refusal(() => client.create(customResourceDefinitions, crd(schema)))
      assert.match(said, problem, name)
    }
  }))

const tooLarge = '413 Request entity too large: with its defaults, the object is larger than any may be'
const objects: readonly (readonly [string, JSONSchemaProps, unknown, string | RegExp | undefined])[] = [
  ['a schema of two hundred levels', spec(deep(200)), { a: { a: 1 } }, /spec\.a\.a: Invalid value: "integer"/],
  [
    'every value of a large enum',
    spec(struct({ e: listOf({ type: 'string', enum: texts }) })),
    { e: texts },
    undefined,
  ],
  [
    'no value of a large enum, again and again',
    spec(struct({ e: listOf({ type: 'string', enum: texts }) })),
    { e: many(2_000, (i) => `no${i}`) },
    /^422 .*spec\.e\[0\]: Unsupported value: "no0": supported values: "v0", "v1".* more"/,
  ],
  ['members that every object seems to have', spec(struct(proto('{"type":"string"}'))), proto('"x"'), undefined],
  [
    'such members with wrong values',
    spec(struct(proto('{"type":"string"}'))),
    proto('1'),
    /spec\.__proto__: Invalid value: "integer": spec\.__proto__ in body must be of type string: "integer"/,
  ],
  ['members that are not there', spec(struct({ constructor: { type: 'object' } })), {}, undefined],
  [
    'a pattern that explodes elsewhere',
    spec(struct({ p: { type: 'string', pattern: '^(a+)+$' } })),
    { p: `${'a'.repeat(50_000)}b` },
    /spec\.p in body should match '\^\(a\+\)\+\$'$/,
  ],
  [
    'a set of which most stand twice',
    spec(struct({ l: listOf({ type: 'string' }, { 'x-kubernetes-list-type': 'set' }) })),
    { l: many(100_000, (i) => `x${i % 3}`) },
    '422 Widget.example.com "a" is invalid: [spec.l[3]: Duplicate value: "x0", spec.l[4]: Duplicate value: "x1", spec.l[5]: Duplicate value: "x2"]',
  ],
  [
    'a long list of nothing, with large defaults',
    spec(struct({ l: listOf(struct({ a: { type: 'string', default: 'x'.repeat(100_000) } })) })),
    { l: many(200_000, () => ({})) },
    tooLarge,
  ],
  [
    'the same with lists',
    spec(struct({ l: listOf(struct({ a: listOf({ type: 'integer' }, { default: many(10_000, (i) => i) }) })) })),
    { l: many(200_000, () => ({})) },
    tooLarge,
  ],
  [
    'alternatives for every item of a long list',
    spec(struct({ l: listOf({ type: 'string' }, { anyOf: many(1_000, () => ({ items: { minLength: 5 } })) }) })),
    { l: many(100_000, (i) => `${i}`.padStart(5, '0')).toSpliced(99_999, 1, 'x') },
    '422 Widget.example.com "a" is invalid: <nil>: Invalid value: "object": it is too large to be checked against its schema',
  ],
  ['more than is stored', spec(struct({ l: listOf({ type: 'string' }) })), { l: ['x'.repeat(1_700_000)] }, /^413 /],
]

for (const [name, schema, own, problem] of objects) {
  test(name, () =>
    withServer(async (client) => {
      await define(client, crd(schema))
      const said = await refusal(() => client.create(widgets, widget('a', own as Record<string, unknown>)))
      if (problem === undefined) {
        assert.equal(said, 'nothing was refused')
        const { spec: kept } = await client.get(widgets, { name: 'a', namespace })
        assert.equal(JSON.stringify(kept), JSON.stringify(own))
      } else if (typeof problem === 'string') assert.equal(said, problem)
      else assert.match(said, problem)
      assert.ok(said.length < 3_000_000)
    }),
  )
}

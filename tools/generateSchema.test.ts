import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { generateSchema, type Generated } from './generateSchema.ts'
import { readFacts, type Facts } from './protobufFacts.ts'

let folder = ''
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'schema-'))
})
after(() => rmSync(folder, { recursive: true }))

let count = 0

/** Generates from files by path; lines of errors are given without their folder. */
function generate(files: Readonly<Record<string, string>>, facts: Facts = new Map()): Generated {
  const root = join(folder, String(count++))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  const generated = generateSchema(root, facts)
  const plain = (line: string) => line.replace(/^.*?(?=[a-z]+\/v1\/)/, '')
  return { ...generated, errors: generated.errors.map(plain), warnings: generated.warnings.map(plain) }
}

const one = (body: string, head = ''): Generated =>
  generate({ 'core/v1/thing.ts': `${head}\n/** A thing. */\nexport interface Thing {\n${body}\n}\n` })
const fieldsOf = (generated: Generated) => generated.definitions['io.k8s.api.core.v1.Thing']?.['properties']

it('a version repeats types of another one and uses its own where it has them', () => {
  const types = `
    /** A thing. */
    export interface Thing extends TypeMeta {
      /** Its part. */
      part: Part
      /** What is the same everywhere. */
      other: Other
    }
    /** A part. */
    export interface Part {
      /** A number. */
      a?: int32
    }
    /** The same everywhere. */
    export interface Other {}
    /** What every object says of itself. */
    export interface TypeMeta {
      /** The kind. */
      kind?: string
      /** The version. */
      apiVersion?: string
    }`
  const { definitions, errors } = generate({
    'storage/v1/thing.ts': types,
    'storage/v1beta1/thing.ts': `export type { Thing, Part } from '../v1/thing.ts'`,
  })
  assert.deepEqual(errors, [])
  const thing = definitions['io.k8s.api.storage.v1beta1.Thing'] as any
  assert.deepEqual(
    [thing.kind, thing.properties.part.ref, thing.properties.other.ref],
    [['storage.k8s.io', 'v1beta1', 'Thing'], 'io.k8s.api.storage.v1beta1.Part', 'io.k8s.api.storage.v1.Other'],
  )
  assert.ok('io.k8s.api.storage.v1beta1.Part' in definitions)
})

it('a repetition names what there is', () => {
  const { errors } = generate({
    'storage/v1beta1/thing.ts': `export type { Thing } from '../v1/thing.ts'`,
    'storage/v1/thing.ts': '',
  })
  assert.match(errors.join(), /cannot find type "Thing"/)
})

describe('fields become schemas', () => {
  const rows: readonly (readonly [string, object])[] = [
    ['/** A. */\n a?: string', { a: { type: 'string' } }],
    [
      '/** A. @default 3 @minimum 0 */\n a?: int32',
      { a: { type: 'integer', format: 'int32', default: 3, minimum: 0 } },
    ],
    ['/** A. @default "" */\n a?: string', { a: { type: 'string', default: '' } }],
    ['/** A. @default 25% */\n a?: IntOrString', { a: { format: 'int-or-string', default: '25%' } }],
    ['/** A. @default 1 */\n a?: IntOrString', { a: { format: 'int-or-string', default: 1 } }],
    ["/** A. @default x */\n a?: 'x' | 'y'", { a: { type: 'string', enum: ['x', 'y'], default: 'x' } }],
    [
      '/** A. @atomic */\n a?: Record<string, Quantity>',
      { a: { type: 'object', additionalProperties: { type: 'string', format: 'quantity' }, mapType: 'atomic' } },
    ],
    ['/** A. */\n a: string[] | null', { a: { type: 'array', items: { type: 'string' }, nullable: true } }],
    ['/** A. */\n a?: Record<string, unknown>', { a: { type: 'object', preserveUnknownFields: true } }],
    ['/** A. @default {} */\n a?: Partial<Thing>', { a: { ref: 'io.k8s.api.core.v1.Thing', default: {} } }],
    [
      '/** A. @listSet @merge */\n a?: string[]',
      { a: { type: 'array', items: { type: 'string' }, listType: 'set', mergeKey: '' } },
    ],
    [
      '/**\n * A `@word` in quotes, me@example.com.\n * @listMap name port\n * @minItems 1\n */\n a: Thing[]',
      {
        a: {
          type: 'array',
          items: { ref: 'io.k8s.api.core.v1.Thing' },
          listType: 'map',
          listMapKeys: ['name', 'port'],
          mergeKey: 'name',
          minItems: 1,
        },
      },
    ],
    [
      '/** A. @listMap name @replace */\n a?: Thing[]',
      { a: { type: 'array', items: { ref: 'io.k8s.api.core.v1.Thing' }, listType: 'map', listMapKeys: ['name'] } },
    ],
  ]
  for (const [body, expected] of rows) {
    it(body.replaceAll('\n', ' '), () => {
      const generated = one(body)
      assert.deepEqual(generated.errors, [])
      assert.deepEqual(fieldsOf(generated), expected)
    })
  }

  it('follows imports, aliases and what an interface extends', () => {
    const generated = generate({
      'meta/v1/base.ts':
        '/** Base. */\nexport interface TypeMeta {\n /** @optional */\n kind: string\n}\nexport type Mode = "a" | "b"\n',
      'apps/v1/thing.ts':
        "import type { TypeMeta, Mode as Way } from '#api/meta/v1/base.ts'\n/** Thing. */\nexport interface Thing extends TypeMeta {\n /** Mode. */\n mode: Way\n}\n",
    })
    assert.deepEqual(generated.errors, [])
    assert.deepEqual(generated.definitions['io.k8s.api.apps.v1.Thing'], {
      type: 'object',
      kind: ['apps', 'v1', 'Thing'],
      properties: { kind: { type: 'string' }, mode: { type: 'string', enum: ['a', 'b'] } },
      required: ['mode'],
    })
    assert.equal(generated.descriptions['io.k8s.api.apps.v1.Thing mode'], 'Mode.')
  })

  it('adds what is known about the wire', () => {
    const facts: Facts = new Map([
      ['io.k8s.api.core.v1.Thing', new Map([['a', { path: [2, 1], zero: 'drop' as const, goType: '[]v1.Mode' }]])],
    ])
    const text = '/** T. */\nexport interface Thing {\n /** A. */\n a?: string[]\n /** B. */\n b?: string\n}\n'
    const generated = generate({ 'core/v1/thing.ts': text }, facts)
    assert.deepEqual(fieldsOf(generated), {
      a: { type: 'array', items: { type: 'string', goType: 'v1.Mode' }, zero: 'drop', wire: [2, 1] },
      b: { type: 'string' },
    })
    assert.deepEqual(generated.errors, [
      'core/v1/thing.ts:6: io.k8s.api.core.v1.Thing b has no entry in protobufNumbers.json',
    ])
  })
})

describe('what is not understood is refused by line', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['/** A. @defualt 3 */\n a?: int32', '4: unknown tag @defualt'],
    ['/** A. @default 3 @default 4 */\n a?: int32', '4: @default stands twice'],
    ['/** A. @default three */\n a?: int32', '5: a: @default needs a number, not "three"'],
    ["/** A. @default z */\n a?: 'x' | 'y'", '5: a: @default "z" is none of its values'],
    ['/** A. @minimum 1 */\n a?: string', '5: a: @minimum does not fit a value of type string'],
    ['/** A. @listMap name */\n a?: string', '5: a: @listMap fits lists only'],
    ['/** A. */\n a?: number', '5: a number needs a width: int32, int64 or double'],
    ['/** A. */\n a?: Missing', '5: cannot find type "Missing"'],
    ['/** A. */\n a?: string | int32', '5: a union may hold string literals only, or a list and null'],
    ['/** A. */\n a?: string | null', '5: a union may hold string literals only, or a list and null'],
    [
      '/** A. */\n a?: { b: string }',
      '5: cannot describe "{ b: string }"; use an interface, a list, a Record or a scalar',
    ],
    ['/** A. */\n a?: Map<string, string>', '5: cannot describe "Map<string, string>"'],
    ['/** A. */\n a(): void', '5: an interface of the wire has fields only'],
    [' a?: string /** A. */', '4: a doc comment starts its own line'],
    ['/** A. */\n a?: string\n /** Nothing. */', '6: this doc comment belongs to nothing'],
  ]
  for (const [body, expected] of rows) {
    it(body.replaceAll('\n', ' '), () => {
      const [first] = one(body).errors
      assert.equal(first, `core/v1/thing.ts:${expected}`)
    })
  }

  it('refuses other statements', () => {
    assert.deepEqual(generate({ 'core/v1/thing.ts': 'export const x = 1\n' }).errors, [
      'core/v1/thing.ts:1: a file of src/api holds imports, interfaces, type aliases, repetitions and resource() values only',
    ])
  })

  it('warns about what has no description', () => {
    assert.deepEqual(generate({ 'core/v1/thing.ts': 'export interface Thing {\n a?: string\n}\n' }).warnings, [
      'core/v1/thing.ts:2: Thing.a has no description',
      'core/v1/thing.ts:1: Thing has no description',
    ])
  })
})

describe('the lock file of wire numbers', () => {
  const rows: readonly (readonly [string, object, RegExp])[] = [
    ['a number twice', { T: { a: '1 keep string', b: '1 drop string' } }, /T uses number 1 for a and b/],
    ['an entry that cannot be read', { T: { a: '0 keep string' } }, /cannot read "0 keep string" of T a/],
  ]
  for (const [name, entries, expected] of rows) {
    it(`refuses ${name}`, () => {
      const path = join(folder, `${count++}.json`)
      writeFileSync(path, JSON.stringify(entries))
      assert.throws(() => readFacts(path), expected)
    })
  }
})

// Objects as large as the store takes, with as many parts as fit: others are answered between the steps of a write, and
// what cannot be stored is refused before anything costly is done with it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JSONSchemaProps } from '#api/apiextensions/v1/jsonSchema.ts'
import { startServer } from './apiServerFixture.ts'
import { listen, type HttpAnswer, type HttpFixture } from './apiServerHttp.ts'
import { define, definition, path } from './customResourcesFixture.ts'
import { clientOver } from '#client/client.ts'

const crds = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
const crd = (openAPIV3Schema: JSONSchemaProps) =>
  definition([{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }])
const mapOf = (additionalProperties: JSONSchemaProps): JSONSchemaProps => ({
  type: 'object',
  properties: { spec: { type: 'object', additionalProperties } },
})
const numbers = (count: number): Record<string, number> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, i % 10]))
const widget = (name: string, spec: object): object => ({
  apiVersion: 'example.com/v1',
  kind: 'Widget',
  metadata: { name },
  spec,
})

/** How many turns the event loop makes until a request is answered. */
async function turnsOf(asking: Promise<HttpAnswer>): Promise<{ readonly answer: HttpAnswer; readonly turns: number }> {
  let turns = 0
  let isDone = false
  const count = (): void => {
    turns++
    if (!isDone) setImmediate(count)
  }
  setImmediate(count)
  const answer = await asking
  isDone = true
  return { answer, turns }
}

async function withWidgets(schema: JSONSchemaProps, use: (http: HttpFixture) => Promise<void>): Promise<void> {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  await define(clientOver(fixture.transport), crd(schema))
  await use(http)
}

const applied = { 'content-type': 'application/apply-patch+yaml' }
const merged = { 'content-type': 'application/merge-patch+json' }

test('large objects are written in many turns, and as they are', () =>
  withWidgets(mapOf({ type: 'integer' }), async (http) => {
    const spec = numbers(40_000)
    const { answer, turns } = await turnsOf(http.ask('POST', path, { body: widget('a', spec) }))
    assert.equal(answer.code, 201)
    assert.ok(turns >= 6, `${turns} turns`)
    const created = JSON.parse(answer.text)
    assert.deepEqual(created.spec, spec)
    assert.equal(Object.keys(created.metadata.managedFields[0].fieldsV1['f:spec']).length, 40_001)
    const change = { metadata: { labels: { a: 'b' } }, spec: { k0: 5, k1: null } }
    const patched = await turnsOf(http.ask('PATCH', `${path}/a`, { body: change, headers: merged }))
    assert.equal(patched.answer.code, 200)
    assert.ok(patched.turns >= 6, `${patched.turns} turns`)
    const rest: Record<string, number> = { ...spec, k0: 5 }
    delete rest['k1']
    assert.deepEqual(JSON.parse(patched.answer.text).spec, rest)
    const small = await http.ask('POST', path, { body: widget('b', numbers(10)) })
    assert.equal(small.code, 201)
    assert.deepEqual(JSON.parse(small.text).spec, numbers(10))
  }))

test('large objects are applied in many turns', () =>
  withWidgets(mapOf({ type: 'integer' }), async (http) => {
    const apply = (spec: object, manager: string) =>
      turnsOf(http.ask('PATCH', `${path}/a?fieldManager=${manager}`, { body: widget('a', spec), headers: applied }))
    const created = await apply(numbers(20_000), 'x')
    assert.equal(created.answer.code, 201)
    assert.ok(created.turns >= 8, `${created.turns} turns`)
    const less = await apply(numbers(15_000), 'x')
    assert.equal(less.answer.code, 200)
    assert.deepEqual(JSON.parse(less.answer.text).spec, numbers(15_000))
    const conflict = await apply({ ...numbers(10_000), k1: 7 }, 'y')
    assert.equal(conflict.answer.code, 409)
    assert.match(conflict.answer.text, /conflict with \\"x\\": \.spec\.k1/)
  }))

test('who owns the fields is left out of an object that would be too large with it', () =>
  withWidgets(mapOf({ type: 'integer' }), async (http) => {
    const { code, text } = await http.ask('POST', path, { body: widget('a', numbers(100_000)) })
    assert.equal(code, 201)
    assert.equal(JSON.parse(text).metadata.managedFields, undefined)
  }))

test('what cannot be stored is refused at once', () =>
  withWidgets(mapOf({ type: 'integer' }), async (http) => {
    const refused = 'Request entity too large: limit is 1572864'
    const tooLarge = widget('a', numbers(160_000))
    // An apply is not stored without who owns the fields.
    const withOwners = widget('a', numbers(80_000))
    for (const [method, place, body, headers] of [
      ['POST', path, tooLarge, {}],
      ['PATCH', `${path}/a?fieldManager=x`, tooLarge, applied],
      ['PATCH', `${path}/a?fieldManager=x`, withOwners, applied],
    ] as const) {
      const { code, text } = await http.ask(method, place, { body, headers })
      assert.equal(code, 413)
      assert.equal(JSON.parse(text).message, refused)
    }
    const wide = Object.fromEntries(Array.from({ length: 60_000 }, (_, i) => [`f${i}`, { type: 'string' }]))
    const body = { ...crd({ type: 'object', properties: wide }), metadata: { name: 'gadgets.example.com' } }
    const { code, text } = await http.ask('POST', crds, { body })
    assert.equal(code, 413)
    assert.equal(JSON.parse(text).message, refused)
  }))

test('a definition with hundreds of patterns is checked in many turns', async () => {
  await using fixture = await startServer()
  await using http = await listen(fixture.server)
  const patterns = Object.fromEntries(
    Array.from({ length: 600 }, (_, i) => [`f${i}`, { type: 'string', pattern: `^a{1,${400 + (i % 500)}}b${i}$` }]),
  )
  const schema = (own: object): object =>
    crd({ type: 'object', properties: { ...patterns, ...own } } as JSONSchemaProps)
  const wrong = await http.ask('POST', crds, { body: schema({ bad: { type: 'string', pattern: '(a' } }) })
  assert.equal(wrong.code, 422)
  assert.match(
    JSON.parse(wrong.text).message,
    /properties\[bad\]\.pattern: Invalid value: "\(a": must be a valid regular expression, but isn't: error parsing regexp: missing closing \): `\(a`/,
  )
  const { answer, turns } = await turnsOf(http.ask('POST', crds, { body: schema({}) }))
  assert.equal(answer.code, 201)
  assert.ok(turns >= 20, `${turns} turns`)
})

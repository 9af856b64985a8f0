import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '#machinery/schema/model.ts'
import { openApiPart, withParts } from './openApiPart.ts'

const refer = (name: string): JsonObject => ({ $ref: `#/definitions/${name}` })

const theirs: JsonObject = {
  paths: {
    '/apis/g/v1/things': { get: { parameters: [{ $ref: '#/parameters/p' }], schema: refer('Thing') } },
    '/apis/g/v2/things': { get: refer('Other') },
    '/apis/': {},
  },
  definitions: {
    Thing: { properties: { meta: refer('Meta'), parent: refer('Thing'), same: refer('Same'), none: refer('None') } },
    Meta: { description: 'theirs' },
    Same: { type: 'string' },
    Other: {},
    __proto__: {},
  },
  parameters: { p: { name: 'p', in: 'query' }, q: {} },
}

test('of a document only what belongs to the version is taken', () => {
  const { paths, shared } = openApiPart(theirs, 'g', 'v1')
  assert.deepEqual(Object.keys(paths), ['/apis/g/v1/things'])
  assert.deepEqual(Object.keys(shared.definitions).sort(), ['Meta', 'Same', 'Thing'])
  assert.deepEqual(shared.parameters, { p: { name: 'p', in: 'query' } })
  assert.deepEqual(openApiPart({}, 'g', 'v1').paths, {})
})

test('names that mean something else here are changed, and so is what refers to them', () => {
  const own: JsonObject = {
    swagger: '2.0',
    paths: { '/api/': { get: refer('Meta') }, '/apis/g/v1/things': { post: {} } },
    definitions: { Meta: { description: 'ours' }, Meta_v2: { description: 'another' }, Same: { type: 'string' } },
  }
  const before = structuredClone(own)
  const merged = withParts(own, [openApiPart(theirs, 'g', 'v1'), openApiPart(theirs, 'g', 'v2')])
  assert.deepEqual(own, before)
  assert.deepEqual(merged, {
    swagger: '2.0',
    paths: {
      '/api/': { get: refer('Meta') },
      '/apis/g/v1/things': { post: {} },
      '/apis/g/v2/things': { get: refer('Other') },
    },
    definitions: {
      Meta: { description: 'ours' },
      Meta_v2: { description: 'another' },
      Meta_v3: { description: 'theirs' },
      Same: { type: 'string' },
      Thing: {
        properties: { meta: refer('Meta_v3'), parent: refer('Thing'), same: refer('Same'), none: refer('None') },
      },
      Other: {},
    },
    parameters: { p: { name: 'p', in: 'query' } },
  })
  assert.equal(withParts(own, []), own)
})

test('a document that is nested without end is refused', () => {
  const deep = JSON.parse(`${'{"a":'.repeat(5_000)}{}${'}'.repeat(5_000)}`) as JsonObject
  assert.throws(() => openApiPart({ paths: { '/apis/g/v1/x': deep } }, 'g', 'v1'), /nested more than 100 deep/)
})

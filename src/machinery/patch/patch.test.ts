import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { schemaOfKind } from '#machinery/schema/load.ts'
import { applyJsonPatch, JsonPatchError, readJsonPatch } from './json.ts'
import { applyMergePatch, type Json, type JsonObject } from './merge.ts'
import { applyStrategicMergePatch, StrategicPatchError } from './strategic.ts'

interface Recorded {
  readonly note: string
  readonly before: JsonObject
  readonly type: string
  readonly patch: Json
  readonly code: number
  readonly after?: JsonObject
  readonly message?: string
}

const recorded = JSON.parse(
  readFileSync(new URL('testdata/patches.json', import.meta.url), 'utf8'),
) as readonly Recorded[]

const deploymentSchema = schemaOfKind({ group: 'apps', version: 'v1', kind: 'Deployment' })!
const podSchema = schemaOfKind({ group: '', version: 'v1', kind: 'Pod' })!

test('strategic merge patches of deployments have the recorded results', () => {
  for (const { note, before, type, patch, code, after, message } of recorded) {
    if (type !== 'application/strategic-merge-patch+json' || before['kind'] !== 'Deployment') continue
    if (code === 200) {
      const patched = applyStrategicMergePatch(before, patch as JsonObject, deploymentSchema)
      assert.deepEqual(specOf(patched), specOf(after!), note)
    } else if (code === 500) {
      assert.throws(
        () => applyStrategicMergePatch(before, patch as JsonObject, deploymentSchema),
        (error) => error instanceof StrategicPatchError && error.message === message,
        note,
      )
    }
  }
})

/** The parts that patching alone decides: defaults come back and the generation rises later. */
function specOf(object: JsonObject): unknown {
  const { spec } = object as { readonly spec: JsonObject }
  const template = JSON.parse(JSON.stringify(spec['template'])) as {
    spec: { containers: Record<string, unknown>[] }
  }
  for (const container of template.spec.containers) {
    for (const defaulted of ['resources', 'terminationMessagePath', 'terminationMessagePolicy', 'imagePullPolicy']) {
      delete container[defaulted]
    }
    for (const port of (container['ports'] ?? []) as Record<string, unknown>[]) delete port['protocol']
  }
  return { template, strategyType: (spec['strategy'] as JsonObject | undefined)?.['type'] }
}

const finalizers = (list: readonly string[]): JsonObject => ({ metadata: { finalizers: list } })

test('strategic merge patch obeys its directives', () => {
  const container = (name: string, more: JsonObject = {}): JsonObject => ({ name, ...more })
  const pod = (...containers: JsonObject[]): JsonObject => ({ spec: { containers } })
  const rows: readonly [string, JsonObject, JsonObject, JsonObject][] = [
    [
      'an item is found by its key',
      pod(container('a'), container('b')),
      pod(container('b', { image: 'x' })),
      pod(container('a'), container('b', { image: 'x' })),
    ],
    [
      'a new item comes before those that the patch does not name',
      pod(container('a')),
      pod(container('b')),
      pod(container('b'), container('a')),
    ],
    [
      'the order can be given',
      pod(container('a'), container('b')),
      {
        spec: {
          '$setElementOrder/containers': [{ name: 'b' }, { name: 'c' }, { name: 'a' }],
          containers: [container('c')],
        },
      },
      pod(container('b'), container('c'), container('a')),
    ],
    [
      'an item can be deleted while the order is given',
      pod(container('a'), container('b')),
      { spec: { '$setElementOrder/containers': [{ name: 'b' }], containers: [{ $patch: 'delete', name: 'a' }] } },
      pod(container('b')),
    ],
    ['lists of words merge as sets', finalizers(['a/a']), finalizers(['b/b', 'a/a']), finalizers(['b/b', 'a/a'])],
    [
      'words can be taken out',
      finalizers(['a/a', 'b/b']),
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['a/a'] } },
      finalizers(['b/b']),
    ],
    [
      'a map can be replaced',
      { metadata: { labels: { a: '1' } } },
      { metadata: { labels: { $patch: 'replace', b: '2' } } },
      { metadata: { labels: { b: '2' } } },
    ],
    [
      'a map can be emptied',
      { metadata: { labels: { a: '1' } } },
      { metadata: { labels: { $patch: 'delete' } } },
      { metadata: { labels: {} } },
    ],
    [
      'null removes',
      { metadata: { labels: { a: '1', b: '2' } } },
      { metadata: { labels: { a: null, c: null } } },
      { metadata: { labels: { b: '2' } } },
    ],
    [
      'lists without a key are replaced',
      { spec: { containers: [{ name: 'a', command: ['x', 'y'] }] } },
      { spec: { containers: [{ name: 'a', command: ['z'] }] } },
      { spec: { containers: [{ name: 'a', command: ['z'] }] } },
    ],
  ]
  for (const [note, before, patch, after] of rows) {
    const frozen = JSON.stringify(before)
    assert.deepEqual(applyStrategicMergePatch(before, patch, podSchema), after, note)
    assert.equal(JSON.stringify(before), frozen, 'the original stays as it is')
  }
})

test('strategic merge patch refuses what it cannot obey', () => {
  const before: JsonObject = { metadata: { name: 'p' }, spec: { containers: [{ name: 'a' }, { name: 'b' }] } }
  const rows: readonly [JsonObject, string][] = [
    [{ spec: { $retainKeys: ['x'], y: 1 } }, 'invalid patch format of retainKeys'],
    [{ metadata: { '$deleteFromPrimitiveList/finalizers': 'a' } }, 'invalid patch format of primitive list'],
    [{ spec: { '$setElementOrder/containers': 'a' } }, 'invalid patch format of setElementOrder list'],
    [
      { spec: { '$setElementOrder/containers': [{ name: 'a' }], containers: [{ name: 'b' }] } },
      "The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
    ],
    [{ spec: { $patch: 'nonsense' } }, 'unknown patch type: nonsense in map: map[$patch:nonsense]'],
  ]
  for (const [patch, message] of rows) {
    assert.throws(
      () => applyStrategicMergePatch(before, patch, podSchema),
      (error) => error instanceof StrategicPatchError && error.message === message,
      message,
    )
  }
})

test('JSON patch applies each operation to the result of the one before', () => {
  const rows: readonly [string, Json, Json, Json][] = [
    ['add a member', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
    ['add to a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
    ['append', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
    [
      'escaped names',
      { 'a/b': { 'c~d': 1 } },
      [{ op: 'replace', path: '/a~1b/c~0d', value: 2 }],
      { 'a/b': { 'c~d': 2 } },
    ],
    ['move', { a: { x: 1 }, b: {} }, [{ op: 'move', from: '/a/x', path: '/b/y' }], { a: {}, b: { y: 1 } }],
    [
      'copy',
      { a: [1] },
      [
        { op: 'copy', from: '/a', path: '/b' },
        { op: 'add', path: '/b/-', value: 2 },
      ],
      { a: [1], b: [1, 2] },
    ],
    ['remove an item', { a: [1, 2] }, [{ op: 'remove', path: '/a/0' }], { a: [2] }],
    [
      'test then replace',
      { a: 1 },
      [
        { op: 'test', path: '/a', value: 1 },
        { op: 'replace', path: '/a', value: 2 },
      ],
      { a: 2 },
    ],
    ['a missing member equals null', {}, [{ op: 'test', path: '/a', value: null }], {}],
    ['the whole document', { a: 1 }, [{ op: 'replace', path: '', value: [] }], []],
  ]
  for (const [note, before, patch, after] of rows) {
    const text = JSON.stringify(before)
    assert.deepEqual(applyJsonPatch(before, readJsonPatch(patch)), after, note)
    assert.equal(JSON.stringify(before), text, 'the original stays as it is')
  }
})

test('JSON patch refuses what does not fit', () => {
  const before: Json = { a: [1], s: 'text' }
  const rows: readonly Json[] = [
    [{ op: 'remove', path: '/nope' }],
    [{ op: 'remove', path: '/a/7' }],
    [{ op: 'add', path: '/a/9', value: 1 }],
    [{ op: 'add', path: '/nope/x', value: 1 }],
    [{ op: 'add', path: '/s/x', value: 1 }],
    [{ op: 'replace', path: '/b', value: 1 }],
    [{ op: 'test', path: '/a/0', value: 2 }],
    [{ op: 'move', from: '/a', path: '/a/0' }],
    [{ op: 'frob', path: '/x' }],
    [{ op: 'add', value: 1 }],
    [{ op: 'add', path: 'a', value: 1 }],
    [{ op: 'add', path: '/constructor/x', value: 1 }],
    { op: 'add' },
    [1],
  ]
  for (const patch of rows) {
    assert.throws(
      () => applyJsonPatch(before, readJsonPatch(patch)),
      (error) => error instanceof JsonPatchError,
      JSON.stringify(patch),
    )
  }
})

test('copies cannot double a document into something huge', () => {
  const operations = Array.from({ length: 40 }, (_, at) => ({ op: 'copy', from: '/a', path: `/a/x${at}` }))
  const before: Json = { a: { text: 'x'.repeat(1_000) } }
  assert.throws(() => applyJsonPatch(before, readJsonPatch(operations)), /exceed the limit/)
})

test('patches do not reach prototypes', () => {
  const patch = JSON.parse(
    '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
  ) as JsonObject
  for (const result of [
    applyMergePatch({}, patch),
    applyStrategicMergePatch({}, patch, podSchema),
    applyJsonPatch({}, readJsonPatch([{ op: 'add', path: '/__proto__', value: { polluted: true } }])),
  ]) {
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
    assert.equal(Object.getPrototypeOf(result), Object.prototype)
    assert.ok(Object.hasOwn(result as object, '__proto__'))
  }
})

test('merge patch follows RFC 7386', () => {
  // The table of the RFC's appendix.
  const rows: readonly [Json, Json, Json][] = [
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [
      ['a', 'b'],
      ['c', 'd'],
      ['c', 'd'],
    ],
    [{ a: 'b' }, ['c'], ['c']],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ]
  for (const [target, patch, result] of rows) assert.deepEqual(applyMergePatch(target, patch), result)
})

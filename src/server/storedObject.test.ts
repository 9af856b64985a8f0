import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '#api/resource.ts'
import { encodeObject, rememberWritten, StoredObject } from './storedObject.ts'

const object = {
  spec: { text: 'ü "uid":"x"' },
  metadata: { labels: { b: '2' }, uid: 'u-1', finalizers: [], name: 'a', namespace: 'n', generation: 1 },
  apiVersion: 'v1',
  kind: 'Thing',
} as unknown as KubeObject

const json = (revision: number): string =>
  `{"kind":"Thing","apiVersion":"v1","metadata":{"name":"a","namespace":"n","uid":"u-1","resourceVersion":"${revision}","generation":1,"labels":{"b":"2"}},"spec":{"text":"ü \\"uid\\":\\"x\\""}}`

test('the revision is spliced into the stored bytes', () => {
  const encoded = encodeObject(object)
  assert.ok(!encoded.value.includes('resourceVersion'))
  const read = StoredObject.of('/r/core/things/n/a', 7, Buffer.from(encoded.value))
  assert.equal(read.line.toString(), `${json(7)}\n`)
  assert.equal(read.json.toString(), json(7))
  assert.equal(read.at(12).json.toString(), json(12))
  assert.equal(read.name, 'a')
  assert.deepEqual(read.object, JSON.parse(json(7)))
  assert.ok(Object.isFrozen(read.object.metadata))
})

test('the writer and the cache get the same object, which is not parsed again', () => {
  const encoded = encodeObject(object)
  rememberWritten(encoded, object)
  const written = StoredObject.of('/r/core/things/n/a', 7, encoded.value)
  const cached = StoredObject.of('/r/core/things/n/a', 7, encoded.value)
  assert.equal(cached, written)
  assert.equal((written.object as unknown as { spec: object }).spec, (object as unknown as { spec: object }).spec)
  assert.equal(written.object.metadata.resourceVersion, '7')
  assert.ok(Object.isFrozen(written.object.metadata.labels))
  assert.equal(written.object, cached.object)
  assert.equal(written.json.toString(), json(7))
})

test('what a deletion reports is not parsed again either', () => {
  const encoded = encodeObject(object)
  rememberWritten(encoded, object)
  const written = StoredObject.of('/r/core/things/n/a', 7, encoded.value)
  for (const isRead of [false, true]) {
    if (isRead) void written.line
    const gone = written.at(12)
    assert.equal((gone.object as unknown as { spec: object }).spec, (object as unknown as { spec: object }).spec)
    assert.equal(gone.object.metadata.resourceVersion, '12')
    assert.equal(gone.json.toString(), json(12))
  }
})

test('whether bytes are those of an object is told before and after its line was made', () => {
  const encoded = encodeObject(object)
  const others = [
    { ...object, spec: { text: 'u "uid":"x"' } },
    { ...object, spec: { text: 'ü "uid":"y"' } },
    { ...object, metadata: { ...object.metadata, name: 'b' } },
  ].map((other) => encodeObject(other as unknown as KubeObject))
  const stored = StoredObject.of('/r/core/things/n/a', 7, Buffer.from(encoded.value))
  for (const isRead of [false, true]) {
    if (isRead) void stored.line
    assert.equal(stored.holds(encoded), true)
    for (const other of others) assert.equal(stored.holds(other), false)
  }
})

test('members that are those of the object before are copied from its bytes, whether its line was made or not', () => {
  const text = 'ü'.repeat(300)
  const first = { ...object, spec: { text }, status: { text: `${text}s` } } as unknown as KubeObject
  for (const isRead of [false, true]) {
    const encoded = encodeObject(first)
    rememberWritten(encoded, first)
    const before = StoredObject.of('/r/core/things/n/a', 7, encoded.value)
    if (isRead) void before.line
    const { spec, status } = before.object as unknown as { readonly spec: object; readonly status: object }
    assert.equal(before.memberJson('spec', spec)?.toString(), JSON.stringify(spec))
    assert.equal(before.memberJson('status', status)?.toString(), JSON.stringify(status))
    assert.equal(before.memberJson('spec', { ...spec }), undefined)
    const metadata = { ...object.metadata, generation: 1000 }
    for (const change of [
      { spec, status },
      { spec: { text: 'short' }, status },
      { spec, status: { text } },
      { spec },
    ]) {
      const next = { ...object, metadata, ...change } as unknown as KubeObject
      const plain = encodeObject(next)
      const spliced = encodeObject(next, false, before)
      assert.deepEqual(spliced, plain)
      // Where a copied member stands is known as well.
      rememberWritten(spliced, next)
      const after = StoredObject.of('/r/core/things/n/a', 8, spliced.value)
      assert.equal(encodeObject(next, false, after).value.toString(), plain.value.toString())
    }
  }
})

test('other encodings are made once', () => {
  const stored = StoredObject.of('/r/core/things/n/a', 7, encodeObject(object).value)
  let made = 0
  const encode = (): Buffer => Buffer.from(String(++made))
  assert.equal(stored.encoded('x', encode), stored.encoded('x', encode))
  assert.equal(made, 1)
})

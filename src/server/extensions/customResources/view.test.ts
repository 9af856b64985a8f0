import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { KubeObject } from '#api/resource.ts'
import type { Schema } from '#machinery/schema/model.ts'
import { isReason } from '#machinery/status.ts'
import { encodeObject, StoredObject } from '../../storedObject.ts'
import { sameContent, viewOf, type Conversion, type Versions } from './view.ts'

const spec = (properties: Record<string, Schema>): Schema => ({
  type: 'object',
  properties: { spec: { type: 'object', properties } },
})
const schemas = new Map([
  ['example.com/v1', spec({ size: { type: 'integer' }, color: { type: 'string', default: 'blue' } })],
  ['example.com/v2', spec({ size: { type: 'integer' } })],
])
const storage = 'example.com/v2'

const stored = (apiVersion: string, own: object): StoredObject => {
  const object = { apiVersion, kind: 'Widget', metadata: { name: 'a', namespace: 'default' }, spec: own }
  return StoredObject.unwritten('key', 7, encodeObject(object as KubeObject, true))
}
const versions = (conversion: Conversion): Versions => ({ schemas, storage, conversion })

/** A conversion that somebody outside makes, and that counts its questions. */
function outside(): Conversion & { readonly asked: number[]; answer(): void } {
  const asked: number[] = []
  const waiting: (() => void)[] = []
  return {
    asked,
    async convert(objects, apiVersion) {
      asked.push(objects.length)
      await new Promise<void>((resolve) => waiting.push(resolve))
      return sameContent.convert(objects, apiVersion)
    },
    answer: () => waiting.splice(0).forEach((resolve) => resolve()),
  }
}

test('an object is shown as its version means it, once for each revision', () => {
  const view = viewOf('example.com/v1', versions(sameContent))
  const old = stored('example.com/v1', { size: 1, gone: true })
  const shown = view.of(old)
  assert.deepEqual((shown.object as { spec?: unknown }).spec, { color: 'blue', size: 1 })
  assert.equal(view.of(old), shown)
  const complete = stored('example.com/v1', { color: 'red', size: 1 })
  assert.equal(view.of(complete), complete)
})

test('an object is stored in the version of storage, without what that does not know', () => {
  const view = viewOf('example.com/v1', versions(sameContent))
  const object = view.toStored(stored('example.com/v1', { color: 'red', size: 1 }).object)
  assert.deepEqual(object, {
    apiVersion: storage,
    kind: 'Widget',
    metadata: { name: 'a', namespace: 'default', resourceVersion: '7' },
    spec: { size: 1 },
  })
})

test('somebody outside is asked once about each object, however many wait', async () => {
  const conversion = outside()
  const view = viewOf('example.com/v1', versions(conversion))
  const [a, b, c] = [stored(storage, { size: 1 }), stored(storage, { size: 2 }), stored('example.com/v1', { size: 3 })]
  const first = view.prepare([a, c])
  const second = view.prepare([a, b])
  assert.deepEqual(conversion.asked, [1, 1])
  conversion.answer()
  await Promise.all([first, second])
  assert.equal(view.prepare([a, b, c]), undefined)
  assert.equal(view.of(b).object.apiVersion, 'example.com/v1')
})

test('who cannot wait comes again', async () => {
  const conversion = outside()
  const view = viewOf('example.com/v1', versions(conversion))
  const object = stored(storage, { size: 1 })
  assert.throws(
    () => view.of(object),
    (error) => isReason(error, 'ServiceUnavailable'),
  )
  conversion.answer()
  await new Promise((resolve) => setImmediate(resolve))
  assert.deepEqual((view.of(object).object as { spec?: unknown }).spec, { size: 1 })
})

test('what fails is asked again the next time', async () => {
  let fails = true
  const view = viewOf(
    'example.com/v1',
    versions({
      convert: (objects, apiVersion) =>
        fails ? Promise.reject(new Error('not now')) : Promise.resolve(sameContent.convert(objects, apiVersion)),
    }),
  )
  const object = stored(storage, { size: 1 })
  await assert.rejects(async () => view.prepare([object]), /not now/)
  fails = false
  await view.prepare([object])
  assert.equal(view.of(object).object.apiVersion, 'example.com/v1')
})

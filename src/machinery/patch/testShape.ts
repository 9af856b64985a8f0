// One shape with each way in which values divide into fields with owners, for tests of this folder.
import type { Schema } from '#machinery/schema/model.ts'
import { shapeOf, type Shape } from './fieldShape.ts'

const text: Schema = { type: 'string' }
const item: Schema = {
  type: 'object',
  properties: { name: text, port: { type: 'integer' }, proto: { type: 'string', default: 'TCP' }, value: text },
}
const schema: Schema = {
  type: 'object',
  properties: {
    size: { type: 'integer' },
    map: { type: 'object', additionalProperties: text },
    whole: { type: 'object', mapType: 'atomic', properties: { a: text } },
    list: { type: 'array', items: text },
    set: { type: 'array', items: text, listType: 'set' },
    items: { type: 'array', items: item, listType: 'map', listMapKeys: ['name'] },
    ports: { type: 'array', items: item, listType: 'map', listMapKeys: ['port', 'proto'] },
    inner: { type: 'object', properties: { a: text, b: text } },
    open: { type: 'object', preserveUnknownFields: true },
  },
}
export const shape = shapeOf(schema)

/** An equal shape that nothing was compared with yet. */
export const newShape = (): Shape => shapeOf({ ...schema })

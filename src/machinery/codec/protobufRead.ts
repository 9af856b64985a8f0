import { toBase64 } from '#lib/encoding/base64.ts'
import { decodeJson } from '#lib/encoding/json.ts'
import { ProtobufError, type ProtobufReader, wireType } from '#lib/encoding/protobuf.ts'
import { isObject, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { isWrappedList } from './protobufWrite.ts'
import { durationText } from './scalars.ts'

/** How one field is read into an object. */
interface Field {
  readonly name: string
  readonly type: number
  /** Puts what the reader stands at into the object; lists and maps add to what is there. */
  read(reader: ProtobufReader, object: JsonObject, depthLeft: number): void
}

/** What a number of a message stands for: a field, or a message of fields that JSON writes beside the others. */
type Entry = Field | ReadonlyMap<number, Entry>

/** Messages inside messages; what travels here never needs more. */
const maxDepth = 512

const compiled = new WeakMap<object, ReadonlyMap<number, Entry>>()

/** Reads a message to its end. Unknown fields are passed over, as protocol buffers demand. */
export function readMessage(reader: ProtobufReader, schema: Schema, depthLeft = maxDepth): JsonObject {
  const object: JsonObject = {}
  readInto(reader, tableOf(schema.properties ?? {}), object, depthLeft)
  return object
}

function tableOf(properties: Readonly<Record<string, Schema>>): ReadonlyMap<number, Entry> {
  let table = compiled.get(properties)
  if (table === undefined) compiled.set(properties, (table = compile(properties)))
  return table
}

function compile(properties: Readonly<Record<string, Schema>>): ReadonlyMap<number, Entry> {
  const table = new Map<number, Entry>()
  for (const [name, schema] of Object.entries(properties)) {
    if (schema.wire === undefined) continue
    let at = table
    for (const number of schema.wire.slice(0, -1)) {
      let inner = at.get(number)
      if (!(inner instanceof Map)) at.set(number, (inner = new Map<number, Entry>()))
      at = inner as Map<number, Entry>
    }
    at.set(schema.wire.at(-1)!, fieldOf(name, schema))
  }
  return table
}

function readInto(
  reader: ProtobufReader,
  table: ReadonlyMap<number, Entry>,
  object: JsonObject,
  depthLeft: number,
): void {
  if (depthLeft === 0) throw new ProtobufError(`exceeded max depth of ${maxDepth}`)
  while (!reader.done) {
    const tag = reader.varint()
    const type = tag & 7
    const number = (tag - type) / 8
    if (number === 0) throw new ProtobufError(`proto: illegal tag ${number} (wire type ${type})`)
    const entry = table.get(number)
    if (entry === undefined) reader.skip(type)
    else if (!('read' in entry)) {
      needType('', wireType.bytes, type)
      readInto(reader.message(), entry, object, depthLeft - 1)
    } else {
      // A list of numbers may come packed into one field.
      if (type !== entry.type && !(entry.type === wireType.varint && type === wireType.bytes))
        needType(entry.name, entry.type, type)
      if (type === entry.type) entry.read(reader, object, depthLeft)
      else for (const packed = reader.message(); !packed.done;) entry.read(packed, object, depthLeft)
    }
  }
}

function needType(name: string, wanted: number, found: number): void {
  if (wanted !== found)
    throw new ProtobufError(
      `proto: wrong wireType = ${found} for field ${name.slice(0, 1).toUpperCase()}${name.slice(1)}`,
    )
}

/** Reads one value. */
type Read = (reader: ProtobufReader, depthLeft: number) => unknown

function fieldOf(name: string, schema: Schema): Field {
  if (schema.type === 'array' && !isWrappedList(schema)) {
    const items = schema.items ?? {}
    const read = readerOf(items)
    return {
      name,
      type: typeOf(items),
      read(reader, object, depthLeft) {
        const value = read(reader, depthLeft)
        const list = object[name]
        if (Array.isArray(list)) list.push(value)
        else object[name] = [value]
      },
    }
  }
  if (isMap(schema)) {
    const read = readerOf(schema.additionalProperties as Schema)
    const values = schema.additionalProperties as Schema
    return {
      name,
      type: wireType.bytes,
      read(reader, object, depthLeft) {
        const map = (object[name] ??= {}) as JsonObject
        const [key, value] = readEntry(reader.message(), values, read, depthLeft - 1)
        Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true })
      },
    }
  }
  const read = readerOf(schema)
  return {
    name,
    type: typeOf(schema),
    read(reader, object, depthLeft) {
      const value = read(reader, depthLeft)
      if (value !== undefined) object[name] = value
    },
  }
}

function readEntry(reader: ProtobufReader, values: Schema, read: Read, depthLeft: number): [string, unknown] {
  let key = ''
  let value: unknown
  while (!reader.done) {
    const tag = reader.varint()
    if (tag === 0x0a) key = reader.string()
    else if (tag === 16 + typeOf(values)) value = read(reader, depthLeft)
    else reader.skip(tag & 7)
  }
  return [key, value ?? null]
}

const isMap = (schema: Schema): boolean =>
  schema.type === 'object' && schema.properties === undefined && isObject(schema.additionalProperties)

function typeOf(schema: Schema): number {
  if (schema.format !== undefined && Object.hasOwn(formats, schema.format)) return wireType.bytes
  if (schema.type === 'boolean' || schema.type === 'integer') return wireType.varint
  return schema.type === 'number' ? wireType.fixed64 : wireType.bytes
}

function readerOf(schema: Schema): Read {
  const special = schema.format === undefined ? undefined : formats[schema.format]
  if (special !== undefined) return special
  if (schema.format?.startsWith('or-') === true) return variantReader(schema)
  switch (schema.type) {
    case 'boolean':
      return (reader) => reader.varint() !== 0
    case 'integer':
      return (reader) => reader.int64()
    case 'number':
      return (reader) => reader.double()
    case 'string':
      return (reader) => reader.string()
    case 'array':
      return listReader(schema.items ?? {})
    case 'object':
      if (schema.properties !== undefined) {
        return (reader, depthLeft) => readMessage(reader.message(), schema, depthLeft - 1)
      }
      return readJson
    default:
      return readJson
  }
}

/** A message of two fields, one for each form of a value; booleans stand in the first and are written in any case. */
function variantReader(schema: Schema): Read {
  const isBoolean = schema.format === 'or-boolean'
  return (outer, depthLeft) => {
    const reader = outer.message()
    let value: unknown = isBoolean ? false : undefined
    const list: unknown[] = []
    while (!reader.done) {
      const tag = reader.varint()
      if (isBoolean && tag === 0x08) value = isObject(value) ? (reader.varint(), value) : reader.varint() !== 0
      else if (tag === (isBoolean ? 0x12 : 0x0a)) value = readMessage(reader.message(), schema, depthLeft - 1)
      else if (tag === 0x12)
        list.push(schema.format === 'or-texts' ? reader.string() : readMessage(reader.message(), schema, depthLeft - 1))
      else reader.skip(tag & 7)
    }
    return value ?? list
  }
}

/** A list with a message of its own. */
function listReader(items: Schema): Read {
  const read = readerOf(items)
  return (outer, depthLeft) => {
    const reader = outer.message()
    const list: unknown[] = []
    while (!reader.done) {
      const tag = reader.varint()
      if (tag === 8 + typeOf(items)) list.push(read(reader, depthLeft - 1))
      else reader.skip(tag & 7)
    }
    return list
  }
}

/** Reads a small message into its fields by number; texts and numbers only. */
function readFields(reader: ProtobufReader): Map<number, unknown> {
  const fields = new Map<number, unknown>()
  while (!reader.done) {
    const tag = reader.varint()
    const type = tag & 7
    const number = (tag - type) / 8
    if (type === wireType.varint) fields.set(number, reader.int64())
    else if (type === wireType.bytes) fields.set(number, reader.bytes())
    else reader.skip(type)
  }
  return fields
}

function readJson(outer: ProtobufReader): unknown {
  const raw = readFields(outer.message()).get(1)
  if (!(raw instanceof Uint8Array) || raw.length === 0) return undefined
  const decoded = decodeJson(raw)
  if ('problem' in decoded) throw new ProtobufError(`cannot read embedded object: ${decoded.problem}`)
  return decoded.value
}

const text = new TextDecoder()

const formats: Readonly<Record<string, Read | undefined>> = {
  quantity: (reader) => {
    const value = readFields(reader.message()).get(1)
    return value instanceof Uint8Array ? text.decode(value) : '0'
  },
  byte: (reader) => toBase64(reader.bytes()),
  time: (reader) => readMoment(reader)?.slice(0, 19).concat('Z'),
  'micro-time': (reader) => readMoment(reader),
  duration: (reader) => durationText(BigInt((readFields(reader.message()).get(1) as number | undefined) ?? 0)),
  'int-or-string': (reader) => {
    const fields = readFields(reader.message())
    if (fields.get(1) !== 1) return fields.get(2) ?? 0
    const value = fields.get(3)
    return value instanceof Uint8Array ? text.decode(value) : ''
  },
  json: readJson,
  raw: readJson,
  fields: readJson,
}

/** A moment with six digits behind the second; undefined for the empty message, which is no moment. */
function readMoment(outer: ProtobufReader): string | undefined {
  const reader = outer.message()
  if (reader.done) return undefined
  const fields = readFields(reader)
  const seconds = (fields.get(1) as number | undefined) ?? 0
  const nanos = (fields.get(2) as number | undefined) ?? 0
  const date = new Date(seconds * 1000)
  if (Number.isNaN(date.getTime())) throw new ProtobufError(`time ${seconds} is out of range`)
  return `${date.toISOString().slice(0, 19)}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z`
}

import { fromBase64 } from '#lib/encoding/base64.ts'
import { type ProtobufWriter, wireType } from '#lib/encoding/protobuf.ts'
import { isObject, type JsonObject, type Schema } from '#machinery/schema/model.ts'
import { durationNanos } from './scalars.ts'

/** Writes one value with its tag, or nothing. */
type Write = (writer: ProtobufWriter, field: number, value: unknown) => void

/** One number of a message: a field, or a message made of fields that JSON writes beside the others. */
interface Entry {
  readonly number: number
  readonly name?: string
  readonly write?: Write
  readonly schema?: Schema
  readonly inner?: readonly Entry[]
}

const compiled = new WeakMap<object, readonly Entry[]>()

/** Writes the fields of an object. Like upstream, fields that cannot be absent in Go are written even when zero. */
export function writeMessage(writer: ProtobufWriter, schema: Schema, value: unknown): void {
  const { properties } = schema
  if (properties === undefined) return
  let entries = compiled.get(properties)
  if (entries === undefined) compiled.set(properties, (entries = compileEntries(properties)))
  writeEntries(writer, entries, isObject(value) ? value : {})
}

function compileEntries(properties: Readonly<Record<string, Schema>>): readonly Entry[] {
  const paths = Object.entries(properties).flatMap(([name, schema]) =>
    schema.wire === undefined ? [] : [{ name, schema, path: schema.wire }],
  )
  return entriesAt(paths, 0)
}

function entriesAt(
  fields: readonly { name: string; schema: Schema; path: readonly number[] }[],
  depth: number,
): readonly Entry[] {
  const numbers = new Set(fields.map(({ path }) => path[depth]!))
  const entries: Entry[] = []
  // From the highest number down, because messages are written from their end.
  for (const number of [...numbers].toSorted((a, b) => b - a)) {
    const here = fields.filter(({ path }) => path[depth] === number)
    const [first] = here
    if (first!.path.length > depth + 1) entries.push({ number, inner: entriesAt(here, depth + 1) })
    else entries.push({ number, name: first!.name, schema: first!.schema, write: writerOf(first!.schema) })
  }
  return entries
}

function writeEntries(writer: ProtobufWriter, entries: readonly Entry[], object: JsonObject): void {
  for (const { number, name, schema, write, inner } of entries) {
    if (inner !== undefined) {
      const end = writer.length
      writeEntries(writer, inner, object)
      writer.varint(writer.length - end)
      writer.tag(number, wireType.bytes)
      continue
    }
    const value = Object.hasOwn(object, name!) ? object[name!] : undefined
    if (value !== undefined && value !== null) write!(writer, number, value)
    else if (schema!.zero === 'fill' || schema!.zero === 'drop') writeZero(writer, number, schema!, write!)
  }
}

/** What stands for the zero value of a field that is no pointer in Go. */
function writeZero(writer: ProtobufWriter, field: number, schema: Schema, write: Write): void {
  switch (schema.format) {
    case 'byte':
      return
    case 'time':
    case 'micro-time':
    case 'json':
    case 'raw':
      writer.varint(0)
      return writer.tag(field, wireType.bytes)
    case 'quantity':
      return write(writer, field, '0')
    case 'int-or-string':
      return write(writer, field, 0)
    case 'duration':
      return write(writer, field, '0s')
  }
  if (schema.type === 'string') write(writer, field, '')
  else if (schema.type === 'boolean') write(writer, field, false)
  else if (schema.type === 'integer' || schema.type === 'number') write(writer, field, 0)
  else if (schema.properties !== undefined) write(writer, field, {})
}

function writerOf(schema: Schema): Write {
  const special = schema.format === undefined ? undefined : formats[schema.format]
  if (special !== undefined) return special
  if (schema.format?.startsWith('or-') === true) return variantWriter(schema)
  switch (schema.type) {
    case 'boolean':
      return (writer, field, value) => writeVarint(writer, field, value === true ? 1 : 0)
    case 'integer':
      return (writer, field, value) => writeVarint(writer, field, Number(value))
    case 'number':
      return (writer, field, value) => {
        writer.double(Number(value))
        writer.tag(field, wireType.fixed64)
      }
    case 'array':
      return listWriter(schema)
    case 'object':
      if (schema.properties !== undefined) {
        return (writer, field, value) => writeInner(writer, field, () => writeMessage(writer, schema, value))
      }
      return isObject(schema.additionalProperties) ? mapWriter(schema.additionalProperties as Schema) : writeJson
    case 'string':
      return writeText
    default:
      return writeJson
  }
}

function writeVarint(writer: ProtobufWriter, field: number, value: number): void {
  writer.varint(value)
  writer.tag(field, wireType.varint)
}

function writeText(writer: ProtobufWriter, field: number, value: unknown): void {
  writer.string(String(value))
  writer.tag(field, wireType.bytes)
}

function writeInner(writer: ProtobufWriter, field: number, write: () => void): void {
  const end = writer.length
  write()
  writer.varint(writer.length - end)
  writer.tag(field, wireType.bytes)
}

function writeJson(writer: ProtobufWriter, field: number, value: unknown): void {
  writeInner(writer, field, () => {
    writer.string(JSON.stringify(value))
    writer.tag(1, wireType.bytes)
  })
}

/** A message of two fields, one for each form of a value; booleans stand in the first and are written in any case. */
function variantWriter(schema: Schema): Write {
  const isBoolean = schema.format === 'or-boolean'
  const writeOwn: Write = (writer, field, value) => writeInner(writer, field, () => writeMessage(writer, schema, value))
  return (writer, field, value) =>
    writeInner(writer, field, () => {
      if (isObject(value)) writeOwn(writer, isBoolean ? 2 : 1, value)
      if (isBoolean) writeVarint(writer, 1, value === false ? 0 : 1)
      if (!Array.isArray(value)) return
      for (const item of value.toReversed()) (schema.format === 'or-texts' ? writeText : writeOwn)(writer, 2, item)
    })
}

/** Lists with a name of their own, and lists inside maps, are messages with the items in field 1. */
export const isWrappedList = (schema: Schema): boolean => schema.type === 'array' && schema.goType !== undefined

function listWriter(schema: Schema): Write {
  const items = schema.items ?? {}
  let write: Write | undefined
  const writeItems: Write = (writer, field, value) => {
    write ??= writerOf(items)
    const list = value as readonly unknown[]
    for (let i = list.length - 1; i >= 0; i--) write(writer, field, list[i])
  }
  if (!isWrappedList(schema)) return writeItems
  return (writer, field, value) => writeInner(writer, field, () => writeItems(writer, 1, value))
}

function mapWriter(values: Schema): Write {
  let write: Write | undefined
  return (writer, field, value) => {
    write ??= writerOf(values)
    const map = value as JsonObject
    for (const key of Object.keys(map).sort().toReversed()) {
      const end = writer.length
      if (map[key] === null) writeZero(writer, 2, values, write)
      else write(writer, 2, map[key])
      writer.string(key)
      writer.tag(1, wireType.bytes)
      writer.varint(writer.length - end)
      writer.tag(field, wireType.bytes)
    }
  }
}

const formats: Readonly<Record<string, Write | undefined>> = {
  quantity: (writer, field, value) => writeInner(writer, field, () => writeText(writer, 1, value)),
  byte: (writer, field, value) => {
    writer.bytes(fromBase64(String(value)))
    writer.tag(field, wireType.bytes)
  },
  time: (writer, field, value) => writeMoment(writer, field, String(value)),
  'micro-time': (writer, field, value) => writeMoment(writer, field, String(value)),
  duration: (writer, field, value) => {
    const nanos = durationNanos(String(value))
    writeInner(writer, field, () => writeVarint(writer, 1, typeof nanos === 'bigint' ? Number(nanos) : 0))
  },
  'int-or-string': (writer, field, value) =>
    writeInner(writer, field, () => {
      writeText(writer, 3, typeof value === 'string' ? value : '')
      writeVarint(writer, 2, typeof value === 'number' ? value : 0)
      writeVarint(writer, 1, typeof value === 'string' ? 1 : 0)
    }),
  json: writeJson,
  raw: writeJson,
  fields: writeJson,
}

function writeMoment(writer: ProtobufWriter, field: number, text: string): void {
  const seconds = Date.parse(`${text.slice(0, 19)}Z`) / 1000
  const micros = /\.(\d{1,6})/.exec(text)?.[1]
  writeInner(writer, field, () => {
    writeVarint(writer, 2, micros === undefined ? 0 : Number(micros.padEnd(6, '0')) * 1000)
    writeVarint(writer, 1, seconds)
  })
}

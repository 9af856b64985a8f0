// Objects of the built-in kinds as protocol buffers and back, driven by the wire numbers of the schema. An object
// travels in an envelope: four magic bytes, then a message that names the kind and holds the object's own message.
import { apiVersionOf } from '#api/resource.ts'
import { decodeJson, defaultMaxBytes } from '#lib/encoding/json.ts'
import { ProtobufError, ProtobufReader, ProtobufWriter, wireType } from '#lib/encoding/protobuf.ts'
import { definitionNamed, schemaOfKind } from '#machinery/schema/load.ts'
import type { GroupVersionKind, JsonObject, Schema } from '#machinery/schema/model.ts'
import { readMessage } from './protobufRead.ts'
import { writeMessage } from './protobufWrite.ts'

/** `k8s` and a zero byte. */
const magic = Uint8Array.of(0x6b, 0x38, 0x73, 0x00)

/** Whether objects of this schema can travel as protocol buffers. */
function hasProtobuf(schema: Schema): boolean {
  return Object.values(schema.properties ?? {}).some((field) => field.wire !== undefined)
}

/** The message of an object alone, as it stands in lists. */
export function encodeMessage(schema: Schema, object: unknown): Uint8Array {
  const writer = new ProtobufWriter()
  writeMessage(writer, schema, object)
  return writer.finish()
}

/** A whole object in its envelope; `shape` is the kind whose fields it has. Throws for kinds that have no wire numbers. */
export function encodeProtobuf(kind: GroupVersionKind, object: unknown, shape = kind): Uint8Array {
  const schema = schemaOfKind(shape)
  if (schema === undefined || !hasProtobuf(schema)) throw new Error(`Cannot write ${kind.kind} as protocol buffers`)
  return encodeEnvelope(kind, encodeMessage(schema, object))
}

/** The envelope around an object's own message. */
export function encodeEnvelope(kind: GroupVersionKind, message: Uint8Array): Uint8Array {
  const writer = new ProtobufWriter()
  writeEnvelope(writer, kind, message)
  return writer.finish()
}

function writeEnvelope(writer: ProtobufWriter, kind: GroupVersionKind, message: Uint8Array): void {
  writeString(writer, 4, '')
  writeString(writer, 3, '')
  writer.bytes(message)
  writer.tag(2, wireType.bytes)
  const end = writer.length
  writeString(writer, 2, kind.kind)
  writeString(writer, 1, apiVersionOf(kind))
  writer.varint(writer.length - end)
  writer.tag(1, wireType.bytes)
  writer.raw(magic)
}

/**
 * A list in its envelope, made of the messages of its items, so that those can be kept between requests. `fields`: the
 * numbers of its two fields, where they are not those of all other lists.
 */
export function encodeList(
  kind: GroupVersionKind,
  metadata: unknown,
  items: readonly Uint8Array[],
  fields: { readonly metadata: number; readonly items: number } = { metadata: 1, items: 2 },
): Uint8Array {
  const writer = new ProtobufWriter()
  for (let i = items.length - 1; i >= 0; i--) {
    writer.bytes(items[i]!)
    writer.tag(fields.items, wireType.bytes)
  }
  const end = writer.length
  writeMessage(writer, definitionNamed('io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta'), metadata)
  writer.varint(writer.length - end)
  writer.tag(fields.metadata, wireType.bytes)
  return encodeEnvelope(kind, writer.finish())
}

/** One event of a watch as it stands in the stream: four bytes of length, then the event; `object` is an envelope. */
export function encodeWatchFrame(type: string, object: Uint8Array): Uint8Array {
  const writer = new ProtobufWriter()
  writer.raw(object)
  writeFrame(writer, type, 0)
  return writer.finish()
}

/** Events of one type about objects of one kind, one behind the other, from the objects' own messages. */
export function encodeWatchFrames(kind: GroupVersionKind, type: string, messages: readonly Uint8Array[]): Uint8Array {
  const around = 64 + type.length + kind.kind.length + apiVersionOf(kind).length
  const writer = new ProtobufWriter(messages.reduce((sum, { length }) => sum + length + around, 0))
  for (let i = messages.length - 1; i >= 0; i--) {
    const end = writer.length
    writeEnvelope(writer, kind, messages[i]!)
    writeFrame(writer, type, end)
  }
  return writer.finish()
}

/** Writes what stands before an envelope that begins where the writer is and goes on to `end`. */
function writeFrame(writer: ProtobufWriter, type: string, end: number): void {
  writer.varint(writer.length - end)
  writer.tag(1, wireType.bytes)
  writer.varint(writer.length - end)
  writer.tag(2, wireType.bytes)
  writeString(writer, 1, type)
  const length = writer.length - end
  writer.raw(Uint8Array.of(length >>> 24, length >>> 16, length >>> 8, length))
}

/** Takes a frame of a watch apart; `bytes` is without the four bytes of length. */
export function decodeWatchFrame(bytes: Uint8Array): { readonly type: string; readonly object: Uint8Array } {
  const reader = new ProtobufReader(bytes)
  let type = ''
  let object = new Uint8Array()
  while (!reader.done) {
    const tag = reader.varint()
    if (tag === 0x0a) type = reader.string()
    else if (tag === 0x12) {
      const inner = reader.message()
      while (!inner.done) {
        const innerTag = inner.varint()
        if (innerTag === 0x0a) object = inner.bytes() as Uint8Array<ArrayBuffer>
        else inner.skip(innerTag & 7)
      }
    } else reader.skip(tag & 7)
  }
  return { type, object }
}

function writeString(writer: ProtobufWriter, field: number, text: string): void {
  writer.string(text)
  writer.tag(field, wireType.bytes)
}

/** An object as it was sent, or why it cannot be read. The object is not checked or ordered: give it to decodeValue. */
export type DecodedProtobuf =
  | { readonly kind: GroupVersionKind; readonly object: JsonObject }
  | { readonly problem: string; readonly tooLarge?: true }

/**
 * Reads an envelope and the object in it. `fallback` is what an envelope without a kind is taken for, and how a kind of
 * that name in a version that we do not know is read: whether that version is welcome is for the caller to say.
 */
export function decodeProtobuf(
  bytes: Uint8Array,
  fallback?: GroupVersionKind,
  limits: { readonly maxBytes?: number } = {},
): DecodedProtobuf {
  const maxBytes = limits.maxBytes ?? defaultMaxBytes
  if (bytes.length > maxBytes) {
    return { problem: `limit is ${maxBytes} bytes, and the message has ${bytes.length}`, tooLarge: true }
  }
  if (bytes.length < 4 || magic.some((byte, i) => bytes[i] !== byte)) {
    return { problem: 'provided data does not appear to be a protobuf message, expected prefix 6b 38 73 00' }
  }
  try {
    return readEnvelope(bytes, fallback)
  } catch (error) {
    if (error instanceof ProtobufError) return { problem: error.message }
    throw error
  }
}

function readEnvelope(bytes: Uint8Array, fallback: GroupVersionKind | undefined): DecodedProtobuf {
  const reader = new ProtobufReader(bytes, magic.length)
  let apiVersion = ''
  let kindName = ''
  let contentType = ''
  let raw: Uint8Array = new Uint8Array()
  while (!reader.done) {
    const tag = reader.varint()
    if (tag === 0x0a) {
      const meta = reader.message()
      while (!meta.done) {
        const metaTag = meta.varint()
        if (metaTag === 0x0a) apiVersion = meta.string()
        else if (metaTag === 0x12) kindName = meta.string()
        else meta.skip(metaTag & 7)
      }
    } else if (tag === 0x12) raw = reader.bytes()
    else if (tag === 0x22) contentType = reader.string()
    else reader.skip(tag & 7)
  }
  const parts = apiVersion.split('/')
  if (parts.length > 2) return { problem: `unexpected GroupVersion string: ${apiVersion}` }
  const kind: GroupVersionKind = {
    group: parts.length === 2 ? parts[0]! : apiVersion === '' ? (fallback?.group ?? '') : '',
    version: parts.at(-1)! || (fallback?.version ?? ''),
    kind: kindName || (fallback?.kind ?? ''),
  }
  const isSameName = fallback !== undefined && fallback.kind === kind.kind
  const schema = schemaOfKind(kind) ?? (isSameName ? schemaOfKind(fallback) : undefined)
  if (schema === undefined || !hasProtobuf(schema)) {
    return { problem: `no kind "${kind.kind}" is registered for version "${apiVersionOf(kind)}"` }
  }
  return contentType === 'application/json'
    ? readJsonInside(raw, kind)
    : { kind, object: readMessage(new ProtobufReader(raw), schema) }
}

/** An envelope may hold JSON when it says so. */
function readJsonInside(raw: Uint8Array, kind: GroupVersionKind): DecodedProtobuf {
  const decoded = decodeJson(raw)
  if ('problem' in decoded) return decoded
  return { kind, object: decoded.value as JsonObject }
}

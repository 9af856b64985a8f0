import { Readable } from 'node:stream'
import { apiVersionOf, type KubeObject } from '#api/resource.ts'
import type { FillableBody, HttpRequest } from '#lib/http/message.ts'
import { encodeYaml } from '#lib/encoding/yamlText.ts'
import { contentTypeOf, type MediaType } from '#machinery/codec/negotiate.ts'
import type { Kind } from '../kind.ts'
import type { ServerReply } from '../request.ts'
import type { ApiServer } from '../server.ts'
import type { StoredObject } from '../storedObject.ts'
import { listKind, transformationOf, type Transformation } from '../transform.ts'
import { compressLong, type CompressedBody } from './compress.ts'
import { encodeObjectProtobuf, encodeListProtobuf } from './protobuf.ts'

type ObjectReply = Extract<ServerReply, { readonly type: 'object' | 'stored' | 'list' }>

/** Bodies up to this size leave in one piece, with their length. */
const oneBuffer = 256 * 1024

/** Puts an answer into the encoding that the client asked for; its content type is `replyType`. */
export function encodeReply(
  server: ApiServer,
  request: HttpRequest,
  reply: ObjectReply,
): CompressedBody | Promise<CompressedBody> {
  const body = bodyOf(server, request, reply)
  const wanted = request.headers['accept-encoding']
  return compressLong(body, typeof wanted === 'string' ? wanted : wanted?.join(','))
}

/** The content type of an answer. */
export function replyType(reply: ObjectReply): string {
  return contentTypeOf[reply.wanted?.mediaType ?? 'json']
}

type Body = Buffer | AsyncIterable<Uint8Array> | FillableBody

function bodyOf(server: ApiServer, request: HttpRequest, reply: ObjectReply): Body {
  const { mediaType = 'json', pretty = false } = reply.wanted ?? {}
  if (reply.type === 'object') return encodeValue(reply.object, mediaType, pretty)
  const transformation = transformationOf(reply.kind, reply, request.query, () => server.now())
  if (reply.type === 'stored') {
    const { stored } = reply
    if (transformation !== undefined) return encodeValue(transformation.one(stored.object), mediaType, pretty)
    if (mediaType === 'json' && !pretty) return stored.line
    if (mediaType === 'protobuf') return stored.encoded('protobuf', encodeObjectProtobuf)
    return encodeValue(stored.object, mediaType, pretty)
  }
  if (mediaType === 'json' && !pretty) {
    return transformation === undefined ? jsonList(reply) : transformedList(reply, transformation)
  }
  if (mediaType === 'protobuf' && transformation === undefined)
    return encodeListProtobuf(reply.kind, reply.items, reply.metadata)
  const list =
    transformation === undefined
      ? {
          ...listKind(reply.kind),
          metadata: reply.metadata,
          items: reply.items.map(({ object }) => (reply.kind.custom === undefined ? withoutType(object) : object)),
        }
      : {
          ...transformation.frame(reply.metadata),
          [transformation.member]: reply.items.map(({ object }) => transformation.item(object)),
        }
  return encodeValue(list, mediaType, pretty)
}

/** An object made for this reply, in the form that was asked for. */
export function encodeValue(value: object, mediaType: MediaType, pretty: boolean): Buffer {
  if (mediaType === 'yaml') return Buffer.from(encodeYaml(value))
  if (mediaType === 'protobuf') return encodeObjectProtobuf(value as KubeObject)
  return Buffer.from(pretty ? JSON.stringify(value, undefined, 2) : `${JSON.stringify(value)}\n`)
}

/** The kind is on the list, so it is not on its items. */
function withoutType({ kind: _, apiVersion: __, ...rest }: KubeObject): object {
  return rest
}

const itemBegin = Buffer.from('{')
const nextItemBegin = Buffer.from(',{')
const listEnd = Buffer.from(']}\n')

/** How many bytes an object's JSON has before the first member that also an item of a list has. */
function typeLength(kind: Kind): number {
  // Custom objects keep their type in lists.
  if (kind.custom !== undefined) return 1
  const { resource } = kind
  return `{"kind":${JSON.stringify(resource.kind)},"apiVersion":${JSON.stringify(apiVersionOf(resource))},`.length
}

/** A list made of the bytes of its objects. */
function jsonList({ kind, items, metadata }: Extract<ObjectReply, { readonly type: 'list' }>): Body {
  const names = listKind(kind)
  const head = Buffer.from(
    `{"kind":${JSON.stringify(names.kind)},"apiVersion":${JSON.stringify(names.apiVersion)},"metadata":${JSON.stringify(metadata)},"items":[`,
  )
  const skip = typeLength(kind)
  if (items.length <= itemsPerTurn) {
    const pieces: Buffer[] = [head]
    let size = head.length
    for (const stored of items) {
      const json = stored.json.subarray(skip)
      pieces.push(size === head.length ? itemBegin : nextItemBegin, json)
      size += json.length + 2
    }
    pieces.push(listEnd)
    if (size < oneBuffer) return Buffer.concat(pieces)
    return Readable.from(pieces, { objectMode: true })
  }
  return new LongList(head, items, skip)
}

/** Longer lists are copied from the bytes of their objects only as they are sent. */
const itemsPerTurn = 500

/** The JSON of a long list, copied from the bytes of its objects. */
class LongList implements FillableBody {
  readonly #head: Buffer
  readonly #items: readonly StoredObject[]
  readonly #skip: number
  /** What is copied now: an item, `-1` for the head, the number of items for the end. */
  #item = -1
  /** How much of it has been copied. The brace with which an item begins stands in the place of what is skipped. */
  #copied = 0

  /** `skip` is how many bytes the JSON of each object has before what it has in a list. */
  constructor(head: Buffer, items: readonly StoredObject[], skip: number) {
    this.#head = head
    this.#items = items
    this.#skip = skip
  }

  fill(part: Buffer): number {
    let size = 0
    // The two bytes with which an item begins stay together.
    while (size + 2 <= part.length && this.#item <= this.#items.length) {
      const isFrame = this.#item < 0 || this.#item === this.#items.length
      size += isFrame ? this.#copyFrame(part, size) : this.#copyItem(part, size)
    }
    return size
  }

  #copyFrame(part: Buffer, at: number): number {
    const frame = this.#item < 0 ? this.#head : listEnd
    const copied = frame.copy(part, at, this.#copied)
    this.#copied += copied
    if (this.#copied === frame.length) this.#next()
    return copied
  }

  #copyItem(part: Buffer, at: number): number {
    const item = this.#items[this.#item]!
    let size = 0
    if (this.#copied < this.#skip) {
      if (this.#item > 0) part[at + size++] = 0x2c
      part[at + size++] = 0x7b
      this.#copied = this.#skip
    }
    const copied = item.copyJson(part, at + size, this.#copied)
    this.#copied += copied
    if (this.#copied === item.jsonLength) this.#next()
    return size + copied
  }

  #next(): void {
    this.#item++
    this.#copied = 0
  }
}

/** A table or a list of metadata, made and written in parts so that it never holds up others. */
async function* transformedList(
  { items, metadata }: Extract<ObjectReply, { readonly type: 'list' }>,
  { frame, item, member }: Transformation,
): AsyncGenerator<Uint8Array, void, void> {
  const text = JSON.stringify(frame(metadata))
  const place = text.lastIndexOf(`"${member}":[]`) + member.length + 4
  yield Buffer.from(text.slice(0, place))
  for (let at = 0; at < items.length; at += 100) {
    const part = items.slice(at, at + 100).map(({ object }) => JSON.stringify(item(object)))
    yield Buffer.from(`${at === 0 ? '' : ','}${part.join(',')}`)
    if (at > 0) await new Promise((resolve) => setImmediate(resolve))
  }
  yield Buffer.from(`${text.slice(place)}\n`)
}

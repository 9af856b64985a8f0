import type { KubeObject } from '#api/resource.ts'
import type { HttpReply, HttpRequest } from '#lib/http/message.ts'
import type { Kind } from '../kind.ts'
import type { ServerReply } from '../request.ts'
import type { ApiServer } from '../server.ts'
import { transformationOf, type Transformation } from '../transform.ts'
import { bookmarkObject } from '../bookmark.ts'
import { waitForReader, type WatchItem } from '../watch.ts'
import { headersOf } from './headers.ts'
import { encodeEventProtobuf } from './protobuf.ts'

type WatchReply = Extract<ServerReply, { readonly type: 'watch' }>

/** Writes the events of a watch until it ends. A client that reads too slowly holds up nobody but itself, and not for ever. */
export async function sendWatch(
  server: ApiServer,
  request: HttpRequest,
  reply: HttpReply,
  answer: WatchReply,
): Promise<void> {
  const isProtobuf = answer.wanted?.mediaType === 'protobuf'
  const contentType = isProtobuf ? 'application/vnd.kubernetes.protobuf;stream=watch' : 'application/json'
  const stream = reply.stream(answer.code, { ...headersOf(answer), 'content-type': contentType })
  const transformation = transformationOf(answer.kind, answer, request.query, () => server.now())
  const encode = (item: WatchItem): Buffer => encodeItem(item, answer.kind, transformation, isProtobuf)
  for await (const items of answer.watch) {
    const bytes =
      transformation === undefined ? sharedBytes(answer.kind, items, isProtobuf, encode) : joined(items, encode)
    if (stream.write(bytes)) continue
    if (await waitForReader(stream.drained(), answer.kind.cache, answer.place, server.clock)) continue
    reply.destroy()
    return
  }
  stream.end()
}

interface Batch {
  readonly items: readonly WatchItem[]
  readonly isProtobuf: boolean
  readonly bytes: Buffer
}

/** The newest batch of each kind, for those who watch it at the same pace. */
const batches = new WeakMap<Kind, Batch>()

/** The bytes of a batch. Watchers that see the same one after another get the same bytes. */
function sharedBytes(
  kind: Kind,
  items: readonly WatchItem[],
  isProtobuf: boolean,
  encode: (item: WatchItem) => Buffer,
): Buffer {
  // The bytes of one event are kept with its object.
  if (items.length === 1) return encode(items[0]!)
  const known = batches.get(kind)
  const isSame =
    known !== undefined &&
    known.isProtobuf === isProtobuf &&
    known.items.length === items.length &&
    known.items.every((item, index) => item === items[index])
  if (isSame) return known.bytes
  const bytes = joined(items, encode)
  batches.set(kind, { items, isProtobuf, bytes })
  return bytes
}

function joined(items: readonly WatchItem[], encode: (item: WatchItem) => Buffer): Buffer {
  return Buffer.concat(items.map(encode))
}

function encodeItem(
  item: WatchItem,
  kind: Kind,
  transformation: Transformation | undefined,
  isProtobuf: boolean,
): Buffer {
  const encode = isProtobuf ? encodeEventProtobuf : encodeEventJson
  if (item.type === 'ERROR') return encode('ERROR', item.error.status)
  if (item.type === 'BOOKMARK') {
    const bookmark = bookmarkObject(kind, item)
    return encode('BOOKMARK', transformation?.bookmark(bookmark) ?? bookmark)
  }
  const { type, object: stored } = item
  if (transformation !== undefined) return encode(type, transformation.event(stored.object))
  // Made once for all who watch.
  return isProtobuf
    ? stored.encoded(`protobuf ${type}`, (object) => encodeEventProtobuf(type, object))
    : stored.encodedBytes(`json ${type}`, () =>
        Buffer.concat([Buffer.from(`{"type":"${type}","object":`), stored.json, eventEnd]),
      )
}

const eventEnd = Buffer.from('}\n')

function encodeEventJson(type: string, object: object): Buffer {
  return Buffer.from(`{"type":"${type}","object":${JSON.stringify(object as KubeObject)}}\n`)
}

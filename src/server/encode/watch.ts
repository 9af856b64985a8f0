import type { KubeObject } from '#api/resource.ts'
import type { HttpReply, HttpRequest } from '#lib/http/message.ts'
import { acceptWebSocket, offeredProtocols } from '#lib/http/webSocket.ts'
import { isTokenProtocol } from '../authenticate/authenticator.ts'
import type { Kind } from '../kind.ts'
import type { ServerReply } from '../request.ts'
import type { ApiServer } from '../server.ts'
import { transformationOf, type Transformation } from '../transform.ts'
import { bookmarkObject } from '../bookmark.ts'
import { waitForReader, type WatchItem } from '../watch.ts'
import { headersOf } from './headers.ts'
import type { StoredObject } from '../storedObject.ts'
import { encodeEventProtobuf, encodeStoredEvents } from './protobuf.ts'
import { RecentBytes } from './recentBytes.ts'

type WatchReply = Extract<ServerReply, { readonly type: 'watch' }>

/** Writes the events of a watch until it ends. A client that reads too slowly holds up nobody but itself, and not for ever. */
export async function sendWatch(
  server: ApiServer,
  request: HttpRequest,
  reply: HttpReply,
  answer: WatchReply,
): Promise<void> {
  const isProtobuf = answer.wanted?.mediaType === 'protobuf'
  if (request.upgrade?.protocol === 'websocket') return sendMessages(server, request, answer, isProtobuf)
  const contentType = isProtobuf ? 'application/vnd.kubernetes.protobuf;stream=watch' : 'application/json'
  const stream = reply.stream(answer.code, { ...headersOf(answer), 'content-type': contentType })
  const transformation = transformationOf(answer.kind, answer, request.query, () => server.now())
  const encode = (item: WatchItem): Buffer => encodeItem(item, answer.kind, transformation, isProtobuf)
  for await (const items of answer.watch) {
    const bytes =
      transformation !== undefined
        ? joined(items, encode)
        : isInitial(items)
          ? initialBytes(answer.kind, items, isProtobuf)
          : sharedBytes(answer.kind, items, isProtobuf, encode)
    const hasRoom = stream.write(bytes)
    // Others have their turn between the batches of a long list.
    if (isInitial(items)) await new Promise((resolve) => setImmediate(resolve))
    if (hasRoom) continue
    if (await waitForReader(stream.drained(), answer.kind.cache, answer.place, server.clock)) continue
    answer.place.onCut()
    reply.destroy()
    return
  }
  stream.end()
}

/** The same for clients that speak WebSocket: one message for each event, as text or, of protobuf, as bytes without length. */
async function sendMessages(
  server: ApiServer,
  request: HttpRequest,
  answer: WatchReply,
  isProtobuf: boolean,
): Promise<void> {
  const transformation = transformationOf(answer.kind, answer, request.query, () => server.now())
  const { kind, place } = answer
  const { clock } = server
  // Browsers give up when none of what they offer is taken. Their token may be among it, which is no protocol.
  const protocol = offeredProtocols(request).find((name) => !isTokenProtocol(name)) ?? ''
  const connection = await acceptWebSocket(request.upgrade!, protocol, { clock })
  // What clients say is of no interest, only that they are there.
  connection.onMessage(() => undefined)
  for await (const items of answer.watch) {
    for (const item of items) {
      const bytes = encodeItem(item, kind, transformation, isProtobuf)
      const message = isProtobuf ? bytes.subarray(frameLength) : bytes.toString()
      const sent = new Promise<void>((resolve) => connection.send(message, () => resolve()))
      if (!connection.full || (await waitForReader(sent, kind.cache, place, clock))) continue
      place.onCut()
      return connection.terminate()
    }
  }
  connection.close()
}

/** The bytes of an event's length before it in a stream. */
const frameLength = 4

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
  // The bytes of one event are kept for a while.
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

/** One event as it stands in a stream. */
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
  return recentBytes[isProtobuf ? 'protobuf' : 'json'][type].of(
    stored,
    isProtobuf ? protobufEvents[type] : jsonEvents[type],
  )
}

type Changes<T> = Readonly<Record<'ADDED' | 'MODIFIED' | 'DELETED', T>>

/** What is made once for all who watch. */
const recentBytes: Readonly<Record<'json' | 'protobuf', Changes<RecentBytes>>> = {
  json: { ADDED: new RecentBytes(), MODIFIED: new RecentBytes(), DELETED: new RecentBytes() },
  protobuf: { ADDED: new RecentBytes(), MODIFIED: new RecentBytes(), DELETED: new RecentBytes() },
}

const jsonEvents: Changes<(stored: StoredObject) => Buffer> = {
  ADDED: (stored) => Buffer.concat([added, stored.json, eventEnd]),
  MODIFIED: (stored) => Buffer.concat([modified, stored.json, eventEnd]),
  DELETED: (stored) => Buffer.concat([deleted, stored.json, eventEnd]),
}

const protobufEvents: Changes<(stored: StoredObject) => Buffer> = {
  ADDED: ({ object }) => encodeEventProtobuf('ADDED', object),
  MODIFIED: ({ object }) => encodeEventProtobuf('MODIFIED', object),
  DELETED: ({ object }) => encodeEventProtobuf('DELETED', object),
}

const [added, modified, deleted] = ['ADDED', 'MODIFIED', 'DELETED'].map((type) =>
  Buffer.from(`{"type":"${type}","object":`),
) as [Buffer, Buffer, Buffer]
const eventEnd = Buffer.from('}\n')

type InitialItem = Extract<WatchItem, { readonly object: StoredObject }>

function isInitial(items: readonly WatchItem[]): items is readonly InitialItem[] {
  const first = items[0]
  return first !== undefined && 'isInitial' in first
}

/** What was there when a watch began. Everybody begins at another time, so nothing of it is kept. */
function initialBytes(kind: Kind, items: readonly InitialItem[], isProtobuf: boolean): Buffer {
  if (isProtobuf)
    return encodeStoredEvents(
      kind,
      'ADDED',
      items.map(({ object }) => object),
    )
  const pieces: Buffer[] = []
  for (const { object } of items) pieces.push(added, object.json, eventEnd)
  return Buffer.concat(pieces)
}

function encodeEventJson(type: string, object: object): Buffer {
  return Buffer.from(`{"type":"${type}","object":${JSON.stringify(object as KubeObject)}}\n`)
}

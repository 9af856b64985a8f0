import { apiVersionOf, type KubeObject } from '#api/resource.ts'
import type { HttpReply, HttpRequest } from '#lib/http/message.ts'
import type { ServerReply } from '../request.ts'
import type { ApiServer } from '../server.ts'
import { transformationOf, type Transformation } from '../transform.ts'
import { bookmarkObject, type WatchItem } from '../watch.ts'
import { headersOf } from './headers.ts'
import { encodeEventProtobuf } from './protobuf.ts'

type WatchReply = Extract<ServerReply, { readonly type: 'watch' }>

/** Writes the events of a watch until it ends. A client that reads too slowly holds up nobody but itself. */
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
  const { resource } = answer.kind
  const names = { kind: resource.kind, apiVersion: apiVersionOf(resource) }
  for await (const items of answer.watch) {
    let isFull = false
    for (const item of items) isFull = !stream.write(encodeItem(item, names, transformation, isProtobuf))
    if (isFull) await stream.drained()
  }
  stream.end()
}

function encodeItem(
  item: WatchItem,
  { kind, apiVersion }: { readonly kind: string; readonly apiVersion: string },
  transformation: Transformation | undefined,
  isProtobuf: boolean,
): Buffer {
  const encode = isProtobuf ? encodeEventProtobuf : encodeEventJson
  if (item.type === 'ERROR') return encode('ERROR', item.error.status)
  if (item.type === 'BOOKMARK') return encode('BOOKMARK', bookmarkObject(kind, apiVersion, item))
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

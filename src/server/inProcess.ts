import type { KubeObject } from '#api/resource.ts'
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { StatusError, badRequest, statusErrorOf, type Status } from '#machinery/status.ts'
import type { Kind } from './kind.ts'
import type { Query } from './options.ts'
import type { ServerReply, ServerRequest } from './request.ts'
import type { ApiServer } from './server.ts'
import type { Caller } from './strategy.ts'
import { foreignEvents } from './extensions/aggregation/foreignEvents.ts'
import { listKind, transformationOf, type Transformation } from './transform.ts'
import { bookmarkObject } from './bookmark.ts'
import type { WatchItem } from './watch.ts'

interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly query?: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly body?: unknown
  readonly contentType?: string
  readonly accept?: string
}

export type WatchEvent =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: KubeObject }
  | { readonly type: 'BOOKMARK'; readonly object: { readonly metadata: { readonly resourceVersion: string } } }

/** A client's Transport without a connection: objects are passed by reference, shared and frozen, and nothing is encoded. */
export interface InProcessTransport {
  send(
    request: ApiRequest,
    signal?: AbortSignal,
  ): Promise<{ readonly code: number; readonly body: unknown; readonly warnings: readonly string[] }>
  watch(request: ApiRequest, signal: AbortSignal): AsyncIterable<readonly WatchEvent[]>
  stream(request: ApiRequest, signal: AbortSignal): Promise<ReadableStream<Uint8Array>>
}

/** Events handed over at once: whoever watches takes them all in before anything else happens. */
const eventsAtOnce = 64

const never = new AbortController().signal

/** A transport into a server of this process, on behalf of `caller`, or of whom `caller` says at each request. */
export function inProcessTransport(server: ApiServer, caller: Caller | (() => Caller)): InProcessTransport {
  const callerNow = typeof caller === 'function' ? caller : () => caller
  const ask = async (request: ApiRequest, signal: AbortSignal, watch = false): Promise<ServerReply> => {
    const turn = server.turns.pass()
    if (turn !== undefined) await turn
    signal.throwIfAborted()
    const reply = await server.handle(requestOf(request, callerNow(), signal, watch))
    signal.throwIfAborted()
    if (reply.code < 400) return reply
    if (reply.type === 'object') throw new StatusError(reply.object as Status)
    const text = reply.type === 'bytes' ? reply.bytes.toString('utf8').trim() : ''
    throw statusErrorOf(undefined, reply.code, text)
  }
  return {
    async send(request, signal = never) {
      const reply = await ask(request, signal)
      return { code: reply.code, body: bodyOf(reply, server, request), warnings: reply.warnings ?? [] }
    },
    async *watch(request, signal) {
      const reply = await ask(request, signal, true)
      if (reply.type === 'stream') {
        yield* foreignEvents(reply.pieces)
        return
      }
      if (reply.type !== 'watch') throw badRequest(`Cannot watch ${request.path}: the server answered at once`)
      const transformation = transformationFor(reply, server, request)
      for await (const items of reply.watch) {
        for (let at = 0; at < items.length; at += eventsAtOnce) {
          const turn = server.turns.pass()
          if (turn !== undefined) await turn
          signal.throwIfAborted()
          yield items.slice(at, at + eventsAtOnce).map((item) => eventOf(item, reply.kind, transformation))
        }
        signal.throwIfAborted()
      }
      signal.throwIfAborted()
    },
    async stream(request, signal) {
      const reply = await ask(request, signal)
      if (reply.type === 'stream') return ReadableStream.from(reply.pieces)
      const text = reply.type === 'bytes' ? reply.bytes : Buffer.from(JSON.stringify(bodyOf(reply, server, request)))
      return ReadableStream.from([text])
    },
  }
}

function eventOf(item: WatchItem, kind: Kind, transformation: Transformation | undefined): WatchEvent {
  if (item.type === 'ERROR') throw item.error
  if (item.type === 'BOOKMARK') {
    const bookmark = bookmarkObject(kind, item)
    const object = deepFreeze(transformation?.bookmark(bookmark) ?? bookmark)
    return { type: 'BOOKMARK', object: object as { readonly metadata: { readonly resourceVersion: string } } }
  }
  const { object } = item.object
  return { type: item.type, object: (transformation?.event(object) ?? object) as KubeObject }
}

function bodyOf(reply: ServerReply, server: ApiServer, request: ApiRequest): unknown {
  switch (reply.type) {
    case 'stored': {
      const { object } = reply.stored
      return transformationFor(reply, server, request)?.one(object) ?? object
    }
    case 'list': {
      const items = reply.items.map(({ object }) => object)
      const transformation = transformationFor(reply, server, request)
      if (transformation === undefined) return deepFreeze({ ...listKind(reply.kind), metadata: reply.metadata, items })
      const { frame, item, member } = transformation
      return deepFreeze({ ...frame(reply.metadata), [member]: items.map(item) })
    }
    case 'object':
      return deepFreeze(reply.object)
    case 'bytes':
      return reply.bytes.toString('utf8')
    default:
      throw badRequest(`Cannot read ${request.path} as an object: it is a stream`)
  }
}

function transformationFor(
  reply: ServerReply & { readonly kind: Kind },
  server: ApiServer,
  request: ApiRequest,
): Transformation | undefined {
  return transformationOf(reply.kind, reply, queryOf(request.query), () => server.now())
}

function requestOf(request: ApiRequest, caller: Caller, signal: AbortSignal, watch: boolean): ServerRequest {
  const headers: Readonly<Record<string, string | undefined>> = {
    accept: request.accept,
    'content-type': request.contentType,
  }
  const parameters = watch ? { ...request.query, watch: 'true' } : request.query
  return {
    method: request.method,
    path: request.path,
    query: queryOf(parameters),
    parameters,
    header: (name) => headers[name],
    headerValues: (name) => (headers[name] === undefined ? [] : [headers[name]]),
    caller,
    remoteAddress: '',
    body: { object: request.body },
    signal,
  }
}

function queryOf(query: ApiRequest['query'] = {}): Query {
  const first = (name: string): string | null => {
    const value = query[name]
    return (typeof value === 'object' ? value[0] : value) ?? null
  }
  const all = (name: string): string[] => {
    const value = query[name]
    return value === undefined ? [] : typeof value === 'string' ? [value] : [...value]
  }
  return { get: first, getAll: all, has: (name) => first(name) !== null }
}

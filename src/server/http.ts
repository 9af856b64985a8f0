// The server on a connection: HTTP requests become ServerRequests, replies become bytes.
import type { FillableBody, HttpReply, HttpRequest, ReplyHeaders } from '#lib/http/message.ts'
import { BodyError } from '#lib/http/message.ts'
import type { HistogramSeries } from '#lib/metrics.ts'
import { badRequest, requestTooLarge } from '#machinery/status.ts'
import { headersOf } from './encode/headers.ts'
import { encodeReply, replyType } from './encode/reply.ts'
import { sendWatch } from './encode/watch.ts'
import type { Query } from './options.ts'
import type { ServerReply, ServerRequest } from './request.ts'
import type { ApiServer } from './server.ts'

/** Answers HTTP requests with a server; for `HttpServer`. */
export function httpHandler(server: ApiServer): (request: HttpRequest, reply: HttpReply) => Promise<void> {
  return async (request, reply) => {
    const answer = await server.handle(new HttpServerRequest(request))
    await sendReply(server, request, reply, answer)
  }
}

async function sendReply(
  server: ApiServer,
  request: HttpRequest,
  reply: HttpReply,
  answer: ServerReply,
): Promise<void> {
  switch (answer.type) {
    case 'taken':
      return answer.run()
    case 'watch':
      return sendWatch(server, request, reply, answer)
    case 'stream':
      await reply.sendPieces(answer.code, { ...headersOf(answer), 'content-type': answer.contentType }, answer.pieces)
      return
    case 'bytes':
      return reply.send(answer.code, { ...headersOf(answer), ...typeHeader(answer.contentType) }, answer.bytes)
    default: {
      const encoded = encodeReply(server, request, answer)
      const { body, headers } = encoded instanceof Promise ? await encoded : encoded
      const own = headersOf(answer)
      const all = { ...own, ...headers }
      if (headers['vary'] !== undefined && own['vary'] !== undefined) all['vary'] = `${own['vary']}, ${headers['vary']}`
      all['content-type'] ??= replyType(answer)
      const { sizes } = answer
      if (Buffer.isBuffer(body)) {
        sizes?.observe(body.length)
        reply.send(answer.code, all, body)
      } else if (sizes === undefined) await reply.sendPieces(answer.code, all, body)
      else await reply.sendPieces(answer.code, all, 'fill' in body ? measuredFill(body, sizes) : measured(body, sizes))
    }
  }
}

/** Tells how long a body was, once it is whole. */
async function* measured(
  pieces: AsyncIterable<Uint8Array>,
  sizes: HistogramSeries,
): AsyncGenerator<Uint8Array, void, void> {
  let size = 0
  for await (const piece of pieces) {
    size += piece.length
    yield piece
  }
  sizes.observe(size)
}

function measuredFill(body: FillableBody, sizes: HistogramSeries): FillableBody {
  let size = 0
  return {
    fill(part) {
      const filled = body.fill(part)
      if (filled === 0) sizes.observe(size)
      size += filled
      return filled
    },
  }
}

function typeHeader(contentType: string): ReplyHeaders {
  return contentType === '' ? {} : { 'content-type': contentType }
}

/** A request that came over a connection. */
class HttpServerRequest implements ServerRequest {
  readonly method: string
  readonly path: string
  readonly #request: HttpRequest

  constructor(request: HttpRequest) {
    this.method = request.method
    this.path = request.path
    this.#request = request
  }

  get query(): Query {
    return this.#request.query
  }

  get search(): string {
    return this.#request.search
  }

  get certificate(): ServerRequest['certificate'] {
    const { peer } = this.#request
    return peer?.verified === true ? peer : undefined
  }

  get remoteAddress(): string {
    return this.#request.remoteAddress
  }

  get upgrade(): ServerRequest['upgrade'] {
    return this.#request.upgrade
  }

  get signal(): AbortSignal {
    return this.#request.signal
  }

  get body(): ServerRequest['body'] {
    return { pieces: () => this.#request.bodyPieces(), readBytes: (limit) => readBytes(this.#request, limit) }
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return typeof value === 'string' || value === undefined ? value : value.join(', ')
  }

  headerNames(): string[] {
    return Object.keys(this.#request.headers)
  }

  headerValues(name: string): string[] {
    return this.#request.headerValues(name)
  }
}

async function readBytes(request: HttpRequest, limit: number): Promise<Buffer> {
  try {
    return await request.readBody(limit)
  } catch (error) {
    if (!(error instanceof BodyError)) throw error
    if (error.status === 413) throw requestTooLarge(`Request entity too large: limit is ${limit - 1}`)
    throw badRequest(error.message)
  }
}

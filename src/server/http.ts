// The server on a connection: HTTP requests become ServerRequests, replies become bytes.
import type { HttpReply, HttpRequest, ReplyHeaders } from '#lib/http/message.ts'
import { BodyError } from '#lib/http/message.ts'
import { requestTooLarge } from '#machinery/status.ts'
import { badRequest } from '#machinery/status.ts'
import { headersOf } from './encode/headers.ts'
import { encodeReply } from './encode/reply.ts'
import { sendWatch } from './encode/watch.ts'
import type { ServerReply, ServerRequest } from './request.ts'
import type { ApiServer } from './server.ts'

/** Answers HTTP requests with a server; for `HttpServer`. */
export function httpHandler(server: ApiServer): (request: HttpRequest, reply: HttpReply) => Promise<void> {
  return async (request, reply) => {
    const answer = await server.handle(requestOf(request))
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
      const { contentType, body, headers } = encodeReply(server, request, answer)
      const all = { ...headersOf(answer), ...headers }
      all['content-type'] ??= contentType
      if (Buffer.isBuffer(body)) reply.send(answer.code, all, body)
      else await reply.sendPieces(answer.code, all, body)
    }
  }
}

function typeHeader(contentType: string): ReplyHeaders {
  return contentType === '' ? {} : { 'content-type': contentType }
}

function requestOf(request: HttpRequest): ServerRequest {
  const { peer, upgrade } = request
  return {
    method: request.method,
    path: request.path,
    get query() {
      return request.query
    },
    search: request.search,
    header(name) {
      const value = request.headers[name]
      return typeof value === 'string' || value === undefined ? value : value.join(', ')
    },
    headerNames: () => Object.keys(request.headers),
    headerValues: (name) => request.headerValues(name),
    ...(peer?.verified === true ? { certificate: peer } : {}),
    remoteAddress: request.remoteAddress,
    body: {
      pieces: () => request.bodyPieces(),
      async readBytes(limit) {
        try {
          return await request.readBody(limit)
        } catch (error) {
          if (!(error instanceof BodyError)) throw error
          throw error.status === 413
            ? requestTooLarge(`Request entity too large: limit is ${limit - 1}`)
            : badRequest(error.message)
        }
      },
    },
    ...(upgrade === undefined ? {} : { upgrade }),
    get signal() {
      return request.signal
    },
  }
}

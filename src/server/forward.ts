// Passing requests on: what of a request's head goes further, and what of the answer's comes back.
import type { HttpResponse } from '#lib/http/client.ts'
import { isTokenProtocol } from './authenticate/authenticator.ts'
import { isImpersonationHeader } from './authenticate/impersonation.ts'
import type { Exchange } from './exchange.ts'
import type { ServerReply } from './request.ts'

/** Headers that are about one connection and not about the request, and those that would show the client's identity. */
const ownHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'host',
  'http2-settings',
  'authorization',
  'content-length',
])

/** What is about this connection, shows who the client is or asks the server itself goes no further. */
const isOwnHeader = (name: string): boolean =>
  ownHeaders.has(name) || name.startsWith(':') || isImpersonationHeader(name)

/** The headers of a request as whoever it is passed on to gets them. */
export function forwardedHeaders({ request }: Exchange): Record<string, string> {
  const headers: Record<string, string> = {}
  for (const name of request.headerNames?.() ?? []) {
    const value = request.header(name)
    if (value === undefined || isOwnHeader(name)) continue
    const kept = name === 'sec-websocket-protocol' ? withoutToken(value) : value
    if (kept !== '') headers[name] = kept
  }
  headers['x-forwarded-for'] = [request.header('x-forwarded-for'), request.remoteAddress].filter(Boolean).join(', ')
  headers['x-forwarded-uri'] = request.path
  return headers
}

/** The subprotocols that a client offers but for the one that is its token. */
function withoutToken(protocols: string): string {
  const offered = protocols.split(',').map((each) => each.trim())
  return offered.filter((each) => !isTokenProtocol(each)).join(', ')
}

/** An answer as it is passed on; `done` runs once it has been read, or given up. */
export function responseReply(response: HttpResponse, done: () => void): ServerReply {
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(response.headers)) {
    if (value === undefined || ownHeaders.has(name) || name.startsWith(':')) continue
    headers[name] = typeof value === 'string' ? value : value.join(', ')
  }
  const contentType = headers['content-type'] ?? ''
  delete headers['content-type']
  async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
    try {
      yield* response.body
    } finally {
      done()
    }
  }
  return { type: 'stream', code: response.status, contentType, pieces: pieces(), headers }
}

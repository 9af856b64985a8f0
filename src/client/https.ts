import { decodeJson } from '#lib/encoding/json.ts'
import { deepFreeze } from '#lib/encoding/deepFreeze.ts'
import { HttpClient, type ClientTls, type HttpResponse } from '#lib/http/client.ts'
import { HttpClientError } from '#lib/http/clientError.ts'
import type { Clock } from '#lib/clock.ts'
import { failure, statusErrorOf, unavailable } from '#machinery/status.ts'
import type { ApiRequest, Transport, WatchEvent } from './transport.ts'

/** How to reach an API server over the network. */
export interface HttpsTransportOptions {
  /** `https://host:port`, with or without a path before the API's. */
  readonly url: string
  /** The certificate authority, and a client certificate with its key, in PEM. */
  readonly tls?: ClientTls
  /** Asked before each request, so that a renewed token is used at once. */
  readonly token?: () => string | undefined | Promise<string | undefined>
  readonly userAgent?: string
  readonly clock?: Clock
  /** The longest answer that is read; 512 MiB when absent. */
  readonly maxBytes?: number
}

/** A transport with connections of its own, which must be closed. Broken ones are made anew with the next request. */
export interface HttpsTransport extends Transport, Disposable {
  /** Uses another certificate from the next connection on. */
  setTls(tls: ClientTls): void
  /** The client underneath, for connections that switch protocols. */
  readonly http: HttpClient
}

/** The most bytes of one watch event. */
const longestEvent = 16 * 1024 * 1024

/** A transport over HTTPS. Answers are frozen on arrival. */
export function httpsTransport(options: HttpsTransportOptions): HttpsTransport {
  const { url, tls, token, userAgent = 'k8ts', clock, maxBytes = 512 * 1024 * 1024 } = options
  const http = new HttpClient({
    url,
    ...(tls === undefined ? {} : { tls }),
    ...(token === undefined ? {} : { token }),
    userAgent,
    ...(clock === undefined ? {} : { clock }),
    // A connection that went silent, as after a lost route, is noticed and made anew.
    pingAfter: 30_000,
  })

  /** Sends a request; refusals are thrown. */
  const ask = async (request: ApiRequest, signal: AbortSignal | undefined): Promise<HttpResponse> => {
    const { method, body, contentType = 'application/json', accept = 'application/json' } = request
    const response = await orUnavailable(
      http.request({
        method,
        path: pathOf(request),
        headers: { accept, ...(body === undefined ? {} : { 'content-type': contentType }) },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
      }),
    )
    if (response.status < 400) return response
    const bytes = await orUnavailable(response.readBody(maxBytes))
    const decoded = decodeJson(bytes, { maxBytes })
    const text = bytes.toString('utf8').slice(0, 1000).trim()
    throw statusErrorOf(
      'value' in decoded ? decoded.value : undefined,
      response.status,
      text || `HTTP ${response.status}`,
    )
  }

  return {
    http,
    async send(request, signal) {
      const response = await ask(request, signal)
      const bytes = await orUnavailable(response.readBody(maxBytes))
      return { code: response.status, body: bodyOf(response, bytes, maxBytes), warnings: warningsOf(response) }
    },
    async *watch(request, signal) {
      const response = await ask({ ...request, query: { ...request.query, watch: 'true' } }, signal)
      try {
        for await (const lines of linesOf(response.body)) yield lines.map(eventOf)
      } catch (error) {
        signal.throwIfAborted()
        throw error instanceof HttpClientError ? unavailable(error.message) : error
      } finally {
        response.discard()
      }
    },
    async stream(request, signal) {
      const response = await ask({ ...request, accept: request.accept ?? '*/*' }, signal)
      return ReadableStream.from(response.body)
    },
    setTls: (changed) => http.setTls(changed),
    [Symbol.dispose]: () => http.close(),
  }
}

function pathOf({ path, query = {} }: ApiRequest): string {
  const search = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    for (const each of typeof value === 'string' ? [value] : (value ?? [])) search.append(name, each)
  }
  return search.size === 0 ? path : `${path}?${search.toString()}`
}

async function orUnavailable<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    throw error instanceof HttpClientError ? unavailable(error.message) : error
  }
}

function bodyOf(response: HttpResponse, bytes: Buffer, maxBytes: number): unknown {
  const type = String(response.headers['content-type'] ?? '')
  if (!type.includes('json')) return bytes.toString('utf8')
  const decoded = decodeJson(bytes, { maxBytes })
  if ('value' in decoded) return deepFreeze(decoded.value)
  throw failure('InternalError', `The server answered what is no JSON: ${decoded.problem}`)
}

function eventOf(line: Buffer): WatchEvent {
  const decoded = decodeJson(line, { maxBytes: longestEvent })
  if (!('value' in decoded)) throw failure('InternalError', `The server sent what is no event: ${decoded.problem}`)
  const event = decoded.value as { type: string; object: unknown }
  if (event.type === 'ERROR') throw statusErrorOf(event.object, 500, 'The server ended the watch with an error')
  return deepFreeze(event) as WatchEvent
}

/** The whole lines of each piece that arrives, so that what came together is handed on together. */
async function* linesOf(pieces: AsyncIterable<Buffer>): AsyncGenerator<readonly Buffer[]> {
  let rest: Buffer[] = []
  let length = 0
  for await (const piece of pieces) {
    const lines: Buffer[] = []
    let from = 0
    for (let end = piece.indexOf(10); end >= 0; end = piece.indexOf(10, from)) {
      const line = Buffer.concat([...rest, piece.subarray(from, end)])
      if (line.length > 0) lines.push(line)
      rest = []
      length = 0
      from = end + 1
    }
    if (from < piece.length) {
      rest.push(piece.subarray(from))
      length += piece.length - from
    }
    if (length > longestEvent)
      throw failure('InternalError', `The server sent an event of more than ${longestEvent} bytes`)
    if (lines.length > 0) yield lines
  }
}

/** The texts of `Warning: 299 - "text"` headers (RFC 7234). */
function warningsOf({ headers }: HttpResponse): readonly string[] {
  const value = headers['warning']
  if (value === undefined) return []
  const all = typeof value === 'string' ? value : value.join(', ')
  return [...all.matchAll(/299 \S+ "((?:[^"\\]|\\.)*)"/g)].map(([, text]) => text!.replaceAll(/\\(.)/g, '$1'))
}

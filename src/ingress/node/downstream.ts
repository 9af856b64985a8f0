/** One request of a client and the answer to it, over HTTP/1 or HTTP/2. */
import { STATUS_CODES } from 'node:http'
import type { IncomingMessage, OutgoingMessage, ServerResponse } from 'node:http'
import { constants } from 'node:http2'
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { TlsArrival } from './clientCertificate.ts'
import { headerObject, headerValue, withoutHeaders } from './headers.ts'
import type { RawHeaders } from './headers.ts'

/** The connection that a request came on. */
export interface Arrival {
  readonly address: string
  readonly scheme: 'http' | 'https'
  readonly port: number
  /** Of connections with TLS. */
  readonly tls?: TlsArrival
}

export interface Downstream extends Arrival {
  readonly version: '1.0' | '1.1' | '2'
  readonly method: string
  /** As the client wrote it. */
  readonly target: string
  /** The Host header or `:authority`; nothing when there is none. */
  readonly authority: string | undefined
  readonly headers: RawHeaders
  /** Nothing when the request has no body. */
  readonly body: Readable | undefined
  /** As declared; nothing when it is not known beforehand. */
  readonly bodyBytes: number | undefined
  /** Whether an answer has begun. */
  readonly answered: boolean
  /** Whether the client has gone, or was answered whole; nothing can be told it any more. */
  readonly isOver: boolean
  /** Tells a client that waits for it to send its body (`Expect: 100-continue`). */
  askForBody(): void
  /** Begins an answer. `empty` when neither body nor trailers follow. Returns where the body goes. */
  answer(
    status: number,
    headers: RawHeaders,
    options?: { readonly empty?: boolean; readonly trailers?: boolean },
  ): Writable
  /** Ends the answer. */
  finish(trailers?: RawHeaders): void
  /** Cuts the answer, so that the client knows that it is not whole. */
  abort(): void
  /** No other request comes on this connection after this one. */
  closeAfterwards(): void
  /** Called once when the exchange is over; `whole` when the answer was sent completely. */
  onClose(run: (whole: boolean) => void): void
  /** The connection itself, of a client that wants to upgrade; then nobody else may use it. */
  readonly upgrade?: { readonly protocol: string; take(): { readonly socket: Duplex; readonly head: Buffer } }
}

export class Http1Downstream implements Downstream {
  readonly address: string
  readonly scheme: 'http' | 'https'
  readonly port: number
  readonly version: '1.0' | '1.1'
  readonly method: string
  readonly target: string
  readonly authority: string | undefined
  readonly headers: RawHeaders
  readonly body: Readable | undefined
  readonly bodyBytes: number | undefined
  readonly upgrade?: NonNullable<Downstream['upgrade']>
  readonly tls?: TlsArrival
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  #waits: boolean

  constructor(
    arrival: Arrival,
    message: IncomingMessage,
    response: ServerResponse,
    options: { readonly waits?: boolean; readonly upgrade?: { readonly socket: Duplex; readonly head: Buffer } } = {},
  ) {
    this.address = arrival.address
    this.scheme = arrival.scheme
    this.port = arrival.port
    if (arrival.tls !== undefined) this.tls = arrival.tls
    this.version = message.httpVersion === '1.0' ? '1.0' : '1.1'
    this.method = message.method!
    this.target = message.url!
    this.headers = message.rawHeaders
    this.authority = message.headers.host
    const length = message.headers['content-length']
    this.bodyBytes = length === undefined ? undefined : Number(length)
    const hasBody =
      options.upgrade === undefined && (message.headers['transfer-encoding'] !== undefined || (this.bodyBytes ?? 0) > 0)
    this.body = hasBody ? message : undefined
    this.#message = message
    this.#response = response
    this.#waits = options.waits ?? false
    const { upgrade } = options
    if (upgrade !== undefined) {
      const take = (): { readonly socket: Duplex; readonly head: Buffer } => {
        response.detachSocket(upgrade.socket as Socket)
        upgrade.socket.once('close', () => response.emit('close'))
        return upgrade
      }
      this.upgrade = { protocol: message.headers.upgrade!, take }
    }
  }

  get answered(): boolean {
    return this.#response.headersSent
  }

  get isOver(): boolean {
    return this.#response.closed || this.#message.socket.destroyed
  }

  askForBody(): void {
    if (!this.#waits) return
    this.#waits = false
    this.#response.writeContinue()
  }

  answer(status: number, headers: RawHeaders): Writable {
    // A client that still waits for leave to send its body may not send it: what comes next would be read as that.
    if (this.#waits) this.closeAfterwards()
    this.#response.writeHead(status, STATUS_CODES[status] ?? '', headers as string[])
    return this.#response
  }

  finish(trailers: RawHeaders = []): void {
    if (trailers.length > 0 && this.#response.chunkedEncoding) this.#response.addTrailers(pairs(trailers))
    this.#response.end()
  }

  abort(): void {
    this.#response.destroy()
    this.#message.socket.destroy()
  }

  closeAfterwards(): void {
    this.#response.shouldKeepAlive = false
  }

  onClose(run: (whole: boolean) => void): void {
    this.#response.once('close', () => run(this.#response.writableFinished))
  }
}

function pairs(headers: RawHeaders): Parameters<OutgoingMessage['addTrailers']>[0] {
  const list: [string, string][] = []
  for (let i = 0; i < headers.length; i += 2) list.push([headers[i]!, headers[i + 1]!])
  return list
}

export class Http2Downstream implements Downstream {
  readonly version = '2'
  readonly address: string
  readonly scheme: 'http' | 'https'
  readonly port: number
  readonly method: string
  readonly target: string
  readonly authority: string | undefined
  readonly headers: RawHeaders
  readonly body: Readable | undefined
  readonly bodyBytes: number | undefined
  readonly tls?: TlsArrival
  readonly #stream: ServerHttp2Stream
  #waits: boolean
  #trailers: RawHeaders = []
  #ended = false

  constructor(arrival: Arrival, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) {
    this.address = arrival.address
    this.scheme = arrival.scheme
    this.port = arrival.port
    if (arrival.tls !== undefined) this.tls = arrival.tls
    this.method = headers[':method']!
    this.target = headers[':path'] ?? ''
    this.authority = headers[':authority'] ?? headers.host
    this.headers = withJoinedCookies(raw.filter((_, at) => !raw[at - (at % 2)]!.startsWith(':')))
    const length = headers['content-length']
    this.bodyBytes = length === undefined ? undefined : Number(length)
    this.body = stream.endAfterHeaders ? undefined : stream
    this.#waits = headers.expect === '100-continue'
    this.#stream = stream
  }

  get answered(): boolean {
    return this.#stream.headersSent
  }

  get isOver(): boolean {
    return this.#stream.closed || this.#stream.destroyed
  }

  askForBody(): void {
    if (!this.#waits || this.isOver) return
    this.#waits = false
    this.#stream.additionalHeaders({ ':status': 100 })
  }

  answer(
    status: number,
    headers: RawHeaders,
    options: { readonly empty?: boolean; readonly trailers?: boolean } = {},
  ): Writable {
    const stream = this.#stream
    // What is written to a stream that was reset goes nowhere; its head could not even be tried.
    if (this.isOver) return stream
    const { empty = false, trailers = false } = options
    if (trailers && !empty) stream.once('wantTrailers', () => stream.sendTrailers(headerObject(this.#trailers)))
    stream.respond(
      { ':status': status, ...headerObject(headers) },
      { endStream: empty, waitForTrailers: trailers && !empty },
    )
    this.#ended = empty
    return stream
  }

  finish(trailers: RawHeaders = []): void {
    this.#trailers = trailers
    if (!this.#ended) this.#stream.end()
    this.#ended = true
    // A body that nobody wants any more.
    if (this.body !== undefined && !this.body.readableEnded) this.#stream.resume()
  }

  abort(): void {
    this.#stream.close(constants.NGHTTP2_INTERNAL_ERROR)
  }

  closeAfterwards(): void {
    // Each request has its own stream.
  }

  onClose(run: (whole: boolean) => void): void {
    this.#stream.once('close', () => run(this.#ended && this.#stream.rstCode === constants.NGHTTP2_NO_ERROR))
  }
}

/** HTTP/2 clients may send a header for each cookie; HTTP/1 has one for all (RFC 9113, 8.2.3). */
function withJoinedCookies(headers: string[]): string[] {
  const cookie = headerValue(headers, 'cookie')
  return cookie === undefined ? headers : [...withoutHeaders(headers, onlyCookie), 'cookie', cookie]
}

const onlyCookie: ReadonlySet<string> = new Set(['cookie'])

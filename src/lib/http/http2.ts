/** HTTP/2 requests and replies, over node's stream interface. */
import { constants } from 'node:http2'
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import { collectBody, WritableReplyStream, writeBody } from './body.ts'
import { clientGone, hasNoBody, rawHeaderValues } from './http1.ts'
import type {
  FillableBody,
  Headers,
  HttpReply,
  HttpRequest,
  Peer,
  Pieces,
  ReplyHeaders,
  ReplyStream,
} from './message.ts'
import type { Connection } from './connection.ts'

const nothing = Buffer.alloc(0)

export class Http2Request implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly search: string
  readonly upgrade = undefined
  readonly headers: Headers
  readonly #stream: ServerHttp2Stream
  readonly #raw: readonly string[]
  readonly #connection: Connection
  #query: URLSearchParams | undefined
  #signal: AbortSignal | undefined

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[], connection: Connection) {
    const url = headers[':path'] ?? '/'
    const mark = url.indexOf('?')
    this.method = headers[':method']!
    this.path = mark < 0 ? url : url.slice(0, mark)
    this.search = mark < 0 ? '' : url.slice(mark + 1)
    headers['host'] ??= headers[':authority']
    this.headers = headers
    this.#stream = stream
    this.#raw = raw
    this.#connection = connection
  }

  get protocol(): 'HTTP/2.0' {
    return 'HTTP/2.0'
  }

  get query(): URLSearchParams {
    return (this.#query ??= new URLSearchParams(this.search))
  }

  get peer(): Peer | undefined {
    return this.#connection.peer
  }

  get remoteAddress(): string {
    return this.#connection.remoteAddress
  }

  get remotePort(): number {
    return this.#connection.remotePort
  }

  get signal(): AbortSignal {
    return (this.#signal ??= this.#makeSignal())
  }

  headerValues(name: string): string[] {
    return rawHeaderValues(this.#raw, name)
  }

  readBody(limitBytes: number): Promise<Buffer> {
    if (this.#stream.endAfterHeaders) return Promise.resolve(nothing)
    const declared = this.headers['content-length']
    return collectBody(this.#stream, declared === undefined ? undefined : Number(declared), limitBytes, () =>
      this.#stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM),
    )
  }

  bodyPieces(): AsyncIterable<Buffer> {
    return this.#stream
  }

  #makeSignal(): AbortSignal {
    const stream = this.#stream
    const complete = (): boolean => stream.writableFinished && stream.rstCode === constants.NGHTTP2_NO_ERROR
    if (stream.closed && !complete()) return AbortSignal.abort(clientGone())
    const controller = new AbortController()
    stream.once('close', () => {
      if (!complete()) controller.abort(clientGone())
    })
    return controller.signal
  }
}

export class Http2Reply implements HttpReply {
  readonly #stream: ServerHttp2Stream
  readonly #head: boolean
  #status = 0

  constructor(stream: ServerHttp2Stream, method: string) {
    this.#stream = stream
    this.#head = method === 'HEAD'
  }

  get status(): number {
    return this.#status
  }

  send(status: number, headers: ReplyHeaders, body: Uint8Array | string = nothing): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    const bodyless = hasNoBody(status)
    const endStream = bodyless || this.#head || bytes.length === 0
    if (this.#begin(status, headers, endStream, bodyless ? undefined : bytes.length) && !endStream)
      this.#stream.end(bytes)
  }

  async sendPieces(status: number, headers: ReplyHeaders, pieces: Pieces | FillableBody): Promise<void> {
    if (this.#begin(status, headers, this.#head) && !this.#head)
      await writeBody(this.#stream, pieces, () => this.destroy())
  }

  stream(status: number, headers: ReplyHeaders): ReplyStream {
    this.#begin(status, headers, this.#head)
    return new WritableReplyStream(this.#stream)
  }

  onDone(run: () => void): void {
    if (this.#stream.destroyed) run()
    else this.#stream.once('close', run)
  }

  destroy(): void {
    // `close` with an error code would end the body properly first; only an error makes the reset the last word.
    this.#stream.destroy(new Error('the reply was cut'))
  }

  /** False when the client is gone. */
  #begin(status: number, headers: ReplyHeaders, endStream: boolean, length?: number): boolean {
    if (this.#status !== 0) throw new Error('Cannot reply twice to one request')
    this.#status = status
    const stream = this.#stream
    if (stream.destroyed || stream.closed) return false
    const fields: OutgoingHttpHeaders = { ':status': status, ...(headers as OutgoingHttpHeaders) }
    if (length !== undefined) fields['content-length'] = length
    for (const name of connectionHeaders) if (name in fields) delete fields[name]
    stream.respond(fields, { endStream })
    // A reply that does not wait for the body must not leave the stream half open, where it counts against the client's limit.
    if (!stream.endAfterHeaders)
      stream.once(
        'finish',
        () => stream.readableEnded || stream.readableFlowing || stream.close(constants.NGHTTP2_NO_ERROR),
      )
    return true
  }
}

/** Headers about one connection, which HTTP/2 forbids; replies that are passed on may carry them. */
const connectionHeaders = ['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']

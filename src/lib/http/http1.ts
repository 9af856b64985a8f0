/** HTTP/1.1 requests and replies, over node's own parser. */
import { ServerResponse } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { collectBody, WritableReplyStream, writeBody } from './body.ts'
import type {
  FillableBody,
  Headers,
  HttpReply,
  HttpRequest,
  Peer,
  Pieces,
  ReplyHeaders,
  ReplyStream,
  Upgrade,
} from './message.ts'
import type { Connection } from './connection.ts'

const nothing = Buffer.alloc(0)

/** Most requests have no query; nobody adds to one. */
const noQuery = new URLSearchParams()

export class Http1Request implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly search: string
  readonly upgrade: Upgrade | undefined
  readonly #message: IncomingMessage
  readonly #reply: Http1Reply
  readonly #connection: Connection
  #query: URLSearchParams | undefined
  #signal: AbortSignal | undefined

  constructor(message: IncomingMessage, reply: Http1Reply, connection: Connection, upgrade?: Upgrade) {
    const url = originForm(message.url!)
    const mark = url.indexOf('?')
    this.method = message.method!
    this.path = mark < 0 ? url : url.slice(0, mark)
    this.search = mark < 0 ? '' : url.slice(mark + 1)
    this.upgrade = upgrade
    this.#message = message
    this.#reply = reply
    this.#connection = connection
  }

  get protocol(): 'HTTP/1.1' {
    return 'HTTP/1.1'
  }

  get headers(): Headers {
    return this.#message.headers
  }

  get query(): URLSearchParams {
    return (this.#query ??= this.search === '' ? noQuery : new URLSearchParams(this.search))
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
    return (this.#signal ??= this.#reply.goneSignal())
  }

  headerValues(name: string): string[] {
    return rawHeaderValues(this.#message.rawHeaders, name)
  }

  readBody(limitBytes: number): Promise<Buffer> {
    const message = this.#message
    if (message.readableEnded) return Promise.resolve(nothing)
    const declared = message.headers['content-length']
    return collectBody(message, declared === undefined ? undefined : Number(declared), limitBytes, () =>
      message.destroy(),
    )
  }

  bodyPieces(): AsyncIterable<Buffer> {
    return this.#message
  }
}

/** Replies that are complete, with their bodies, until the end of this turn of the event loop. */
let complete: { readonly response: ServerResponse; readonly body: Uint8Array }[] = []

/**
 * Sends the end of a reply together with those of the other requests of this turn. Clients that wait are woken by what
 * comes first, which costs more than the writing, and are still awake for the rest.
 */
function endSoon(response: ServerResponse, body: Uint8Array): void {
  if (complete.push({ response, body }) === 1) setImmediate(endComplete)
}

/** Sends what waits for the end of the turn. */
export function endComplete(): void {
  const all = complete
  complete = []
  for (const { response, body } of all) response.end(body)
}

/** The newest chunk, for those who send the same bytes one after another. */
let newest: { readonly bytes: Uint8Array; readonly chunk: Buffer } | undefined

/** Longer chunks are not kept. */
const longestKept = 256 * 1024

const chunkEnd = Buffer.from('\r\n')

/**
 * Writes a chunk of a body as one piece. Node writes its length, its bytes and its end, which TLS copies together anew for
 * each of those who are sent the same.
 */
function writeChunk(response: ServerResponse, bytes: Uint8Array): void {
  // A chunk of no length would be the end of the body.
  const isOwn = response.chunkedEncoding && bytes.length > 0 && bytes.length <= longestKept
  if (!isOwn) return void response.write(bytes)
  if (newest?.bytes !== bytes) {
    const chunk = Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, chunkEnd])
    newest = { bytes, chunk }
  }
  response.chunkedEncoding = false
  response.write(newest.chunk)
  response.chunkedEncoding = true
}

export class Http1Reply implements HttpReply {
  readonly #response: ServerResponse
  readonly #connection: Connection
  #status = 0

  constructor(response: ServerResponse, connection: Connection) {
    this.#response = response
    this.#connection = connection
  }

  get status(): number {
    return this.#status
  }

  send(status: number, headers: ReplyHeaders, body: Uint8Array | string = nothing): void {
    const bytes = typeof body === 'string' ? Buffer.from(body) : body
    this.#begin(status, hasNoBody(status) ? headers : { ...headers, 'content-length': bytes.length })
    endSoon(this.#response, bytes)
  }

  async sendPieces(status: number, headers: ReplyHeaders, pieces: Pieces | FillableBody): Promise<void> {
    this.#begin(status, headers)
    const response = this.#response
    // Whoever waits for the first piece knows meanwhile that the answer has begun.
    const head = setImmediate(() => {
      if (response.writable) response.flushHeaders()
    })
    try {
      await writeBody(response, pieces, () => this.destroy())
    } finally {
      clearImmediate(head)
    }
  }

  stream(status: number, headers: ReplyHeaders): ReplyStream {
    this.#begin(status, headers)
    const response = this.#response
    response.flushHeaders()
    return new WritableReplyStream(response, (bytes) => writeChunk(response, bytes))
  }

  onDone(run: () => void): void {
    if (this.#response.closed) run()
    else this.#response.once('close', run)
  }

  destroy(): void {
    this.#response.destroy()
  }

  /** Aborts when the response closes before its end. */
  goneSignal(): AbortSignal {
    const response = this.#response
    if (response.closed)
      return response.writableFinished ? new AbortController().signal : AbortSignal.abort(clientGone())
    const controller = new AbortController()
    response.once('close', () => {
      if (!response.writableFinished) controller.abort(clientGone())
    })
    return controller.signal
  }

  #begin(status: number, headers: ReplyHeaders): void {
    if (this.#status !== 0) throw new Error('Cannot reply twice to one request')
    this.#status = status
    const response = this.#response
    if (this.#connection.server.draining.aborted) response.shouldKeepAlive = false
    response.writeHead(status, headers as Record<string, string | number | string[]>)
  }
}

/** A reply to a request that asked for an upgrade and does not get it: node gives such requests no response object. */
export function replyOnSocket(message: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(message)
  response.shouldKeepAlive = false
  response.assignSocket(socket as Parameters<ServerResponse['assignSocket']>[0])
  response.once('finish', () => {
    response.detachSocket(socket as Parameters<ServerResponse['detachSocket']>[0])
    socket.end()
  })
  return response
}

/** The values of one header in a list of alternating names and values. */
export function rawHeaderValues(raw: readonly string[], name: string): string[] {
  const values: string[] = []
  for (let i = 0; i < raw.length; i += 2) if (raw[i]!.toLowerCase() === name) values.push(raw[i + 1]!)
  return values
}

/** The reason with which a request's signal aborts. */
export function clientGone(): Error {
  return new DOMException('the client closed the connection', 'AbortError')
}

export function hasNoBody(status: number): boolean {
  return status === 204 || status === 304
}

/** Clients that think they talk to a proxy send a whole address; its path is what counts. */
function originForm(url: string): string {
  if (url.startsWith('/')) return url
  const path = /^[a-z]+:\/\/[^/?#]*([^#]*)/i.exec(url)?.[1]
  return path === undefined ? `/${url}` : path.startsWith('/') ? path : `/${path}`
}

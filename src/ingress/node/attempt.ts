/** Asking one server: until it begins to answer, or it is known that it will not. */
import { request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { constants } from 'node:http2'
import type { ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'
import { request as httpsRequest } from 'node:https'
import type { Duplex, Readable, Writable } from 'node:stream'
import type { Clock } from '#lib/clock.ts'
import { headerObject, headerValue } from './headers.ts'
import type { RawHeaders } from './headers.ts'
import type { Failure } from './retry.ts'
import type { UpstreamServer } from './upstream.ts'

/** What a server is asked. */
export interface Question {
  readonly method: string
  /** Path and query. */
  readonly target: string
  readonly headers: RawHeaders
  /** Sends the body once the server is connected, and then ends; nothing when there is none. */
  readonly sendBody?: (to: Writable, end: () => void) => void
  readonly protocol: 'http' | 'https' | 'grpc' | 'grpcs'
  /** In milliseconds. */
  readonly connectTimeout: number
  readonly readTimeout: number
  /** The connection is to be upgraded to this. */
  readonly upgrade?: string
}

/** How a server answered. */
export interface Answer {
  readonly kind: 'answer'
  readonly status: number
  readonly headers: RawHeaders
  /** Nothing when the answer has none. */
  readonly body: Readable | undefined
  /** Known when the body has ended. */
  trailers(): RawHeaders
  /** Gives the rest of the answer up, with its connection. */
  cancel(): void
  /** The connection, when it was upgraded (101). */
  readonly upgraded?: { readonly socket: Duplex; readonly head: Buffer }
}

export interface Failed {
  readonly kind: 'failed'
  readonly failure: Failure
  /** Whether the connection had been used before, and the server may just have closed it. */
  readonly stale: boolean
}

export interface Attempt {
  readonly result: Promise<Answer | Failed>
  /** Gives it up; the result is then of no use to anybody. */
  cancel(): void
  /** The waiting for an answer begins anew: a part of the body was sent. */
  touch(): void
}

export function ask(server: UpstreamServer, question: Question, clock: Clock): Attempt {
  return question.protocol === 'http' || question.protocol === 'https'
    ? askHttp1(server, question, clock)
    : askHttp2(server, question, clock)
}

/** The time to connect, then the time to the answer, which begins anew with each part of the body. */
class Deadline {
  #timer: Disposable | undefined
  readonly #clock: Clock
  readonly #run: () => void
  readonly #read: number
  #since = 0

  constructor(clock: Clock, connect: number, read: number, run: () => void) {
    this.#clock = clock
    this.#run = run
    this.#read = read
    this.#timer = clock.after(connect, run)
  }

  connected(): void {
    this.stop()
    this.touch()
    this.#wait(this.#read)
  }

  touch(): void {
    this.#since = this.#clock.now()
  }

  stop(): void {
    this.#timer?.[Symbol.dispose]()
  }

  #wait(milliseconds: number): void {
    this.#timer = this.#clock.after(milliseconds, () => {
      const left = this.#since + this.#read - this.#clock.now()
      if (left <= 0) this.#run()
      else this.#wait(left)
    })
  }
}

function askHttp1(server: UpstreamServer, question: Question, clock: Clock): Attempt {
  const { promise, resolve } = Promise.withResolvers<Answer | Failed>()
  const { sendBody, upgrade } = question
  let sent = false
  let timedOut = false
  const headers = [...question.headers]
  if (upgrade !== undefined) headers.push('Connection', 'Upgrade', 'Upgrade', upgrade)
  const request: ClientRequest = (question.protocol === 'https' ? httpsRequest : httpRequest)({
    host: server.address,
    port: server.port,
    method: question.method,
    path: question.target,
    headers,
    agent: server.agent,
    setHost: false,
    maxHeaderSize: 64 * 1024,
  })
  request.maxHeadersCount = 0
  const deadline = new Deadline(clock, question.connectTimeout, question.readTimeout, () => {
    timedOut = true
    request.destroy(new Error('timeout'))
  })
  const fail = (failure: Failure): void => {
    deadline.stop()
    resolve({ kind: 'failed', failure, stale: request.reusedSocket && !timedOut })
  }
  request.once('socket', (socket) => {
    const begin = (): void => {
      sent = true
      server.noteConnected()
      deadline.connected()
      if (sendBody !== undefined) sendBody(request, () => request.end())
    }
    if (request.reusedSocket) begin()
    else socket.once(question.protocol === 'https' ? 'secureConnect' : 'connect', begin)
  })
  if (sendBody === undefined) request.end()
  request.once('response', (message: IncomingMessage) => {
    deadline.stop()
    // Whoever reads the body sees its end or that it was cut by 'close'.
    message.on('error', ignore)
    const status = message.statusCode!
    const isEmpty =
      question.method === 'HEAD' || status === 204 || status === 304 || message.headers['content-length'] === '0'
    if (isEmpty) message.resume()
    resolve({
      kind: 'answer',
      status,
      headers: message.rawHeaders,
      body: isEmpty ? undefined : message,
      trailers: () => message.rawTrailers,
      cancel: () => request.destroy(),
    })
  })
  request.once('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    deadline.stop()
    resolve({
      kind: 'answer',
      status: 101,
      headers: message.rawHeaders,
      body: undefined,
      trailers: () => [],
      cancel: () => socket.destroy(),
      upgraded: { socket, head },
    })
  })
  request.on('error', (error: NodeJS.ErrnoException) => {
    if (timedOut) fail({ kind: 'timeout', sent })
    else if (error.code?.startsWith('HPE_') === true) fail({ kind: 'invalid', sent: true })
    else fail({ kind: 'connect', sent })
  })
  request.once('close', () => fail({ kind: 'connect', sent }))
  return { result: promise, cancel: () => request.destroy(), touch: () => deadline.touch() }
}

function askHttp2(server: UpstreamServer, question: Question, clock: Clock): Attempt {
  const { promise, resolve } = Promise.withResolvers<Answer | Failed>()
  const session = server.session()
  const fresh = session.connecting
  let sent = false
  let timedOut = false
  const fields = headerObject(question.headers)
  const authority = fields['host'] as string
  delete fields['host']
  const stream: ClientHttp2Stream = session.request(
    {
      ':method': question.method,
      ':path': question.target,
      ':authority': authority,
      ':scheme': question.protocol === 'grpcs' ? 'https' : 'http',
      ...fields,
      // The one thing of the connection that gRPC servers insist on.
      te: 'trailers',
    },
    { endStream: question.sendBody === undefined },
  )
  server.countStream(session, stream)
  const deadline = new Deadline(clock, question.connectTimeout, question.readTimeout, () => {
    timedOut = true
    if (session.connecting) session.destroy()
    stream.close(constants.NGHTTP2_CANCEL)
  })
  const begin = (): void => {
    sent = true
    server.noteConnected()
    deadline.connected()
    question.sendBody?.(stream, () => stream.end())
  }
  if (session.connecting) session.once('connect', begin)
  else begin()
  let trailers: RawHeaders = []
  stream.once('trailers', (_: unknown, __: number, raw: string[]) => {
    trailers = raw
  })
  stream.once('response', (received: IncomingHttpHeaders & { ':status'?: number }, flags: number, raw: string[]) => {
    deadline.stop()
    const isEmpty = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0
    if (isEmpty) stream.resume()
    resolve({
      kind: 'answer',
      status: received[':status']!,
      headers: raw.filter((_, at) => !raw[at - (at % 2)]!.startsWith(':')),
      body: isEmpty ? undefined : stream,
      trailers: () => trailers,
      cancel: () => stream.close(constants.NGHTTP2_CANCEL),
    })
  })
  const fail = (): void => {
    deadline.stop()
    const refused = stream.rstCode === constants.NGHTTP2_REFUSED_STREAM
    const failure: Failure = timedOut ? { kind: 'timeout', sent } : { kind: 'connect', sent: sent && !refused }
    resolve({ kind: 'failed', failure, stale: !fresh && !timedOut })
  }
  stream.on('error', fail)
  stream.once('close', fail)
  return { result: promise, cancel: () => stream.close(constants.NGHTTP2_CANCEL), touch: () => deadline.touch() }
}

/** The headers that say how long a body is, for HTTP/1 servers. */
export function bodyHeaders(method: string, hasBody: boolean, bytes: number | undefined): readonly string[] {
  if (hasBody) return bytes === undefined ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(bytes)]
  return method === 'POST' || method === 'PUT' || method === 'PATCH' ? ['Content-Length', '0'] : []
}

/** Whether an answer says that trailers follow. */
export function announcesTrailers(headers: RawHeaders): boolean {
  return headerValue(headers, 'trailer') !== undefined
}

function ignore(): void {
  // The 'close' that follows does the work.
}

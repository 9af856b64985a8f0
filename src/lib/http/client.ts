/** Asking an HTTP server: one origin, kept connections, HTTP/2 or HTTP/1.1, client certificate or token. */
import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import type { ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestOptions } from 'node:http'
import { connect as connectHttp2, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpStatusHeader, OutgoingHttpHeaders } from 'node:http2'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP } from 'node:net'
import { Readable } from 'node:stream'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { systemClock } from '#lib/clock.ts'
import type { Clock } from '#lib/clock.ts'
import { describeClientError, HttpClientError } from './clientError.ts'
import type { Headers, ReplyHeaders } from './message.ts'

/** PEM texts. */
export interface ClientTls {
  /** Vouches for the server; the system's authorities when absent. */
  readonly authority?: string
  readonly certificate?: string
  readonly key?: string
  /** The name the server's certificate must carry, when it is not the host that is connected to. */
  readonly serverName?: string
  /** Trusts any server. For kubelets and tests only. */
  readonly insecure?: boolean
}

export interface HttpClientOptions {
  /** `https://host:port` or `http://host:port`; a path is put before every request's. */
  readonly url: string
  /** Connects to this unix socket instead. */
  readonly socketPath?: string
  readonly tls?: ClientTls
  /** HTTP/2 over TLS when absent. Without TLS it is always HTTP/1.1. */
  readonly protocol?: 'h1' | 'h2'
  /** Asked before each request, so that a renewed token is used at once. */
  readonly token?: () => string | undefined | Promise<string | undefined>
  readonly userAgent?: string
  /** Milliseconds until a connection must stand; 30 seconds when absent. */
  readonly connectTimeout?: number
  /** Milliseconds of silence on an HTTP/2 connection after which it is pinged, and closed if no answer comes within half of that. */
  readonly pingAfter?: number
  readonly clock?: Clock
}

export interface ClientRequestOptions {
  readonly method?: string
  /** Path and query. */
  readonly path: string
  readonly headers?: ReplyHeaders
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>
  readonly signal?: AbortSignal
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Headers
  /** The body as it comes. Must be read, or `discard` called. */
  readonly body: AsyncIterable<Buffer>
  /** The whole body; rejects when it is longer than `limitBytes`. */
  readBody(limitBytes: number): Promise<Buffer>
  /** Gives the rest of the body up. */
  discard(): void
}

/** A connection that speaks another protocol from now on. `head` holds bytes that were read already. */
export interface UpgradedConnection {
  readonly status: number
  readonly headers: Headers
  readonly socket: Duplex
  readonly head: Buffer
}

const repeatable = new Set(['GET', 'HEAD', 'OPTIONS'])

export class HttpClient {
  readonly #options: HttpClientOptions
  readonly #url: URL
  readonly #prefix: string
  readonly #clock: Clock
  readonly #secure: boolean
  #agent: HttpAgent | HttpsAgent
  #session: ClientHttp2Session | undefined
  #tls: ClientTls
  /** A session that ends before its socket is connected waits for it, which may take two minutes. */
  #connecting: TLSSocket | undefined
  readonly #openStreams = new WeakMap<ClientHttp2Session, number>()
  #closed = false

  constructor(options: HttpClientOptions) {
    this.#options = options
    this.#url = new URL(options.url)
    this.#secure = this.#url.protocol === 'https:'
    if (!this.#secure && this.#url.protocol !== 'http:')
      throw new Error(`Cannot talk to "${options.url}": use https or http`)
    this.#prefix = this.#url.pathname.replace(/\/$/, '')
    this.#clock = options.clock ?? systemClock
    this.#tls = options.tls ?? {}
    this.#agent = this.#makeAgent()
  }

  /** Resolves with the head of the answer, whatever its status; rejects with an `HttpClientError`, or the signal's reason. */
  async request(options: ClientRequestOptions): Promise<HttpResponse> {
    const method = options.method ?? 'GET'
    for (let attempt = 0; ; attempt++) {
      if (this.#closed) throw new HttpClientError('closed', `${this.#name(method, options)}: the client is closed`)
      options.signal?.throwIfAborted()
      const headers = await this.#headers(options)
      const outcome: Attempt = { reused: false }
      try {
        return this.#usesHttp2()
          ? await this.#request2(method, options, headers, outcome)
          : await this.#request1(method, options, headers, outcome)
      } catch (error) {
        options.signal?.throwIfAborted()
        const described = describeClientError(this.#name(method, options), error)
        // A kept connection may close just when it is used again; nothing was answered, so asking again does no harm.
        const again =
          attempt < 2 &&
          outcome.reused &&
          described.problem === 'closed' &&
          repeatable.has(method) &&
          options.body === undefined
        if (!again) throw described
      }
    }
  }

  /** Asks to switch protocols on a connection of its own (HTTP/1.1). Resolves with the connection, or with the refusal. */
  async upgrade(
    options: ClientRequestOptions & { readonly protocol: string },
  ): Promise<UpgradedConnection | { readonly refused: HttpResponse }> {
    options.signal?.throwIfAborted()
    const method = options.method ?? 'GET'
    const headers = { ...(await this.#headers(options)), connection: 'Upgrade', upgrade: options.protocol }
    const name = this.#name(method, options)
    return await new Promise((resolve, reject) => {
      const request = this.#send1(method, options, headers, false)
      request.once('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
        options.signal?.removeEventListener('abort', abort)
        resolve({ status: message.statusCode!, headers: message.headers, socket, head })
      })
      const abort = (): void => void request.destroy(options.signal!.reason as Error)
      options.signal?.addEventListener('abort', abort, { once: true })
      request.once('response', (message: IncomingMessage) =>
        resolve({ refused: response1(name, message, options.signal) }),
      )
      request.once('error', (error) => {
        options.signal?.removeEventListener('abort', abort)
        reject(options.signal?.aborted ? (options.signal.reason as Error) : describeClientError(name, error))
      })
      request.end()
    })
  }

  /** Uses another certificate or authority from the next connection on; requests in progress keep theirs. */
  setTls(tls: ClientTls): void {
    this.#tls = tls
    const old = this.#agent
    this.#agent = this.#makeAgent()
    old.destroy()
    this.#session?.close()
    this.#session = undefined
  }

  /** Cuts all connections. */
  close(): void {
    this.#closed = true
    this.#agent.destroy()
    this.#session?.destroy()
    this.#connecting?.destroy()
  }

  #usesHttp2(): boolean {
    return this.#secure && this.#options.protocol !== 'h1'
  }

  #name(method: string, options: ClientRequestOptions): string {
    return `${method} ${this.#url.origin}${this.#prefix}${options.path}`
  }

  async #headers(options: ClientRequestOptions): Promise<Record<string, string | number | string[]>> {
    const headers: Record<string, string | number | string[]> = {
      accept: '*/*',
      ...(options.headers as Record<string, string>),
    }
    if (this.#options.userAgent !== undefined) headers['user-agent'] ??= this.#options.userAgent
    const token = this.#options.token === undefined ? undefined : await this.#options.token()
    if (token !== undefined) headers['authorization'] ??= `Bearer ${token}`
    const { body } = options
    if (typeof body === 'string') headers['content-length'] = Buffer.byteLength(body)
    else if (body instanceof Uint8Array) headers['content-length'] = body.length
    return headers
  }

  #tlsOptions(): Record<string, unknown> {
    const { authority, certificate, key, serverName, insecure } = this.#tls
    const host = this.#url.hostname.replace(/^\[|\]$/g, '')
    return {
      ...(authority === undefined ? {} : { ca: authority }),
      ...(certificate === undefined ? {} : { cert: certificate }),
      ...(key === undefined ? {} : { key }),
      ...(insecure ? { rejectUnauthorized: false } : {}),
      // An address is no server name (RFC 6066); the certificate is then checked against the address.
      servername: serverName ?? (isIP(host) === 0 ? host : ''),
      ...(serverName !== undefined && isIP(serverName) !== 0 ? { servername: '' } : {}),
    }
  }

  #makeAgent(): HttpAgent | HttpsAgent {
    const options = { keepAlive: true, maxFreeSockets: 64, noDelay: true }
    return this.#secure ? new HttpsAgent({ ...options, ...this.#tlsOptions() }) : new HttpAgent(options)
  }

  #send1(
    method: string,
    options: ClientRequestOptions,
    headers: Record<string, string | number | string[]>,
    keep: boolean,
  ): ClientRequest {
    const settings: RequestOptions = {
      method,
      path: this.#prefix + options.path,
      headers,
      ...(this.#options.socketPath === undefined
        ? { host: this.#url.hostname.replace(/^\[|\]$/g, ''), port: this.#url.port || (this.#secure ? 443 : 80) }
        : { socketPath: this.#options.socketPath }),
      ...(keep ? { agent: this.#agent } : { agent: false as const }),
    }
    const request = this.#secure ? httpsRequest({ ...settings, ...this.#tlsOptions() }) : httpRequest(settings)
    this.#limitConnecting(request)
    return request
  }

  #limitConnecting(request: ClientRequest): void {
    const limit = this.#options.connectTimeout ?? 30_000
    request.once('socket', (socket) => {
      if (!socket.connecting) return
      const timer = this.#clock.after(limit, () =>
        request.destroy(
          new HttpClientError(
            'timeout',
            `${request.method} ${this.#url.origin}${request.path}: no connection within ${limit / 1000} s`,
          ),
        ),
      )
      const stop = (): void => timer[Symbol.dispose]()
      socket.once(this.#secure ? 'secureConnect' : 'connect', stop)
      socket.once('close', stop)
    })
  }

  #request1(
    method: string,
    options: ClientRequestOptions,
    headers: Record<string, string | number | string[]>,
    attempt: Attempt,
  ): Promise<HttpResponse> {
    const { signal, body } = options
    return new Promise((resolve, reject) => {
      const request = this.#send1(method, options, headers, true)
      // Node does not expect a body with DELETE: without this it would send one that nobody can tell from the next request.
      if (body !== undefined && headers['content-length'] === undefined) request.useChunkedEncodingByDefault = true
      const abort = (): void => void request.destroy(signal!.reason as Error)
      signal?.addEventListener('abort', abort, { once: true })
      request.once('close', () => signal?.removeEventListener('abort', abort))
      request.once('response', (message) => resolve(response1(this.#name(method, options), message, signal)))
      request.once('error', (error) => {
        attempt.reused = request.reusedSocket
        reject(error)
      })
      sendBody(request, body)
    })
  }

  async #request2(
    method: string,
    options: ClientRequestOptions,
    headers: OutgoingHttpHeaders,
    attempt: Attempt,
  ): Promise<HttpResponse> {
    const { signal, body } = options
    attempt.reused = this.#session !== undefined
    const session = await this.#connected()
    signal?.throwIfAborted()
    const fields: OutgoingHttpHeaders = {
      ':method': method,
      ':path': this.#prefix + options.path,
      ':authority': this.#url.host,
    }
    const stream = session.request(Object.assign(fields, headers), { endStream: body === undefined })
    this.#keepAlive(session, stream)
    return await new Promise((resolve, reject) => {
      // Not `close`: it would end the request's body, and the reply's, as if they were whole.
      const abort = (): void => void stream.destroy(signal!.reason as Error)
      signal?.addEventListener('abort', abort, { once: true })
      stream.once('close', () => {
        signal?.removeEventListener('abort', abort)
        reject(
          new HttpClientError('closed', `${this.#name(method, options)}: the connection closed before an answer came`),
        )
      })
      stream.once('response', (fields) => resolve(response2(this.#name(method, options), stream, fields, signal)))
      stream.on('error', reject)
      if (body !== undefined) sendBody(stream, body)
    })
  }

  /** The shared HTTP/2 connection, made when there is none that takes requests. */
  async #connected(): Promise<ClientHttp2Session> {
    const current = this.#session
    const session = current !== undefined && !current.closed && !current.destroyed ? current : this.#connect()
    if (!session.connecting) return session
    return await new Promise((resolve, reject) => {
      session.once('connect', () => resolve(session))
      session.once('error', reject)
      session.once('close', () => reject(new HttpClientError('closed', `${this.#url.origin}: the connection closed`)))
    })
  }

  #connect(): ClientHttp2Session {
    const { hostname, port } = this.#url
    const host = hostname.replace(/^\[(.*)\]$/, '$1')
    const { socketPath } = this.#options
    const socket = connectTls({
      ...(socketPath === undefined ? { host, port: Number(port === '' ? 443 : port) } : { path: socketPath }),
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...this.#tlsOptions(),
      ALPNProtocols: ['h2'],
    })
    const session = connectHttp2(this.#url.origin, {
      createConnection: () => socket,
      settings: { initialWindowSize: 4 * 1024 * 1024, enablePush: false },
      // In megabytes.
      maxSessionMemory: 256,
    } as Parameters<typeof connectHttp2>[1])
    this.#session = session
    // Every request that waits for the connection listens to it.
    session.setMaxListeners(0)
    const limit = this.#options.connectTimeout ?? 30_000
    const timer = this.#clock.after(limit, () => {
      session.destroy(new HttpClientError('timeout', `${this.#url.origin}: no connection within ${limit / 1000} s`))
      socket.destroy()
    })
    this.#connecting = socket
    const settled = (): void => {
      timer[Symbol.dispose]()
      if (this.#connecting === socket) this.#connecting = undefined
    }
    const forget = (): void => {
      settled()
      if (this.#session === session) this.#session = undefined
    }
    session.once('connect', () => {
      settled()
      session.setLocalWindowSize(16 * 1024 * 1024)
      this.#watchSilence(session)
    })
    session.on('error', forget)
    session.once('close', forget)
    session.once('goaway', forget)
    return session
  }

  /** An open request keeps the process alive; a connection that is only kept for later does not. */
  #keepAlive(session: ClientHttp2Session, stream: ClientHttp2Stream): void {
    this.#openStreams.set(session, (this.#openStreams.get(session) ?? 0) + 1)
    session.ref()
    stream.once('close', () => {
      const left = this.#openStreams.get(session)! - 1
      this.#openStreams.set(session, left)
      if (left === 0 && !session.destroyed) session.unref()
    })
  }

  #watchSilence(session: ClientHttp2Session): void {
    const after = this.#options.pingAfter ?? 30_000
    session.setTimeout(after, () => {
      if (session.destroyed) return
      const timer = this.#clock.after(after / 2, () =>
        session.destroy(new HttpClientError('timeout', `${this.#url.origin}: the server does not answer pings`)),
      )
      const stop = (): void => timer[Symbol.dispose]()
      session.once('close', stop)
      if (!session.ping(() => (session.off('close', stop), stop()))) stop()
    })
  }
}

interface Attempt {
  /** Whether an older connection was used. */
  reused: boolean
}

function sendBody(sink: ClientRequest | ClientHttp2Stream, body: ClientRequestOptions['body']): void {
  if (body === undefined) sink.end()
  else if (typeof body === 'string' || body instanceof Uint8Array) sink.end(body)
  else {
    const source = Readable.from(body)
    source.once('error', (error) => sink.destroy(error))
    sink.once('close', () => source.destroy())
    source.pipe(sink)
  }
}

function response1(name: string, message: IncomingMessage, signal: AbortSignal | undefined): HttpResponse {
  return response(
    name,
    message.statusCode!,
    message.headers,
    message,
    signal,
    () => message.destroy(),
    () => message.complete,
  )
}

function response2(
  name: string,
  stream: ClientHttp2Stream,
  fields: IncomingHttpHeaders & IncomingHttpStatusHeader,
  signal: AbortSignal | undefined,
): HttpResponse {
  const { ':status': status = 0, ...headers } = fields
  const discard = (): void => void stream.destroy(new DOMException('the reply was given up', 'AbortError'))
  return response(
    name,
    status,
    headers,
    stream,
    signal,
    discard,
    () => !stream.aborted && stream.rstCode === constants.NGHTTP2_NO_ERROR,
  )
}

function response(
  name: string,
  status: number,
  headers: Headers,
  source: Readable,
  signal: AbortSignal | undefined,
  discard: () => void,
  isComplete: () => boolean,
): HttpResponse {
  // The reader hears of errors; without a listener one that comes before reading would end the process.
  source.on('error', () => undefined)
  async function* pieces(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for await (const piece of source) yield piece as Buffer
    } catch (error) {
      signal?.throwIfAborted()
      throw describeClientError(name, error)
    }
    signal?.throwIfAborted()
    if (!isComplete())
      throw new HttpClientError('closed', `${name}: the connection closed before the body was complete`)
  }
  return {
    status,
    headers,
    body: { [Symbol.asyncIterator]: pieces },
    readBody(limitBytes) {
      // Events, not the iterator: that pauses the socket after every piece, and a list of 30 MB takes five times as long.
      return new Promise((resolve, reject) => {
        const collected: Buffer[] = []
        let size = 0
        source.on('data', (piece: Buffer) => {
          size += piece.length
          if (size <= limitBytes) return void collected.push(piece)
          reject(new HttpClientError('tooLarge', `${name}: the body is larger than ${limitBytes} bytes`))
          collected.length = 0
          discard()
        })
        const settle = (error?: unknown): void => {
          if (signal?.aborted) reject(signal.reason as Error)
          else if (error !== undefined) reject(describeClientError(name, error))
          else if (!isComplete()) reject(cutShort(name))
          else resolve(collected.length === 1 ? collected[0]! : Buffer.concat(collected, size))
        }
        if (source.closed) return settle()
        source.once('end', () => settle())
        source.once('error', settle)
        source.once('close', () => settle())
      })
    },
    discard,
  }
}

function cutShort(name: string): HttpClientError {
  return new HttpClientError('closed', `${name}: the connection closed before the body was complete`)
}

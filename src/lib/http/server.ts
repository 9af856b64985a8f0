/**
 * HTTP for everything that serves or asks: a server and a client for HTTP/1.1 and HTTP/2 (client.ts), WebSocket with channels
 * (webSocket.ts, channels.ts) and SPDY/3.1 (spdy.ts). Paths, users and bodies mean nothing here.
 *
 * One port speaks both versions. The TLS listener looks at what was negotiated (ALPN) and hands the socket to node's HTTP/1.1 or
 * HTTP/2 machinery, whose own listeners stay unused: measured 85,000 against 60,000 small HTTP/2 replies a second for
 * `http2.createSecureServer({ allowHTTP1: true })`, and HTTP/1.1 behaves exactly as `http.Server` does.
 */
import { createServer as createHttp1Server } from 'node:http'
import type { IncomingMessage, Server as Http1Server, ServerResponse } from 'node:http'
import { constants, createServer as createHttp2Server } from 'node:http2'
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { createServer as createNetServer } from 'node:net'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, Server as TlsServer } from 'node:tls'
import type { TLSSocket } from 'node:tls'
import { describeConnection } from './connection.ts'
import type { Connection } from './connection.ts'
import { Http1Reply, Http1Request, replyOnSocket } from './http1.ts'
import { Http2Reply, Http2Request } from './http2.ts'
import type { HttpHandler, HttpReply, HttpRequest, Upgrade } from './message.ts'
import { RequestQueue } from './requestQueue.ts'

/** PEM texts. */
export interface TlsIdentity {
  readonly certificate: string
  readonly key: string
  /** Vouches for client certificates. Without it clients are not asked for one. */
  readonly clientAuthority?: string
}

/** Times in milliseconds. */
export interface HttpLimits {
  readonly headerBytes: number
  /** How long a client may take to send the headers of a request, and the whole of it. */
  readonly headersTimeout: number
  readonly requestTimeout: number
  /** How long a connection may stay open without a request. */
  readonly idleTimeout: number
  readonly handshakeTimeout: number
  readonly streamsPerConnection: number
  /** More connections than this are closed at once. */
  readonly connections: number
}

const defaultLimits: HttpLimits = {
  headerBytes: 64 * 1024,
  headersTimeout: 32_000,
  requestTimeout: 120_000,
  idleTimeout: 120_000,
  handshakeTimeout: 10_000,
  streamsPerConnection: 250,
  connections: 20_000,
}

export interface HttpServerOptions {
  readonly handler: HttpHandler
  /** Absent: plain HTTP/1.1, for unix sockets and loopback. */
  readonly tls?: TlsIdentity
  readonly limits?: Partial<HttpLimits>
  /** Told when a handler throws; the client gets a 500, or a cut connection when the reply had begun. */
  readonly onError?: (error: unknown, request: HttpRequest) => void
  /** Told about connections that never became a request: failed handshakes, unreadable heads. */
  readonly onConnectionError?: (problem: string, remoteAddress: string) => void
}

export class HttpServer {
  /** Aborts when the server begins to close. Handlers end their open streams then. */
  readonly draining: AbortSignal
  readonly #drain = new AbortController()
  readonly #options: HttpServerOptions
  readonly #limits: HttpLimits
  readonly #front: NetServer
  readonly #http1: Http1Server
  readonly #http2: Http2Server | undefined
  readonly #connections = new Map<Duplex, Connection>()
  readonly #sessions = new Set<ServerHttp2Session>()
  readonly #requests = new RequestQueue((request, reply) => this.#serve(request, reply))

  constructor(options: HttpServerOptions) {
    this.draining = this.#drain.signal
    this.#options = options
    this.#limits = { ...defaultLimits, ...options.limits }
    this.#http1 = this.#makeHttp1()
    this.#http2 = options.tls && this.#makeHttp2()
    this.#front = options.tls ? this.#makeTlsFront(options.tls) : this.#makePlainFront()
    this.#front.maxConnections = this.#limits.connections
  }

  /** Begins to accept connections; resolves with the address (a path for unix sockets, with port 0). */
  async listen(
    where: { readonly host?: string; readonly port: number; readonly ipv6Only?: boolean } | { readonly path: string },
  ): Promise<{ host: string; port: number }> {
    const front = this.#front
    const name = 'path' in where ? where.path : `${where.host ?? '*'}:${where.port}`
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void =>
        reject(new Error(`Cannot listen on ${name}: ${listenProblem(error)}`, { cause: error }))
      front.once('error', onError)
      front.listen({ ...where, backlog: 1024 }, () => {
        front.off('error', onError)
        resolve()
      })
    })
    // Starts the checks of header and request timeouts, which node ties to its own listener.
    this.#http1.emit('listening')
    const address = front.address() as AddressInfo | string
    return typeof address === 'string' ? { host: address, port: 0 } : { host: address.address, port: address.port }
  }

  /** Connections that are open now. */
  get connectionCount(): number {
    return this.#connections.size
  }

  /** Uses another certificate, or another client authority, for connections made from now on. */
  setCertificate(identity: TlsIdentity): void {
    if (!(this.#front instanceof TlsServer)) throw new Error('Cannot set a certificate: this server does not speak TLS')
    this.#front.setSecureContext(secureContext(identity))
  }

  /**
   * Stops accepting, lets requests in progress finish and closes idle connections; resolves when all are closed. As soon as
   * `signal` aborts, the rest is cut.
   */
  async close(signal?: AbortSignal): Promise<void> {
    this.#drain.abort()
    const closed = new Promise<void>((resolve) => this.#front.close(() => resolve()))
    const cut = (): void => {
      for (const socket of this.#connections.keys()) socket.destroy()
    }
    signal?.addEventListener('abort', cut, { once: true })
    if (signal?.aborted) cut()
    // A reply that began before this moment promised to keep the connection: such ones close as soon as they fall idle.
    this.#http1.keepAliveTimeout = 1
    this.#http1.keepAliveTimeoutBuffer = 0
    this.#http1.closeIdleConnections()
    for (const connection of this.#connections.values()) if (!connection.used) connection.socket.destroy()
    for (const session of this.#sessions) session.close()
    await closed
    // The listener counts TCP connections; the TLS sockets on top of them end a moment later.
    for (const socket of this.#connections.keys()) await new Promise((resolve) => socket.once('close', resolve))
    signal?.removeEventListener('abort', cut)
    this.#http1.close(() => undefined)
  }

  #makePlainFront(): NetServer {
    const front = createNetServer({
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    })
    front.on('connection', (socket: Socket) => {
      this.#accept(socket)
      this.#http1.emit('connection', socket)
    })
    return front
  }

  #makeTlsFront(identity: TlsIdentity): NetServer {
    const front = createTlsServer({
      ...secureContext(identity),
      requestCert: identity.clientAuthority !== undefined,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: this.#limits.handshakeTimeout,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    })
    front.on('secureConnection', (socket: TLSSocket) => {
      this.#accept(socket)
      if (socket.alpnProtocol === 'h2') this.#http2!.emit('connection', socket)
      else this.#http1.emit('connection', socket)
    })
    front.on('tlsClientError', (error, socket) => {
      this.#options.onConnectionError?.(`TLS handshake failed: ${error.message}`, socket.remoteAddress ?? '')
      socket.destroy()
    })
    return front
  }

  #makeHttp1(): Http1Server {
    const limits = this.#limits
    const options = {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: Math.min(limits.headersTimeout, limits.requestTimeout),
      requestTimeout: limits.requestTimeout,
      keepAliveTimeout: limits.idleTimeout,
      connectionsCheckingInterval: Math.min(5_000, limits.headersTimeout),
      optimizeEmptyRequests: true,
      // Java clients offer `h2c` on every request and expect an ordinary answer.
      shouldUpgradeCallback: (message: IncomingMessage) =>
        message.headers.upgrade !== undefined && !/^h2c?$/i.test(message.headers.upgrade),
    }
    const server = createHttp1Server(options)
    server.on('request', (message: IncomingMessage, response: ServerResponse) => {
      const connection = this.#connections.get(message.socket)
      if (connection === undefined) return
      connection.used = true
      const reply = new Http1Reply(response, connection)
      this.#requests.add(new Http1Request(message, reply, connection), reply)
    })
    server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#serveUpgrade(message, socket, head),
    )
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      this.#options.onConnectionError?.(error.message, (socket as Socket).remoteAddress ?? '')
      refuseUnreadable(error, socket)
    })
    return server
  }

  #makeHttp2(): Http2Server {
    const limits = this.#limits
    const server = createHttp2Server({
      settings: {
        initialWindowSize: 1024 * 1024,
        maxConcurrentStreams: limits.streamsPerConnection,
        maxHeaderListSize: limits.headerBytes,
      },
      maxHeaderListPairs: 256,
      // In megabytes; for all the streams of a connection together.
      maxSessionMemory: 64,
      // A client that opens streams and resets them at once gets this many resets, refilled at that rate a second (CVE-2023-44487).
      streamResetBurst: 1_000,
      streamResetRate: 100,
    })
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
      session.setLocalWindowSize(4 * 1024 * 1024)
      const connection = this.#accepted!
      let streams = 0
      session.setTimeout(limits.idleTimeout, () => {
        if (streams === 0) session.close()
      })
      session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _flags: number, raw: string[]) => {
        connection.used = true
        streams++
        stream.on('error', ignore)
        stream.once('close', () => streams--)
        if (!stream.endAfterHeaders) limitBody(stream, limits.requestTimeout)
        const reply = new Http2Reply(stream, headers[':method']!)
        this.#requests.add(new Http2Request(stream, headers, raw, connection), reply)
      })
    })
    server.on('sessionError', (error: Error, session: ServerHttp2Session) => {
      this.#options.onConnectionError?.(`HTTP/2: ${error.message}`, session.socket?.remoteAddress ?? '')
    })
    return server
  }

  /** The newest connection. A session is made while it is handed over, and hides its socket behind a proxy object. */
  #accepted: Connection | undefined

  #accept(socket: Socket): void {
    const connection = describeConnection(socket, this)
    this.#connections.set(socket, connection)
    this.#accepted = connection
    socket.once('close', () => this.#connections.delete(socket))
    socket.on('error', ignore)
  }

  #serveUpgrade(message: IncomingMessage, socket: Duplex, head: Buffer): void {
    const connection = this.#connections.get(message.socket)
    if (connection === undefined) return void socket.destroy()
    connection.used = true
    let response: ServerResponse | undefined = replyOnSocket(message, socket)
    const reply = new Http1Reply(response, connection)
    const upgrade: Upgrade = {
      protocol: message.headers.upgrade!.toLowerCase(),
      take() {
        if (response === undefined || reply.status !== 0)
          throw new Error('Cannot take a connection that was answered already')
        response.detachSocket(message.socket)
        // The signal of the request still tells when the client goes away.
        const taken = response
        socket.once('close', () => taken.emit('close'))
        response = undefined
        return { message, socket, head }
      },
    }
    this.#serve(new Http1Request(message, reply, connection, upgrade), reply)
  }

  #serve(request: HttpRequest, reply: HttpReply): void {
    try {
      const served = this.#options.handler(request, reply)
      if (served !== undefined) served.catch((error: unknown) => this.#fail(error, request, reply))
    } catch (error) {
      this.#fail(error, request, reply)
    }
  }

  #fail(error: unknown, request: HttpRequest, reply: HttpReply): void {
    this.#options.onError?.(error, request)
    if (reply.status !== 0) reply.destroy()
    else reply.send(500, { 'content-type': 'text/plain; charset=utf-8' }, 'Internal Server Error\n')
  }
}

/** Gives a stream up whose request is not whole in time. HTTP/1.1 has such a limit of its own, HTTP/2 has none. */
function limitBody(stream: ServerHttp2Stream, milliseconds: number): void {
  const timer = setTimeout(() => {
    const isWhole = stream.readableEnded || stream.state.state === constants.NGHTTP2_STREAM_STATE_HALF_CLOSED_REMOTE
    if (isWhole || stream.closed) return
    if (!stream.headersSent) stream.respond({ ':status': 408 }, { endStream: true })
    stream.close(constants.NGHTTP2_CANCEL)
  }, milliseconds)
  stream.once('end', () => clearTimeout(timer))
  stream.once('close', () => clearTimeout(timer))
}

function secureContext(identity: TlsIdentity): {
  cert: string
  key: string
  ca?: string
  minVersion: 'TLSv1.2'
  sessionIdContext: string
} {
  return {
    cert: identity.certificate,
    key: identity.key,
    ...(identity.clientAuthority === undefined ? {} : { ca: identity.clientAuthority }),
    minVersion: 'TLSv1.2',
    sessionIdContext: 'k8ts',
  }
}

function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const status =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request'
  socket.end(
    `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${status}`,
    () => socket.destroy(),
  )
}

function listenProblem(error: NodeJS.ErrnoException): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return 'the address is in use'
    case 'EACCES':
      return 'permission denied'
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address'
    default:
      return error.message
  }
}

function ignore(): void {
  // The 'close' that follows every socket or stream error does the work; without a listener the process would end.
}

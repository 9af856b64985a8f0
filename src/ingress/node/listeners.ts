/** The listening sockets and the HTTP machinery behind them: HTTP/1 on plain ports, HTTP/1 and HTTP/2 (ALPN) on TLS ports. */
import { constants } from 'node:crypto'
import { createServer as createHttp1Server, STATUS_CODES } from 'node:http'
import type { IncomingMessage, Server as Http1Server, ServerResponse } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import type { Http2Server, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import { createServer as createNetServer } from 'node:net'
import type { Server as NetServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer } from 'node:tls'
import type { SecureContext, Server as TlsServer, TLSSocket } from 'node:tls'
import { replyOnSocket } from '#lib/http/http1.ts'
import { readClientHello } from '#lib/net/clientHello.ts'
import type { ListenAddresses } from '#ingress/routing.ts'
import { Http1Downstream, Http2Downstream } from './downstream.ts'
import type { Arrival, Downstream } from './downstream.ts'
import { toldCertificate } from './clientCertificate.ts'
import type { TlsArrival } from './clientCertificate.ts'
import { arrivalHeader, certificateArrivalHeader } from './headers.ts'
import type { Limits } from './limits.ts'

/** With the largest keys of today it has some 2 KiB. */
const longestHello = 32 * 1024

export interface ListenersOptions {
  readonly limits: Limits
  readonly serve: (downstream: Downstream) => void
  /** The certificate for the name that a client asked for. */
  readonly findCertificate: (serverName: string) => SecureContext | undefined
  /** Whether clients who ask for a name are asked for a certificate; without one, whether any are. */
  readonly asksClient: (serverName?: string) => boolean
  /** Told about connections that never became a request. */
  readonly onConnectionError: (problem: string, address: string) => void
}

export class Listeners implements AsyncDisposable {
  readonly #options: ListenersOptions
  readonly #http1: Http1Server
  readonly #http2: Http2Server
  /** They do not listen themselves. */
  readonly #plain: TlsServer
  readonly #asking: TlsServer
  readonly #fronts: NetServer[] = []
  readonly #tlsServers: TlsServer[] = []
  readonly #connections = new Map<Duplex, Arrival & { readonly isBehind: boolean; used: boolean }>()
  /** All accepted sockets, those in the middle of a handshake among them. */
  readonly #sockets = new Set<Socket>()
  readonly #sessions = new Set<ServerHttp2Session>()
  #accepted: Socket | undefined

  constructor(options: ListenersOptions) {
    this.#options = options
    this.#http1 = this.#makeHttp1()
    this.#http2 = this.#makeHttp2()
    this.#plain = this.#makeTlsServer(false)
    this.#asking = this.#makeTlsServer(true)
  }

  async listen(addresses: ListenAddresses): Promise<void> {
    const { http, https, behind } = addresses
    for (const { address, port } of http) await this.#listen(this.#makePlainFront('http'), { host: address, port })
    for (const { address, port } of https) await this.#listen(this.#makeTlsFront(), { host: address, port })
    if (behind !== undefined) await this.#listen(this.#makePlainFront('behind'), { path: behind })
    // Starts the checks of time limits, which node ties to its own listener.
    this.#http1.emit('listening')
  }

  /** For clients that ask for no name. */
  setDefaultCertificate(certificate: { readonly chain: string; readonly key: string }): void {
    for (const server of this.#tlsServers)
      server.setSecureContext({
        cert: certificate.chain,
        key: certificate.key,
        minVersion: 'TLSv1.2',
        ...(server === this.#asking ? withoutResumption : {}),
      })
  }

  /** Stops accepting and lets what is under way end; once `cut` resolves, the rest is cut. */
  async close(cut: Promise<void>): Promise<void> {
    const closed = this.#fronts.map((front) => new Promise<void>((resolve) => front.close(() => resolve())))
    this.#http1.keepAliveTimeout = 1
    this.#http1.keepAliveTimeoutBuffer = 0
    this.#http1.closeIdleConnections()
    for (const [socket, connection] of this.#connections) if (!connection.used) socket.destroy()
    for (const session of this.#sessions) session.close()
    await Promise.race([Promise.all(closed), cut])
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(closed)
    this.#http1.close(() => undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close(Promise.resolve())
  }

  async #listen(
    front: NetServer,
    where: { readonly host: string; readonly port: number } | { readonly path: string },
  ): Promise<void> {
    const place = 'path' in where ? `"${where.path}"` : `${where.host} port ${where.port}`
    front.maxConnections = this.#options.limits.connections
    front.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
    await new Promise<void>((resolve, reject) => {
      const onError = (error: Error): void =>
        reject(new Error(`Cannot listen on ${place}: ${error.message}`, { cause: error }))
      front.once('error', onError)
      front.listen({ ...where, backlog: 4096 }, () => {
        front.off('error', onError)
        resolve()
      })
    })
    this.#fronts.push(front)
  }

  #makePlainFront(from: 'http' | 'behind'): NetServer {
    const front = createNetServer({ ...(from === 'http' ? socketOptions : {}), allowHalfOpen: true })
    front.on('connection', (socket: Socket) => {
      this.#accept(socket, 'http', { isBehind: from === 'behind' })
      this.#http1.emit('connection', socket)
    })
    return front
  }

  /** Only who asks for a name whose clients are checked is asked for a certificate: browsers would bother people with it. */
  #makeTlsFront(): NetServer {
    const { asksClient, limits } = this.#options
    const front = createNetServer(socketOptions)
    front.on('connection', (socket: Socket) => {
      if (!asksClient()) return void this.#plain.emit('connection', socket)
      findAskedName(socket, limits.handshakeTimeout, (name) =>
        (name !== undefined && asksClient(name) ? this.#asking : this.#plain).emit('connection', socket),
      )
    })
    return front
  }

  #makeTlsServer(asks: boolean): TlsServer {
    const server = createTlsServer({
      minVersion: 'TLSv1.2',
      ALPNProtocols: ['h2', 'http/1.1'],
      handshakeTimeout: this.#options.limits.handshakeTimeout,
      SNICallback: (name, done) => done(null, this.#options.findCertificate(name)),
      ...(asks ? { requestCert: true, rejectUnauthorized: false, ...withoutResumption } : {}),
    })
    server.on('secureConnection', (socket: TLSSocket) => {
      this.#accept(socket, 'https', { tls: tlsOf(socket, asks) })
      if (socket.alpnProtocol === 'h2') this.#http2.emit('connection', socket)
      else this.#http1.emit('connection', socket)
    })
    server.on('tlsClientError', (error, socket) => {
      this.#options.onConnectionError(`TLS handshake failed: ${error.message}`, socket.remoteAddress ?? '')
      socket.destroy()
    })
    this.#tlsServers.push(server)
    return server
  }

  #makeHttp1(): Http1Server {
    const { limits } = this.#options
    const server = createHttp1Server({
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeout,
      // Bodies may take as long as they move (see `clientTimeout`).
      requestTimeout: 0,
      keepAliveTimeout: limits.idleTimeout,
      connectionsCheckingInterval: Math.min(5_000, limits.headersTimeout),
      optimizeEmptyRequests: true,
      shouldUpgradeCallback: mayUpgrade,
    })
    // Node would drop what is above without a word; `headers` of the limits is checked instead.
    server.maxHeadersCount = 0
    server.on('request', (message: IncomingMessage, response: ServerResponse) =>
      this.#serveHttp1(message, response, false),
    )
    server.on('checkContinue', (message: IncomingMessage, response: ServerResponse) =>
      this.#serveHttp1(message, response, true),
    )
    server.on('upgrade', (message: IncomingMessage, socket: Duplex, head: Buffer) => {
      const arrival = this.#arrival(message.socket, message)
      if (arrival === undefined) return void socket.destroy()
      const response = replyOnSocket(message, socket)
      this.#options.serve(new Http1Downstream(arrival, message, response, { upgrade: { socket, head } }))
    })
    server.on('connect', (_: IncomingMessage, socket: Duplex) => refuse(socket, 405))
    server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
      this.#options.onConnectionError(error.message, (socket as Socket).remoteAddress ?? '')
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
      refuse(socket, error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400)
    })
    return server
  }

  #serveHttp1(message: IncomingMessage, response: ServerResponse, waits: boolean): void {
    const arrival = this.#arrival(message.socket, message)
    if (arrival === undefined) return void message.socket.destroy()
    // Broken off; the 'close' of the response tells.
    message.on('error', ignore)
    response.on('error', ignore)
    this.#options.serve(new Http1Downstream(arrival, message, response, { waits }))
  }

  #makeHttp2(): Http2Server {
    const { limits } = this.#options
    const server = createHttp2Server({
      settings: {
        initialWindowSize: 1024 * 1024,
        maxConcurrentStreams: limits.streamsPerConnection,
        maxHeaderListSize: limits.headerBytes,
      },
      maxHeaderListPairs: limits.headers,
      // In megabytes; for all the streams of a connection together.
      maxSessionMemory: 32,
      // A client that opens streams and resets them at once gets this many resets, refilled at that rate a second (CVE-2023-44487).
      streamResetBurst: 1_000,
      streamResetRate: 100,
    })
    server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session)
      session.once('close', () => this.#sessions.delete(session))
      session.on('error', ignore)
      session.setLocalWindowSize(4 * 1024 * 1024)
      // A session is made while its connection is handed over, and hides its socket behind a proxy object.
      const arrival = this.#arrival(this.#accepted!)!
      let streams = 0
      session.setTimeout(limits.idleTimeout, () => {
        if (streams === 0) session.close()
      })
      session.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, _: number, raw: string[]) => {
        streams++
        stream.on('error', ignore)
        stream.once('close', () => streams--)
        this.#options.serve(new Http2Downstream(arrival, stream, headers, raw))
      })
    })
    server.on('sessionError', (error: Error) => this.#options.onConnectionError(`HTTP/2: ${error.message}`, ''))
    return server
  }

  #accept(
    socket: Socket,
    scheme: 'http' | 'https',
    { isBehind = false, tls }: { readonly isBehind?: boolean; readonly tls?: TlsArrival } = {},
  ): void {
    const address = socket.remoteAddress ?? ''
    this.#connections.set(socket, {
      // A socket that listens on IPv6 and IPv4 shows IPv4 clients as `::ffff:10.0.0.1`.
      address: address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address,
      scheme,
      port: socket.localPort ?? 0,
      ...(tls === undefined ? {} : { tls }),
      isBehind,
      used: false,
    })
    this.#accepted = socket
    socket.once('close', () => this.#connections.delete(socket))
    socket.on('error', ignore)
  }

  #arrival(socket: Duplex, message?: IncomingMessage): Arrival | undefined {
    const connection = this.#connections.get(socket)
    if (connection === undefined) return undefined
    connection.used = true
    return connection.isBehind ? toldArrival(message?.headers ?? {}) : connection
  }
}

/** As the proxy before us says it; nothing when it does not. */
function toldArrival(headers: IncomingMessage['headers']): Arrival | undefined {
  const told = String(headers[arrivalHeader])
  const [, address, scheme, port, name = ''] = /^([0-9a-f.:]+) (http|https) (\d{1,5})(?: (\S*))?$/.exec(told) ?? []
  if (address === undefined) return undefined
  const arrival = { address, port: Number(port) }
  if (scheme !== 'https') return { ...arrival, scheme: 'http' }
  return { ...arrival, scheme: 'https', tls: { name, certificate: toldCertificate(headers[certificateArrivalHeader]) } }
}

const withoutResumption = { secureOptions: constants.SSL_OP_NO_TICKET }

/** What a connection says of its client. A session that was resumed would not bring the whole chain again. */
function tlsOf(socket: TLSSocket, asks: boolean): TlsArrival {
  const name = typeof socket.servername === 'string' ? socket.servername.toLowerCase().replace(/\.$/, '') : ''
  const peer = asks ? socket.getPeerCertificate(true) : undefined
  if (peer?.raw === undefined) return { name, certificate: undefined }
  const chain = new Set<Buffer>()
  for (
    let next = peer.issuerCertificate;
    next?.raw !== undefined && !chain.has(next.raw);
    next = next.issuerCertificate
  )
    chain.add(next.raw)
  // Node says the code here, whatever its types say.
  const problem = socket.authorized ? undefined : String(socket.authorizationError)
  return { name, certificate: { leaf: peer.raw, chain: [...chain], problem } }
}

/** Tells which name a client asks for; nothing when it says none. What was read is there to be read again. */
function findAskedName(socket: Socket, milliseconds: number, found: (name: string | undefined) => void): void {
  let bytes: Buffer = Buffer.alloc(0)
  const giveUp = (): void => void socket.destroy()
  const look = (): void => {
    const piece = socket.read() as Buffer | null
    if (piece !== null) bytes = Buffer.concat([bytes, piece])
    const hello = readClientHello(bytes, longestHello)
    if (hello === 'unfinished') return
    socket.off('readable', look)
    socket.off('end', giveUp)
    socket.setTimeout(0, giveUp)
    socket.unshift(bytes)
    found(hello === 'other' ? undefined : hello.serverName)
  }
  socket.on('error', ignore)
  socket.once('end', giveUp)
  socket.setTimeout(milliseconds, giveUp)
  socket.on('readable', look)
}

const socketOptions = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }

/**
 * Clients that offer HTTP/2 without TLS expect an ordinary answer. A request with a body is no upgrade: what follows its head
 * would be passed on unread.
 */
function mayUpgrade({ headers }: IncomingMessage): boolean {
  const { upgrade } = headers
  if (upgrade === undefined || /^(?:h2c?|tls\/.*)$/i.test(upgrade)) return false
  return headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0
}

function refuse(socket: Duplex, status: number): void {
  const text = `${status} ${STATUS_CODES[status]!}`
  socket.end(
    `HTTP/1.1 ${text}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${text.length + 1}\r\n\r\n${text}\n`,
    () => socket.destroy(),
  )
}

function ignore(): void {
  // The 'close' that follows every error does the work; without a listener the process would end.
}

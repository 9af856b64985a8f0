/** WebSocket connections over `ws`, with subprotocol negotiation that also takes names which are no tokens. */
import { createWebSocketStream, WebSocket, WebSocketServer } from 'ws'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { systemClock } from '#lib/clock.ts'
import type { Clock } from '#lib/clock.ts'
import type { ClientTls } from './client.ts'
import { describeClientError, HttpClientError } from './clientError.ts'
import type { Headers, HttpRequest, Upgrade } from './message.ts'

/** A longer message ends the connection (code 1009). The limit of Go's older WebSocket package, so that its clients fit. */
const largestMessage = 32 * 1024 * 1024

/** A writer should wait when this much has not been taken by the system. */
const fullAt = 1024 * 1024

export interface WebSocketOptions {
  /** Milliseconds between pings; a connection from which nothing came since the last ping is cut. 30 seconds when absent. */
  readonly pingEvery?: number
  readonly clock?: Clock
}

/** One open connection. Messages wait until `onMessage` is called. */
export class WebSocketConnection {
  /** The subprotocol that was agreed on; empty when none was. */
  readonly protocol: string
  /** Resolves with the close code: 1000 in good order, 1006 when the connection just ended. */
  readonly closed: Promise<number>
  readonly #socket: WebSocket
  #onMessage: ((data: Buffer, binary: boolean) => void) | undefined

  constructor(socket: WebSocket, protocol: string, options: WebSocketOptions = {}) {
    this.#socket = socket
    this.protocol = protocol
    socket.pause()
    this.closed = new Promise((resolve) => socket.once('close', (code: number) => resolve(code)))
    socket.on('error', () => undefined)
    socket.on('message', (data: Buffer, binary: boolean) => this.#onMessage?.(data, binary))
    this.#keepAlive(options.clock ?? systemClock, options.pingEvery ?? 30_000)
  }

  /** Sets who gets the messages, and lets them come. */
  onMessage(handler: (data: Buffer, binary: boolean) => void): void {
    this.#onMessage = handler
    this.#socket.resume()
  }

  /** Holds back what the other side sends; it notices through TCP. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Sends one message: text for a string, binary for bytes. `sent` is called when the system took it, or never will. */
  send(data: Uint8Array | string, sent?: (error?: Error) => void): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return sent?.(new Error('the connection is closed'))
    this.#socket.send(data, (error) => sent?.(error ?? undefined))
  }

  get bufferedBytes(): number {
    return this.#socket.bufferedAmount
  }

  /** Whether a writer should wait. */
  get full(): boolean {
    return this.bufferedBytes >= fullAt
  }

  /** Says goodbye after what was sent; the connection is cut if the other side does not answer. */
  close(code = 1000, reason = ''): void {
    this.#socket.close(code, reason)
    this.#socket.resume()
  }

  /** Cuts the connection. */
  terminate(): void {
    this.#socket.terminate()
  }

  /** The connection as a stream of bytes: message borders vanish on the way in, each write is one binary message. Instead of `onMessage`. */
  toStream(): Duplex {
    const stream = createWebSocketStream(this.#socket, { highWaterMark: 256 * 1024 })
    stream.on('error', () => undefined)
    this.#socket.resume()
    return stream
  }

  #keepAlive(clock: Clock, every: number): void {
    let heard = true
    const hear = (): void => void (heard = true)
    this.#socket.on('pong', hear)
    this.#socket.on('message', hear)
    this.#socket.on('ping', hear)
    let timer: Disposable
    const check = (): void => {
      // While reading is paused, answers cannot be heard.
      if (!heard && !this.#socket.isPaused) return this.#socket.terminate()
      heard = false
      if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping()
      timer = clock.after(every, check)
    }
    timer = clock.after(every, check)
    this.#socket.once('close', () => timer[Symbol.dispose]())
  }
}

/** The subprotocols that a client offers, in its order. */
export function offeredProtocols(request: Pick<HttpRequest, 'headerValues'>): string[] {
  return request
    .headerValues('sec-websocket-protocol')
    .flatMap((value) => value.split(','))
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** The first offered subprotocol that is supported; nothing when none is. */
export function chooseProtocol(offered: readonly string[], supported: readonly string[]): string | undefined {
  return offered.find((name) => supported.includes(name))
}

const acceptor = new WebSocketServer({
  noServer: true,
  perMessageDeflate: false,
  maxPayload: largestMessage,
  clientTracking: false,
})
const accepting = new WeakMap<IncomingMessage, { readonly protocol: string; fail(error: Error): void }>()
acceptor.on('headers', (headers, message) => {
  const { protocol } = accepting.get(message)!
  if (protocol !== '') headers.push(`Sec-WebSocket-Protocol: ${protocol}`)
})
acceptor.on('wsClientError', (error, socket, message) => {
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${error.message}\n`,
  )
  accepting.get(message)!.fail(error)
})

/** Completes the handshake with `protocol` (one of the offered; empty for none). Rejects after answering 400 when the handshake is not sound. */
export function acceptWebSocket(
  upgrade: Upgrade,
  protocol: string,
  options: WebSocketOptions = {},
): Promise<WebSocketConnection> {
  const { message, socket, head } = upgrade.take()
  // `ws` answers 400 to names with a slash, which are not tokens, and kubectl offers `SPDY/3.1+portforward.k8s.io`: it must not see them.
  delete message.headers['sec-websocket-protocol']
  return new Promise((resolve, reject) => {
    accepting.set(message, { protocol, fail: reject })
    acceptor.handleUpgrade(message, socket, head, (webSocket) =>
      resolve(new WebSocketConnection(webSocket, protocol, options)),
    )
  })
}

/** Opens a connection to a server. Resolves with it, or with the refusal; rejects with an `HttpClientError`, or the signal's reason. */
export function connectWebSocket(
  url: string,
  protocols: readonly string[],
  options: WebSocketOptions & {
    readonly tls?: ClientTls
    readonly headers?: Readonly<Record<string, string>>
    readonly signal?: AbortSignal
  },
): Promise<
  | WebSocketConnection
  | { readonly refused: { readonly status: number; readonly headers: Headers; readonly body: Buffer } }
> {
  const { tls = {}, headers = {}, signal } = options
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason as Error)
    const socket = new WebSocket(url.replace(/^http/, 'ws'), [...protocols], {
      headers: { ...headers },
      perMessageDeflate: false,
      maxPayload: largestMessage,
      handshakeTimeout: 30_000,
      ...(tls.authority === undefined ? {} : { ca: tls.authority }),
      ...(tls.certificate === undefined ? {} : { cert: tls.certificate }),
      ...(tls.key === undefined ? {} : { key: tls.key }),
      ...(tls.serverName === undefined ? {} : { servername: tls.serverName }),
      ...(tls.insecure ? { rejectUnauthorized: false } : {}),
    })
    const abort = (): void => socket.terminate()
    signal?.addEventListener('abort', abort, { once: true })
    const fail = (error: Error): void => {
      signal?.removeEventListener('abort', abort)
      reject(signal?.aborted ? (signal.reason as Error) : describeClientError(`GET ${url}`, error))
    }
    socket.once('error', fail)
    socket.once('open', () => {
      socket.off('error', fail)
      signal?.removeEventListener('abort', abort)
      resolve(new WebSocketConnection(socket, socket.protocol, options))
    })
    socket.once('unexpected-response', (request, response: IncomingMessage) => {
      const pieces: Buffer[] = []
      let size = 0
      response.on('data', (piece: Buffer) => {
        if ((size += piece.length) <= 1024 * 1024) pieces.push(piece)
        else request.destroy(new HttpClientError('tooLarge', `GET ${url}: the refusal is larger than 1 MiB`))
      })
      response.once('end', () => {
        signal?.removeEventListener('abort', abort)
        resolve({ refused: { status: response.statusCode!, headers: response.headers, body: Buffer.concat(pieces) } })
        request.destroy()
      })
    })
  })
}

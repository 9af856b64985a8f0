/** What a request handler sees: the same for HTTP/1.1 and HTTP/2, with and without TLS. */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { X509Certificate } from 'node:crypto'

/** Header names in lower case. A repeated header is joined with `, `; `HttpRequest.headerValues` keeps them apart. */
export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>
export type ReplyHeaders = Readonly<Record<string, string | number | readonly string[]>>

/** The certificate that the other side of a TLS connection showed. */
export interface Peer {
  /** Whether the certificate authority vouches for it. When false nothing else here may be believed. */
  readonly verified: boolean
  /** Why it is not verified: OpenSSL's code, such as `CERT_HAS_EXPIRED`. */
  readonly problem?: string
  /** The subject's common name; of several the last. Empty when there is none. */
  readonly commonName: string
  readonly organizations: readonly string[]
  readonly certificate: X509Certificate
}

export interface HttpRequest {
  readonly method: string
  /** As sent, still percent-encoded, without the query. Starts with a slash. */
  readonly path: string
  /** The query as sent, without the question mark. */
  readonly search: string
  /** The query, parsed at first use. */
  readonly query: URLSearchParams
  readonly headers: Headers
  readonly protocol: 'HTTP/1.1' | 'HTTP/2.0'
  /** Absent without TLS, and when the client showed no certificate. */
  readonly peer: Peer | undefined
  /** Empty on unix sockets. */
  readonly remoteAddress: string
  readonly remotePort: number
  /** Aborts when the client goes away before the reply is complete. Made at first use. */
  readonly signal: AbortSignal
  /** There when the client asks to switch to another protocol. A handler may also answer such a request as any other. */
  readonly upgrade: Upgrade | undefined
  /** Every value of a header, for those that may come several times and whose values may contain commas. */
  headerValues(name: string): string[]
  /** The whole body. Rejects with a `BodyError` when it is longer than `limitBytes` or the client stops sending. Once per request. */
  readBody(limitBytes: number): Promise<Buffer>
  /** The body as it comes, for passing it on. Instead of `readBody`. */
  bodyPieces(): AsyncIterable<Buffer>
}

/** A client's wish to speak another protocol on the same connection. */
export interface Upgrade {
  /** The `Upgrade` header in lower case: `websocket`, `spdy/3.1`. */
  readonly protocol: string
  /** Hands the connection over; the reply must not be used after that. `head` holds bytes that were read already. */
  take(): { readonly message: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
}

export type Pieces = Iterable<Uint8Array> | AsyncIterable<Uint8Array>

/**
 * A long body that is copied to where it is told, part by part. The writer has one buffer for all parts, so that a body of
 * any length takes no more memory than that.
 */
export interface FillableBody {
  /** Copies what comes next to the beginning of `part` and says how many bytes that is; 0 at the end. */
  fill(part: Buffer): number
}

/** Exactly one of `send`, `sendPieces` and `stream` may be used, once. When the client is gone they do nothing. */
export interface HttpReply {
  /** 0 until a reply has begun. */
  readonly status: number
  /** Sends a complete reply; the length header is added. The bytes must not change afterwards. */
  send(status: number, headers: ReplyHeaders, body?: Uint8Array | string): void
  /**
   * Sends a body piece by piece, joined into larger writes and only as fast as the client reads; resolves when all is handed
   * over or the client is gone. If `pieces` throws the connection is cut, so that a short body cannot pass for a whole one.
   */
  sendPieces(status: number, headers: ReplyHeaders, pieces: Pieces | FillableBody): Promise<void>
  /** Sends the head at once and leaves the body open. */
  stream(status: number, headers: ReplyHeaders): ReplyStream
  /** Calls back once: when the reply has been handed to the system, or the client has gone. */
  onDone(run: () => void): void
  /** Cuts the connection (HTTP/2: the stream). */
  destroy(): void
}

/** An open reply body, such as a watch. */
export interface ReplyStream {
  /** Adds bytes; those of one turn of the event loop leave together. False when the client reads too slowly, or is gone. */
  write(piece: Uint8Array): boolean
  /** Bytes not yet taken by the system. A writer that sees this grow should give up on the client. */
  readonly bufferedBytes: number
  /** Resolves when there is room again, or the client is gone. */
  drained(): Promise<void>
  /** Sends what is left and completes the reply. */
  end(): void
}

export type HttpHandler = (request: HttpRequest, reply: HttpReply) => void | Promise<void>

/** Why a body could not be read. `status` is the HTTP status that says so. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
  readonly status: 400 | 413

  constructor(status: 400 | 413, message: string) {
    super(message)
    this.status = status
  }
}

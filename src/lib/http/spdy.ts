/**
 * SPDY/3.1 sessions: several streams over one connection, for either side. kubectl speaks it on upgraded connections, and for
 * port-forward inside a WebSocket; container runtimes speak it on their streaming servers. Frames are in spdyFrames.ts, header
 * blocks in spdyHeaders.ts.
 *
 * As in Go's spdystream there are no flow-control windows: a stream that is not read holds the whole connection back once it has
 * more than a mebibyte waiting.
 */
import { Duplex } from 'node:stream'
import { closeWhenRead } from './closeWhenRead.ts'
import { FrameReader, resetStatus } from './spdyFrames.ts'
import type { Frame } from './spdyFrames.ts'
import * as frames from './spdyFrames.ts'
import { HeaderReader, HeaderWriter } from './spdyHeaders.ts'
import type { SpdyHeaders } from './spdyHeaders.ts'

export type { SpdyHeaders } from './spdyHeaders.ts'

export interface SpdyOptions {
  readonly role: 'client' | 'server'
  /** Decides about a stream that the other side opens: false refuses it. Without it all are refused. */
  readonly onStream?: (stream: SpdyStream) => boolean
  /** More open streams than this are refused; 1000 when absent. */
  readonly maxStreams?: number
}

const largestDataFrame = 64 * 1024

export class SpdySession {
  /** Resolves when the connection has ended, with what went wrong, if anything did. */
  readonly closed: Promise<Error | undefined>
  readonly #transport: Duplex
  readonly #options: SpdyOptions
  readonly #streams = new Map<number, SpdyStream>()
  readonly #frameReader = new FrameReader()
  readonly #headerReader = new HeaderReader()
  readonly #headerWriter = new HeaderWriter()
  readonly #pings = new Map<number, () => void>()
  /** Header blocks are compressed one after the other, and leave in that order. */
  #sending: Promise<void> = Promise.resolve()
  #nextStream: number
  #nextPing: number
  #lastTheirs = 0
  #goingAway = false
  #problem: Error | undefined

  constructor(transport: Duplex, options: SpdyOptions, head: Buffer = Buffer.alloc(0)) {
    this.#transport = transport
    this.#options = options
    this.#nextStream = this.#nextPing = options.role === 'client' ? 1 : 2
    const { promise, resolve } = Promise.withResolvers<Error | undefined>()
    this.closed = promise
    transport.on('error', (error) => (this.#problem ??= error))
    const received = this.#receiveAll(head)
    transport.once('close', () => {
      // Nothing waits for readers any more, but what came before the end is theirs.
      this.#relieve()
      void received().then(() => {
        this.#end()
        resolve(this.#problem)
      })
    })
  }

  /** Streams that are open now. */
  get streamCount(): number {
    return this.#streams.size
  }

  /** Opens a stream; resolves when the other side has accepted it, rejects when it refuses. */
  async open(headers: SpdyHeaders): Promise<SpdyStream> {
    const stream = this.openNow(headers)
    await stream.accepted
    return stream
  }

  /** Opens a stream that may be written to before the other side has answered. */
  openNow(headers: SpdyHeaders): SpdyStream {
    if (this.#goingAway || this.#transport.destroyed) throw new Error('Cannot open a stream: the connection is closing')
    const stream = new SpdyStream(this.#channel, this.#nextStream, headers)
    this.#nextStream += 2
    this.#streams.set(stream.id, stream)
    this.#sendHeaders(headers, (block) => frames.encodeSynStream(stream.id, block))
    return stream
  }

  /** Resolves when the other side answers. */
  async ping(): Promise<void> {
    const id = this.#nextPing
    this.#nextPing += 2
    const answered = new Promise<void>((resolve) => this.#pings.set(id, resolve))
    this.#send([frames.encodePing(id)])
    const problem = await Promise.race([
      answered,
      this.closed.then((error) => error ?? new Error('the connection is closed')),
    ])
    if (problem !== undefined) throw problem
  }

  /** Takes no more streams, and closes the connection when those that are open have ended. */
  close(): void {
    if (this.#goingAway) return
    this.#goingAway = true
    this.#send([frames.encodeGoAway(this.#lastTheirs)])
    this.#closeWhenEmpty()
  }

  /** Cuts the connection and with it every stream. */
  destroy(error?: Error): void {
    this.#problem ??= error
    this.#transport.destroy()
  }

  /** What streams may do with the session. */
  readonly #channel: StreamChannel = {
    sendData: (id, bytes, fin, sent) => {
      const pieces: Uint8Array[] = []
      for (let at = 0; at < bytes.length; at += largestDataFrame) {
        const piece = bytes.subarray(at, at + largestDataFrame)
        pieces.push(frames.encodeDataHead(id, piece.length, fin && at + piece.length === bytes.length), piece)
      }
      if (bytes.length === 0) pieces.push(frames.encodeDataHead(id, 0, fin))
      this.#send(pieces, sent)
    },
    sendReset: (id, status) => this.#send([frames.encodeRstStream(id, status)]),
    forget: (id) => {
      this.#streams.delete(id)
      this.#relieve()
      this.#closeWhenEmpty()
    },
    relieved: () => this.#relieve(),
  }

  #relieve(): void {
    this.#resumeReading?.()
  }

  #resumeReading: (() => void) | undefined

  /**
   * Events, not the iterator: that destroys the connection with an error of its own when it is left. The result tells when
   * all that has come so far was passed on.
   */
  #receiveAll(head: Buffer): () => Promise<void> {
    const transport = this.#transport
    let chain = (head.length > 0 ? this.#receive(head) : Promise.resolve()).catch((error: Error) => this.destroy(error))
    transport.on('data', (bytes: Buffer) => {
      transport.pause()
      chain = chain
        .then(() => this.#receive(bytes))
        .then(
          () => void transport.resume(),
          (error: Error) => this.destroy(error),
        )
    })
    // The other side has ended the connection: there are no half-closed ones.
    transport.once('end', () => void chain.then(() => transport.destroy()))
    return () => chain
  }

  async #receive(bytes: Buffer): Promise<void> {
    for (const frame of this.#frameReader.read(bytes)) {
      if (frame.type === 'data') this.#receiveData(frame)
      else await this.#receiveControl(frame)
    }
    while (this.#someCongested() && !this.#transport.destroyed) {
      await new Promise<void>((resolve) => (this.#resumeReading = resolve))
    }
    this.#resumeReading = undefined
  }

  #someCongested(): boolean {
    for (const stream of this.#streams.values()) if (stream.congested) return true
    return false
  }

  #receiveData(frame: Frame & { type: 'data' }): void {
    const stream = this.#streams.get(frame.stream)
    if (stream === undefined) return
    if (frame.bytes.length > 0) stream.receive(frame.bytes)
    if (frame.fin) stream.receiveEnd()
  }

  async #receiveControl(frame: Frame): Promise<void> {
    switch (frame.type) {
      case 'synStream':
        return this.#receiveStream(frame.stream, await this.#headerReader.read(frame.block), frame.fin)
      case 'synReply':
      case 'headers': {
        // Read even when the stream is gone: the compression context goes on.
        const headers = await this.#headerReader.read(frame.block)
        const stream = this.#streams.get(frame.stream)
        if (frame.type === 'synReply') stream?.receiveReply(headers)
        if (frame.fin) stream?.receiveEnd()
        return
      }
      case 'rstStream':
        return this.#streams.get(frame.stream)?.receiveReset(frame.status)
      case 'ping': {
        const ours = frame.id % 2 === this.#nextPing % 2
        if (!ours) return this.#send([frames.encodePing(frame.id)])
        this.#pings.get(frame.id)?.()
        this.#pings.delete(frame.id)
        return
      }
      case 'goAway':
        this.#goingAway = true
        return this.#closeWhenEmpty()
    }
  }

  #receiveStream(id: number, headers: SpdyHeaders, fin: boolean): void {
    const theirs = id % 2 === (this.#options.role === 'server' ? 1 : 0) && id > this.#lastTheirs
    if (!theirs) return this.#send([frames.encodeRstStream(id, resetStatus.protocolError)])
    this.#lastTheirs = id
    if (this.#goingAway || this.#streams.size >= (this.#options.maxStreams ?? 1_000)) {
      return this.#send([frames.encodeRstStream(id, resetStatus.refusedStream)])
    }
    const stream = new SpdyStream(this.#channel, id, headers)
    this.#streams.set(id, stream)
    if (this.#options.onStream?.(stream) !== true) return stream.reset(resetStatus.refusedStream)
    stream.receiveReply({})
    this.#sendHeaders({}, (block) => frames.encodeSynReply(id, block))
    if (fin) stream.receiveEnd()
  }

  #sendHeaders(headers: SpdyHeaders, encode: (block: Buffer) => Buffer): void {
    const block = this.#headerWriter.write(headers)
    this.#waiting++
    this.#sending = this.#sending.then(async () => {
      try {
        this.#write([encode(await block)])
      } catch (error) {
        this.destroy(error as Error)
      } finally {
        this.#waiting--
      }
    })
  }

  /** Header blocks that are being compressed: whatever is sent meanwhile must wait its turn. */
  #waiting = 0

  #send(pieces: readonly Uint8Array[], sent?: (error?: Error | null) => void): void {
    if (this.#waiting === 0) return this.#write(pieces, sent)
    this.#waiting++
    this.#sending = this.#sending.then(() => {
      this.#waiting--
      this.#write(pieces, sent)
    })
  }

  #write(pieces: readonly Uint8Array[], sent?: (error?: Error | null) => void): void {
    if (!this.#transport.writable) return sent?.(new Error('the connection is closed'))
    this.#transport.cork()
    pieces.forEach((piece, index) => this.#transport.write(piece, index === pieces.length - 1 ? sent : undefined))
    this.#transport.uncork()
  }

  #closeWhenEmpty(): void {
    if (this.#goingAway && this.#streams.size === 0)
      void this.#sending.then(() => this.#transport.end(() => this.#transport.destroy()))
  }

  #end(): void {
    this.#goingAway = true
    this.#headerReader.close()
    this.#headerWriter.close()
    for (const stream of this.#streams.values()) stream.disconnect()
    this.#streams.clear()
    this.#relieve()
  }
}

interface StreamChannel {
  sendData(id: number, bytes: Uint8Array, fin: boolean, sent: (error?: Error | null) => void): void
  sendReset(id: number, status: number): void
  forget(id: number): void
  relieved(): void
}

/** One stream of a session. Ending it closes our half; destroying it resets it. */
export class SpdyStream extends Duplex {
  readonly id: number
  /** The headers it was opened with. */
  readonly headers: SpdyHeaders
  /** Resolves with the other side's headers; rejects when it refuses the stream or the connection ends first. */
  readonly accepted: Promise<SpdyHeaders>
  /** Whether more waits to be read than should. */
  congested = false
  readonly #channel: StreamChannel
  readonly #reply = Promise.withResolvers<SpdyHeaders>()
  #theyEnded = false
  #wasReset = false

  constructor(channel: StreamChannel, id: number, headers: SpdyHeaders) {
    super({ allowHalfOpen: true, highWaterMark: 1024 * 1024 })
    this.#channel = channel
    this.id = id
    this.headers = headers
    this.accepted = this.#reply.promise
    this.accepted.catch(() => undefined)
    this.on('error', () => undefined)
  }

  /** The first value of a header. */
  header(name: string): string | undefined {
    return this.headers[name]?.[0]
  }

  /** Ends both halves at once and tells the other side why. */
  reset(status: number = resetStatus.cancel): void {
    if (!this.#wasReset && !this.destroyed) this.#channel.sendReset(this.id, status)
    this.#wasReset = true
    this.destroy()
  }

  receive(bytes: Buffer): void {
    if (!this.#theyEnded && !this.destroyed && !this.push(bytes)) this.congested = true
  }

  receiveReply(headers: SpdyHeaders): void {
    this.#reply.resolve(headers)
  }

  receiveEnd(): void {
    if (this.#theyEnded) return
    this.#theyEnded = true
    this.push(null)
  }

  receiveReset(status: number): void {
    this.#wasReset = true
    const error = new Error(
      status === resetStatus.refusedStream
        ? 'the other side refused the stream'
        : `the other side reset the stream (status ${status})`,
    )
    this.#reply.reject(error)
    this.destroy(error)
  }

  disconnect(): void {
    this.#wasReset = true
    this.#reply.reject(new Error('the connection is closed'))
    this.receiveEnd()
    closeWhenRead(this)
  }

  override _read(): void {
    if (!this.congested) return
    this.congested = false
    this.#channel.relieved()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#channel.sendData(this.id, bytes, false, done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.sendData(this.id, new Uint8Array(0), true, done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    const complete = this.#theyEnded && this.writableFinished
    if (!complete && !this.#wasReset) this.#channel.sendReset(this.id, resetStatus.cancel)
    this.#wasReset = true
    this.congested = false
    this.#reply.reject(error ?? new Error('the stream was closed before it was accepted'))
    this.#channel.forget(this.id)
    done(error)
  }
}

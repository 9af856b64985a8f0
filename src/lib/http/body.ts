/** Reading and writing bodies with bounds, over the node streams of either protocol version. */
import type { Readable, Writable } from 'node:stream'
import { BodyError } from './message.ts'
import type { FillableBody, Pieces, ReplyStream } from './message.ts'

/** Pieces are joined into writes of about this many bytes. */
const writeSize = 128 * 1024

/** A stream counts as slow when this much waits in it. */
const slowAt = 1024 * 1024

/** Bytes beyond the limit that are read and dropped, so that the client gets to see the refusal instead of a broken connection. */
const droppedBytes = 16 * 1024 * 1024

const nothing = Buffer.alloc(0)

/** Reads a body to its end. `cut` ends the connection when the client keeps sending long after it was told to stop. */
export function collectBody(
  source: Readable,
  declared: number | undefined,
  limit: number,
  cut: () => void,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = (): void => reject(new BodyError(413, `request body is larger than ${limit} bytes`))
    const pieces: Buffer[] = []
    let size = 0
    if (declared !== undefined && declared > limit) tooLarge()
    source.on('data', (piece: Buffer) => {
      size += piece.length
      if (size <= limit) pieces.push(piece)
      else {
        pieces.length = 0
        tooLarge()
        if (size > limit + droppedBytes) cut()
      }
    })
    let isWhole = false
    source.on('end', () => {
      isWhole = true
      resolve(pieces.length === 1 ? pieces[0]! : pieces.length === 0 ? nothing : Buffer.concat(pieces, size))
    })
    // Every stream closes; an error has a stack, which costs more than the rest of this.
    const incomplete = (): void => {
      if (!isWhole) reject(new BodyError(400, 'request body ended early'))
    }
    source.on('error', incomplete)
    source.on('close', incomplete)
    // Both may have come before anybody asked: an empty body ends by itself, and a client may have gone.
    if (source.readableEnded) resolve(nothing)
    else if (source.destroyed) incomplete()
  })
}

/** How much of a long body is written at once, and so encrypted in one turn of the event loop. */
const partSize = 256 * 1024

/** Writes a body to its end. Of one that is copied part by part, others get their turn after each part. */
export async function writeBody(sink: Writable, body: Pieces | FillableBody, cut: () => void): Promise<void> {
  if (!('fill' in body)) return writePieces(sink, body, cut)
  const part = Buffer.allocUnsafeSlow(partSize)
  for (;;) {
    let size: number
    try {
      size = body.fill(part)
    } catch (error) {
      cut()
      throw error
    }
    if (size === 0) break
    await written(sink, part.subarray(0, size))
    await new Promise((resolve) => setImmediate(resolve))
    if (!isOpen(sink)) return
  }
  sink.end()
}

/** Resolves when `bytes` have been handed to the system and may be changed, or the sink has closed. */
function written(sink: Writable, bytes: Uint8Array): Promise<void> {
  if (!isOpen(sink)) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      sink.off('close', done)
      resolve()
    }
    sink.on('close', done)
    sink.write(bytes, done)
  })
}

/**
 * Writes pieces to their end, joined, no faster than `sink` takes them. What has come leaves when the source pauses, so
 * that a reader follows what is written now and then. Stops quietly when the sink closes; calls `cut` when `pieces` throws.
 */
async function writePieces(sink: Writable, pieces: Pieces, cut: () => void): Promise<void> {
  let batch: Uint8Array[] = []
  let size = 0
  const take = (): Uint8Array => {
    const bytes = batch.length === 1 ? batch[0]! : Buffer.concat(batch, size)
    batch = []
    size = 0
    return bytes
  }
  const flush = async (): Promise<void> => {
    const bytes = take()
    if (isOpen(sink) && !sink.write(bytes)) await room(sink)
  }
  let pause: NodeJS.Immediate | undefined
  const flushAtPause = (): void => {
    pause = undefined
    if (size > 0 && isOpen(sink)) sink.write(take())
  }
  try {
    if (Symbol.iterator in pieces) {
      for (const piece of pieces) {
        batch.push(piece)
        if ((size += piece.length) >= writeSize) await flush()
        if (!isOpen(sink)) return
      }
    } else {
      for await (const piece of pieces) {
        batch.push(piece)
        if ((size += piece.length) >= writeSize) await flush()
        else if (sink.writableNeedDrain) await room(sink)
        else pause ??= setImmediate(flushAtPause)
        if (!isOpen(sink)) return
      }
    }
  } catch (error) {
    cut()
    throw error
  } finally {
    clearImmediate(pause)
  }
  if (!isOpen(sink)) return
  if (size > 0) sink.end(take())
  else sink.end()
}

/** An open body over a node stream. */
export class WritableReplyStream implements ReplyStream {
  readonly #sink: Writable
  readonly #writeTo: (bytes: Uint8Array) => void
  #waiting: Uint8Array[] = []
  #waitingBytes = 0
  #ended = false

  /** `writeTo` writes to the sink, where its own way is not the best one. */
  constructor(sink: Writable, writeTo = (bytes: Uint8Array): void => void sink.write(bytes)) {
    this.#sink = sink
    this.#writeTo = writeTo
  }

  get bufferedBytes(): number {
    return this.#waitingBytes + this.#sink.writableLength
  }

  write(piece: Uint8Array): boolean {
    if (this.#ended || !isOpen(this.#sink)) return false
    if (this.#waiting.length === 0) setImmediate(this.#flush)
    this.#waiting.push(piece)
    this.#waitingBytes += piece.length
    return this.bufferedBytes < slowAt
  }

  async drained(): Promise<void> {
    while (isOpen(this.#sink) && this.bufferedBytes >= slowAt) {
      this.#flush()
      if (this.#sink.writableNeedDrain) await room(this.#sink)
      else break
    }
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#flush()
    this.#sink.end()
  }

  readonly #flush = (): void => {
    if (this.#waiting.length === 0) return
    const bytes = this.#waiting.length === 1 ? this.#waiting[0]! : Buffer.concat(this.#waiting, this.#waitingBytes)
    this.#waiting = []
    this.#waitingBytes = 0
    if (isOpen(this.#sink)) this.#writeTo(bytes)
  }
}

/** Node's HTTP/1.1 responses go on saying that they can be written to when their connection is gone. */
function isOpen(sink: Writable): boolean {
  return sink.writable && !sink.destroyed
}

/** Resolves when the sink takes more, or has closed. */
function room(sink: Writable): Promise<void> {
  if (sink.destroyed) return Promise.resolve()
  return new Promise((resolve) => {
    const done = (): void => {
      sink.off('drain', done)
      sink.off('close', done)
      resolve()
    }
    sink.on('drain', done)
    sink.on('close', done)
  })
}

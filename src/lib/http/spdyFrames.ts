/**
 * Frames of SPDY/3.1. A control frame begins with `80 03`, its type and flags:
 *
 *     80 03 00 01  01 00 00 12  00 00 00 05 …    SYN_STREAM, FIN, 18 bytes, stream 5
 *     00 00 00 05  01 00 00 02  68 69            data on stream 5, FIN, "hi"
 */

const frameTypes = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const

/** Why a stream is reset. */
export const resetStatus = {
  protocolError: 1,
  invalidStream: 2,
  refusedStream: 3,
  cancel: 5,
  internalError: 6,
  streamInUse: 8,
  streamClosed: 9,
} as const

export type Frame =
  | { readonly type: 'synStream'; readonly stream: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly type: 'synReply'; readonly stream: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly type: 'headers'; readonly stream: number; readonly fin: boolean; readonly block: Buffer }
  | { readonly type: 'rstStream'; readonly stream: number; readonly status: number }
  | { readonly type: 'ping'; readonly id: number }
  | { readonly type: 'goAway'; readonly lastStream: number; readonly status: number }
  /** Part of a data frame, as it arrived; `fin` only on its last part. */
  | { readonly type: 'data'; readonly stream: number; readonly fin: boolean; readonly bytes: Buffer }
  /** Frames that ask for nothing: settings and window updates (as Go's spdystream, we keep no windows), and unknown types. */
  | { readonly type: 'ignored' }

const nothing = Buffer.alloc(0)

/** A control frame longer than this is an error. */
const largestControlFrame = 64 * 1024

/** Cuts what arrives into frames. Data is passed on as it comes; only control frames are collected. */
export class FrameReader {
  #pending: Buffer = nothing
  #data: { readonly stream: number; readonly fin: boolean; left: number } | undefined;

  /** The frames that `bytes` completes. Throws on what is not SPDY/3; nothing can be read after that. */
  *read(bytes: Buffer): Generator<Frame, void, undefined> {
    let rest = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes])
    this.#pending = nothing
    for (;;) {
      if (this.#data !== undefined) {
        if (rest.length === 0 && this.#data.left > 0) return
        const { stream, fin } = this.#data
        const part = rest.subarray(0, this.#data.left)
        rest = rest.subarray(part.length)
        this.#data.left -= part.length
        const last = this.#data.left === 0
        if (last) this.#data = undefined
        yield { type: 'data', stream, fin: fin && last, bytes: part }
        continue
      }
      if (rest.length < 8) break
      const length = rest.readUIntBE(5, 3)
      if ((rest[0]! & 0x80) === 0) {
        this.#data = { stream: rest.readUInt32BE(0), fin: (rest[4]! & 1) !== 0, left: length }
        rest = rest.subarray(8)
        continue
      }
      if (rest.readUInt16BE(0) !== 0x8003)
        throw new Error(`SPDY version ${rest.readUInt16BE(0) & 0x7fff} is not supported`)
      if (length > largestControlFrame) throw new Error(`control frame of ${length} bytes is too large`)
      if (rest.length < 8 + length) break
      yield parseControl(rest.readUInt16BE(2), rest[4]!, rest.subarray(8, 8 + length))
      rest = rest.subarray(8 + length)
    }
    this.#pending = rest
  }
}

function parseControl(type: number, flags: number, body: Buffer): Frame {
  const fin = (flags & 1) !== 0
  const need = (length: number): void => {
    if (body.length < length) throw new Error(`control frame of type ${type} is cut short`)
  }
  const stream = (): number => body.readUInt32BE(0) & 0x7fff_ffff
  switch (type) {
    case frameTypes.synStream:
      need(10)
      return { type: 'synStream', stream: stream(), fin, block: body.subarray(10) }
    case frameTypes.synReply:
      need(4)
      return { type: 'synReply', stream: stream(), fin, block: body.subarray(4) }
    case frameTypes.headers:
      need(4)
      return { type: 'headers', stream: stream(), fin, block: body.subarray(4) }
    case frameTypes.rstStream:
      need(8)
      return { type: 'rstStream', stream: stream(), status: body.readUInt32BE(4) }
    case frameTypes.ping:
      need(4)
      return { type: 'ping', id: body.readUInt32BE(0) }
    case frameTypes.goAway:
      need(8)
      return { type: 'goAway', lastStream: stream(), status: body.readUInt32BE(4) }
    default:
      return { type: 'ignored' }
  }
}

export function encodeSynStream(stream: number, block: Buffer, fin = false): Buffer {
  const head = Buffer.alloc(10)
  head.writeUInt32BE(stream, 0)
  return control(frameTypes.synStream, fin ? 1 : 0, head, block)
}

export function encodeSynReply(stream: number, block: Buffer, fin = false): Buffer {
  return control(frameTypes.synReply, fin ? 1 : 0, numbers(stream), block)
}

export function encodeHeaders(stream: number, block: Buffer, fin = false): Buffer {
  return control(frameTypes.headers, fin ? 1 : 0, numbers(stream), block)
}

export function encodeRstStream(stream: number, status: number): Buffer {
  return control(frameTypes.rstStream, 0, numbers(stream, status))
}

export function encodeSettings(entries: readonly (readonly [id: number, value: number])[]): Buffer {
  return control(frameTypes.settings, 0, numbers(entries.length, ...entries.flat()))
}

export function encodePing(id: number): Buffer {
  return control(frameTypes.ping, 0, numbers(id))
}

export function encodeGoAway(lastStream: number, status = 0): Buffer {
  return control(frameTypes.goAway, 0, numbers(lastStream, status))
}

export function encodeWindowUpdate(stream: number, delta: number): Buffer {
  return control(frameTypes.windowUpdate, 0, numbers(stream, delta))
}

/** The eight bytes before the data. */
export function encodeDataHead(stream: number, length: number, fin: boolean): Buffer {
  const head = Buffer.allocUnsafe(8)
  head.writeUInt32BE(stream, 0)
  head[4] = fin ? 1 : 0
  head.writeUIntBE(length, 5, 3)
  return head
}

function control(type: number, flags: number, ...parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(8)
  head.writeUInt16BE(0x8003, 0)
  head.writeUInt16BE(type, 2)
  head[4] = flags
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  head.writeUIntBE(length, 5, 3)
  return Buffer.concat([head, ...parts])
}

function numbers(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4)
  values.forEach((value, index) => bytes.writeUInt32BE(value, index * 4))
  return bytes
}

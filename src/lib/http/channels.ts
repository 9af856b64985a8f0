/**
 * Several byte streams over one WebSocket: the first byte of each message is the number of its channel.
 *
 * | subprotocol                | message                               | end of a channel      |
 * | -------------------------- | ------------------------------------- | --------------------- |
 * | `v5.channel.k8s.io`        | binary: number, bytes                 | `255`, number         |
 * | `v4.channel.k8s.io`        | binary: number, bytes                 | none                  |
 * | `v4.base64.channel.k8s.io` | text: number as a digit, base64 text  | none                  |
 *
 * The older names without `v4.` are framed alike. What a channel is for, its user knows.
 */
import { Duplex } from 'node:stream'
import { closeWhenRead } from './closeWhenRead.ts'
import type { WebSocketConnection } from './webSocket.ts'

export interface ChannelFormat {
  readonly base64: boolean
  /** Whether the end of a channel can be said. */
  readonly closeSignal: boolean
}

const closeChannel = 255

/** How a subprotocol frames its messages; nothing when it is not one of those above. The empty name is the oldest binary one. */
export function channelFormat(protocol: string): ChannelFormat | undefined {
  const match = /^(?:(v[45])\.)?(base64\.)?channel\.k8s\.io$/.exec(protocol)
  if (match === null) return protocol === '' ? { base64: false, closeSignal: false } : undefined
  if (match[1] === 'v5' && match[2] !== undefined) return undefined
  return { base64: match[2] !== undefined, closeSignal: match[1] === 'v5' }
}

/** The channels of one connection. Reading stops, for all of them, while one has more than it can hold. */
export class Channels {
  readonly #connection: WebSocketConnection
  readonly #format: ChannelFormat
  readonly #open: readonly (Channel | undefined)[]

  /**
   * Opens the channels with these numbers; what comes on others is dropped. `saysEnd`: whether the other side understands
   * that one of its channels has ended; it does where the format can say so, unless told.
   */
  constructor(
    connection: WebSocketConnection,
    format: ChannelFormat,
    numbers: readonly number[],
    saysEnd: boolean = format.closeSignal,
  ) {
    this.#connection = connection
    this.#format = format
    const channels: (Channel | undefined)[] = []
    for (const number of numbers)
      channels[number] = new Channel(number, connection, format, saysEnd, () => this.#balance())
    this.#open = channels
    connection.onMessage((data, binary) => this.#receive(data, binary))
    void connection.closed.then(() => {
      for (const channel of this.#open) channel?.disconnect()
    })
  }

  /**
   * One channel. Its readable side ends with the close signal or the connection, and destroying it cuts the whole connection
   * only if the caller does. Ending its writable side sends the close signal where the format has one.
   */
  channel(number: number): Duplex {
    const channel = this.#open[number]
    if (channel === undefined) throw new RangeError(`Channel ${number} is not open`)
    return channel
  }

  /** Sends an empty message, by which clients learn that the connection works. */
  announce(number: number): void {
    this.#connection.send(encodeMessage(this.#format, number, Buffer.alloc(0)))
  }

  /** Ends the connection in good order, after everything written so far. */
  close(code = 1000, reason = ''): void {
    this.#connection.close(code, reason)
  }

  #receive(data: Buffer, binary: boolean): void {
    const message = decodeMessage(this.#format, data, binary)
    if (message === undefined) return
    const channel = this.#open[message.channel]
    if (channel === undefined) return
    if (message.end) channel.receiveEnd()
    else if (message.bytes.length > 0) channel.receive(message.bytes)
    this.#balance()
  }

  #balance(): void {
    if (this.#open.some((channel) => channel?.congested)) this.#connection.pause()
    else this.#connection.resume()
  }
}

/** One message as bytes or text. */
export function encodeMessage(format: ChannelFormat, channel: number, bytes: Uint8Array): Buffer | string {
  if (format.base64)
    return (
      String.fromCharCode(0x30 + channel) + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
    )
  const message = Buffer.allocUnsafe(bytes.length + 1)
  message[0] = channel
  message.set(bytes, 1)
  return message
}

/** What a message says; nothing when it is empty or, in base64, does not begin with a digit. */
export function decodeMessage(
  format: ChannelFormat,
  data: Buffer,
  binary: boolean,
): { readonly channel: number; readonly bytes: Buffer; readonly end: boolean } | undefined {
  if (data.length === 0) return undefined
  const first = data[0]!
  if (format.base64) {
    if (first < 0x30 || first > 0x39) return undefined
    return { channel: first - 0x30, bytes: Buffer.from(data.toString('latin1', 1), 'base64'), end: false }
  }
  if (format.closeSignal && binary && first === closeChannel) {
    return data.length === 2 ? { channel: data[1]!, bytes: data.subarray(2), end: true } : undefined
  }
  return { channel: first, bytes: data.subarray(1), end: false }
}

class Channel extends Duplex {
  readonly #number: number
  readonly #connection: WebSocketConnection
  readonly #format: ChannelFormat
  readonly #saysEnd: boolean
  readonly #relieved: () => void
  #ended = false
  /** Whether it holds more than it should. */
  congested = false

  constructor(
    number: number,
    connection: WebSocketConnection,
    format: ChannelFormat,
    saysEnd: boolean,
    relieved: () => void,
  ) {
    super({ allowHalfOpen: true, emitClose: true, highWaterMark: 256 * 1024 })
    this.#number = number
    this.#connection = connection
    this.#format = format
    this.#saysEnd = saysEnd
    this.#relieved = relieved
  }

  receive(bytes: Buffer): void {
    if (!this.#ended && !this.destroyed && !this.push(bytes)) this.congested = true
  }

  receiveEnd(): void {
    if (this.#ended) return
    this.#ended = true
    this.push(null)
  }

  disconnect(): void {
    this.receiveEnd()
    closeWhenRead(this)
  }

  override _read(): void {
    if (!this.congested) return
    this.congested = false
    this.#relieved()
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#connection.send(encodeMessage(this.#format, this.#number, bytes), done)
  }

  override _final(done: (error?: Error | null) => void): void {
    if (this.#saysEnd) this.#connection.send(Buffer.of(closeChannel, this.#number))
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.congested = false
    this.#relieved()
    done(error)
  }
}

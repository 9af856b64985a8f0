// The wire of protocol buffers: varints, lengths and tags; nothing about which message has which field.

/** How a value stands on the wire. */
export const wireType = { varint: 0, fixed64: 1, bytes: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const

/** Bytes that are no message: cut off, too deep, or of another type than expected. */
export class ProtobufError extends Error {}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const twoTo32 = 0x1_0000_0000

/**
 * Writes a message from its end to its beginning, so that the length of what is inside is known when it is needed.
 * Write the last field first, and of each field the value before the tag.
 */
export class ProtobufWriter {
  #bytes: Uint8Array
  #view: DataView
  /** Where the written part begins. */
  #at: number

  /** `size`: as many bytes as will be written, as far as that is known; more can be. */
  constructor(size = 1024) {
    this.#bytes = new Uint8Array(size)
    this.#view = new DataView(this.#bytes.buffer)
    this.#at = size
  }

  /** How much is written; the difference of two of these is a length. */
  get length(): number {
    return this.#bytes.length - this.#at
  }

  /** A copy of what is written. */
  finish(): Uint8Array {
    return this.#bytes.slice(this.#at)
  }

  #reserve(count: number): void {
    if (this.#at >= count) return
    const used = this.length
    const size = Math.max(this.#bytes.length * 2, used + count)
    const grown = new Uint8Array(size)
    grown.set(this.#bytes.subarray(this.#at), size - used)
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
    this.#at = size - used
  }

  /** A whole number up to 2^53; negative ones take ten bytes. Throws RangeError for what is no number. */
  varint(value: number): void {
    if (value >= 0 && value < 0x80) {
      this.#reserve(1)
      this.#bytes[--this.#at] = value
      return
    }
    if (!Number.isFinite(value)) throw new RangeError(`Cannot write ${value} as a whole number`)
    if (value < 0) return this.#negative(value)
    let size = 1
    for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
    this.#reserve(size)
    this.#at -= size
    let rest = value
    for (let i = 0; i < size; i++) {
      this.#bytes[this.#at + i] = (rest % 0x80) | (i < size - 1 ? 0x80 : 0)
      rest = Math.floor(rest / 0x80)
    }
  }

  #negative(value: number): void {
    this.#reserve(10)
    this.#at -= 10
    let rest = BigInt.asUintN(64, BigInt(value))
    for (let i = 0; i < 10; i++) {
      this.#bytes[this.#at + i] = Number(rest & 0x7fn) | (i < 9 ? 0x80 : 0)
      rest >>= 7n
    }
  }

  tag(field: number, type: number): void {
    this.varint(field * 8 + type)
  }

  double(value: number): void {
    this.#reserve(8)
    this.#at -= 8
    this.#view.setFloat64(this.#at, value, true)
  }

  /** Bytes with their length before them. */
  bytes(value: Uint8Array): void {
    this.raw(value)
    this.varint(value.length)
  }

  /** Bytes alone. */
  raw(value: Uint8Array): void {
    this.#reserve(value.length)
    this.#at -= value.length
    this.#bytes.set(value, this.#at)
  }

  /** A text in UTF-8 with its length before it. */
  string(value: string): void {
    const length = value.length
    if (length < 64 && this.#ascii(value)) return this.varint(length)
    this.bytes(encoder.encode(value))
  }

  #ascii(value: string): boolean {
    const length = value.length
    this.#reserve(length)
    const start = this.#at - length
    for (let i = 0; i < length; i++) {
      const c = value.charCodeAt(i)
      if (c >= 0x80) return false
      this.#bytes[start + i] = c
    }
    this.#at = start
    return true
  }
}

/** Reads a message from its beginning; throws ProtobufError on bytes that are none. */
export class ProtobufReader {
  readonly #bytes: Uint8Array
  #at: number
  readonly #end: number

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  /** An unsigned number; what is beyond 2^53 loses digits, so use `int64` for values. */
  varint(): number {
    const bytes = this.#bytes
    let value = 0
    let factor = 1
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF')
      const byte = bytes[this.#at++]!
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 0x80
    }
    throw new ProtobufError('proto: integer overflow')
  }

  /** A signed number of 64 bits; throws when JavaScript cannot keep it exactly. */
  int64(): number {
    let low = 0
    let high = 0
    for (let i = 0; i < 10; i++) {
      if (this.#at >= this.#end) throw new ProtobufError('unexpected EOF')
      const byte = this.#bytes[this.#at++]!
      const part = byte & 0x7f
      if (i < 4) low += part * 2 ** (7 * i)
      else if (i === 4) {
        low += (part & 0x0f) * 2 ** 28
        high += part >> 4
      } else if (i < 9) high += part * 2 ** (7 * i - 32)
      else high += (part & 1) * 2 ** 31
      if (byte >= 0x80) continue
      const value = high >= 2 ** 31 ? (high - twoTo32) * twoTo32 + low : high * twoTo32 + low
      if (!Number.isSafeInteger(value)) {
        const exact = (BigInt(high) << 32n) + BigInt(low)
        throw new ProtobufError(
          `number ${BigInt.asIntN(64, exact)} cannot be kept exactly: whole numbers go to ${Number.MAX_SAFE_INTEGER}`,
        )
      }
      return value
    }
    throw new ProtobufError('proto: integer overflow')
  }

  double(): number {
    const at = this.#take(8)
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + at, 8).getFloat64(0, true)
  }

  /** A view of the bytes of a field; not a copy. */
  bytes(): Uint8Array {
    const length = this.varint()
    const at = this.#take(length)
    return this.#bytes.subarray(at, at + length)
  }

  string(): string {
    const bytes = this.bytes()
    try {
      return decoder.decode(bytes)
    } catch {
      throw new ProtobufError('string field contains invalid UTF-8')
    }
  }

  /** A reader of the message in a field. */
  message(): ProtobufReader {
    const length = this.varint()
    const at = this.#take(length)
    return new ProtobufReader(this.#bytes, at, at + length)
  }

  /** Passes over a value of any type. */
  skip(type: number): void {
    switch (type) {
      case wireType.varint:
        this.varint()
        return
      case wireType.fixed64:
        this.#take(8)
        return
      case wireType.bytes:
        this.#take(this.varint())
        return
      case wireType.fixed32:
        this.#take(4)
        return
      default:
        throw new ProtobufError(`proto: illegal wireType ${type}`)
    }
  }

  #take(count: number): number {
    if (count > this.#end - this.#at) throw new ProtobufError('unexpected EOF')
    const at = this.#at
    this.#at += count
    return at
  }
}

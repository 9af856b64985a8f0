/**
 * The Stream Processing Offload Protocol 2.0 (doc/SPOE.txt of HAProxy), an agent's side: frames with messages about requests come
 * in, acknowledgements that set variables go out.
 */

export type SpopValue = null | boolean | number | string | Buffer

export interface SpopMessage {
  readonly name: string
  readonly values: ReadonlyMap<string, SpopValue>
}

export type IncomingFrame =
  | { readonly kind: 'hello'; readonly maxFrameSize: number; readonly isHealthCheck: boolean }
  | { readonly kind: 'disconnect' }
  | {
      readonly kind: 'notify'
      readonly stream: number
      readonly frame: number
      readonly messages: readonly SpopMessage[]
    }

const types = { hello: 1, disconnect: 2, notify: 3, agentHello: 101, agentDisconnect: 102, acknowledge: 103 } as const
const dataTypes = {
  null: 0,
  boolean: 1,
  int32: 2,
  uint32: 3,
  int64: 4,
  uint64: 5,
  ipv4: 6,
  ipv6: 7,
  string: 8,
  binary: 9,
} as const
const sessionScope = 1
const transactionScope = 2
const setVariable = 1
const lastPart = 1

/** The largest frame that is taken, in bytes. */
export const largestFrame = 65_536

class Reader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new Error('a frame of HAProxy ends too early')
    return this.#bytes.subarray(this.#at, (this.#at += length))
  }

  byte(): number {
    return this.take(1)[0]!
  }

  number(): number {
    let value = this.byte()
    if (value < 240) return value
    let scale = 16
    for (let next = 128; next >= 128; scale *= 128) {
      next = this.byte()
      value += next * scale
      if (scale > 2 ** 49) throw new Error('a frame of HAProxy has a number that is too large')
    }
    return value
  }

  text(): string {
    return this.take(this.number()).toString('latin1')
  }

  value(): SpopValue {
    const head = this.byte()
    switch (head & 0x0f) {
      case dataTypes.null:
        return null
      case dataTypes.boolean:
        return (head & 0x10) !== 0
      case dataTypes.int32:
      case dataTypes.uint32:
      case dataTypes.int64:
      case dataTypes.uint64:
        return this.number()
      case dataTypes.ipv4:
        return [...this.take(4)].join('.')
      case dataTypes.ipv6:
        return [...Array(8).keys()].map(() => this.take(2).readUInt16BE(0).toString(16)).join(':')
      case dataTypes.string:
        return this.text()
      case dataTypes.binary:
        return this.take(this.number())
      default:
        throw new Error(`a frame of HAProxy has a value of the unknown type ${head & 0x0f}`)
    }
  }
}

/** Reads a frame without its length. Throws when it is none that HAProxy sends. */
export function readFrame(bytes: Buffer): IncomingFrame {
  const reader = new Reader(bytes)
  const type = reader.byte()
  const flags = reader.take(4).readUInt32BE(0)
  const stream = reader.number()
  const frame = reader.number()
  if ((flags & lastPart) === 0) throw new Error('a frame of HAProxy comes in parts, which nobody offered')
  const values = (count = Infinity): Map<string, SpopValue> => {
    const found = new Map<string, SpopValue>()
    for (let i = 0; i < count && !reader.isAtEnd; i++) found.set(reader.text(), reader.value())
    return found
  }
  switch (type) {
    case types.hello: {
      const told = values()
      return {
        kind: 'hello',
        maxFrameSize: Number(told.get('max-frame-size') ?? 0),
        isHealthCheck: told.get('healthcheck') === true,
      }
    }
    case types.disconnect:
      return { kind: 'disconnect' }
    case types.notify: {
      const messages: SpopMessage[] = []
      while (!reader.isAtEnd) {
        const name = reader.text()
        messages.push({ name, values: values(reader.byte()) })
      }
      return { kind: 'notify', stream, frame, messages }
    }
    default:
      throw new Error(`HAProxy sent a frame of the unknown type ${type}`)
  }
}

function numberBytes(value: number): number[] {
  if (value < 240) return [value]
  const bytes = [(value % 16) + 240]
  let rest = Math.floor((value - 240) / 16)
  for (; rest >= 128; rest = Math.floor((rest - 128) / 128)) bytes.push((rest % 128) + 128)
  return [...bytes, rest]
}

function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.concat([Buffer.from(numberBytes(bytes.length)), bytes])
}

function valueBytes(value: string | boolean | number): Buffer {
  if (typeof value === 'boolean') return Buffer.from([dataTypes.boolean | (value ? 0x10 : 0)])
  if (typeof value === 'number') return Buffer.from([dataTypes.uint32, ...numberBytes(value)])
  return Buffer.concat([Buffer.from([dataTypes.string]), textBytes(value)])
}

function frameBytes(type: number, stream: number, frame: number, payload: readonly Buffer[]): Buffer {
  const head = Buffer.from([type, 0, 0, 0, lastPart, ...numberBytes(stream), ...numberBytes(frame)])
  const body = Buffer.concat([head, ...payload])
  const length = Buffer.alloc(4)
  length.writeUInt32BE(body.length, 0)
  return Buffer.concat([length, body])
}

/** The answer to `hello`. */
export function helloFrame(maxFrameSize: number): Buffer {
  const pairs = Object.entries({ version: '2.0', 'max-frame-size': maxFrameSize, capabilities: 'pipelining' })
  return frameBytes(
    types.agentHello,
    0,
    0,
    pairs.flatMap(([name, value]) => [textBytes(name), valueBytes(value)]),
  )
}

export function disconnectFrame(): Buffer {
  const pairs = Object.entries({ 'status-code': 0, message: 'normal' })
  return frameBytes(
    types.agentDisconnect,
    0,
    0,
    pairs.flatMap(([name, value]) => [textBytes(name), valueBytes(value)]),
  )
}

/** The answer to `notify`: variables of the transaction to set, and some that hold for the whole connection. */
export function acknowledgeFrame(
  stream: number,
  frame: number,
  variables: Readonly<Record<string, string | boolean>>,
  ofSession: Readonly<Record<string, string | boolean>> = {},
): Buffer {
  const actions = (scope: number, all: Readonly<Record<string, string | boolean>>): readonly Buffer[] =>
    Object.entries(all).flatMap(([name, value]) => [
      Buffer.from([setVariable, 3, scope]),
      textBytes(name),
      valueBytes(value),
    ])
  return frameBytes(types.acknowledge, stream, frame, [
    ...actions(transactionScope, variables),
    ...actions(sessionScope, ofSession),
  ])
}

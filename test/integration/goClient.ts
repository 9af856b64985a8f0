// What client-go does on the wire: HTTP/2, its user agent, its lists of accepted forms, gzip, protobuf both ways and
// watches as frames with their length before them.
import { once } from 'node:events'
import {
  connect,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type OutgoingHttpHeaders,
  type SecureClientSessionOptions,
} from 'node:http2'
import { gunzipSync } from 'node:zlib'
import { decodeGo, decodeGoEvent, encodeGo } from './goWire.ts'

export const protobufType = 'application/vnd.kubernetes.protobuf'
/** What typed clients accept. */
export const typedAccept = `${protobufType},application/json`

export interface GoAnswer {
  readonly code: number
  readonly contentType: string
  readonly headers: Readonly<Record<string, unknown>>
  /** The body by its type: as JSON has it, or text. */
  readonly object: any
}

export interface GoEvent {
  readonly type: string
  readonly object: any
}

interface Ask {
  readonly accept?: string
  readonly contentType?: string
  /** An object is sent in protobuf. */
  readonly body?: { readonly apiVersion: string; readonly kind: string } | string | Buffer
  readonly query?: Readonly<Record<string, string>>
}

/** Watches end when their connection does; this says so. */
export class ConnectionLost extends Error {}

export class GoClient implements AsyncDisposable {
  readonly #url: string
  readonly #authority: string
  readonly #token: string
  #session: ClientHttp2Session | undefined

  constructor(at: { readonly port: number; readonly authority: string }, token: string) {
    this.#url = `https://127.0.0.1:${at.port}`
    this.#authority = at.authority
    this.#token = token
  }

  async ask(method: string, path: string, ask: Ask = {}): Promise<GoAnswer> {
    const body = typeof ask.body === 'object' && !Buffer.isBuffer(ask.body) ? encodeGo(ask.body) : ask.body
    const type = ask.contentType ?? protobufType
    const stream = this.#open(method, path, ask, body === undefined ? {} : { 'content-type': type })
    stream.end(body)
    const { headers, sent } = await wholeAnswer(stream).catch(lost)
    const bytes = headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent
    const contentType = String(headers['content-type'] ?? '')
    return { code: Number(headers[':status']), contentType, headers, object: decode(contentType, bytes) }
  }

  /** The events of a watch. A refusal is thrown as its answer; a lost connection as `ConnectionLost`. */
  async *watch(path: string, ask: Ask = {}): AsyncGenerator<GoEvent, void, void> {
    const stream = this.#open('GET', path, { ...ask, query: { watch: 'true', ...ask.query } }, {})
    stream.end()
    try {
      const headers = await headersOf(stream)
      const contentType = String(headers['content-type'])
      if (headers[':status'] !== 200) {
        const pieces: Buffer[] = []
        for await (const piece of stream) pieces.push(piece as Buffer)
        throw { code: headers[':status'], contentType, object: decode(contentType, Buffer.concat(pieces)) }
      }
      yield* contentType === `${protobufType};stream=watch` ? frames(stream) : lines(stream)
      // A cut that comes between two reads only ends the stream.
      if (stream.rstCode !== 0) throw new ConnectionLost()
    } catch (error) {
      if (error instanceof Error) lost(error)
      throw error
    } finally {
      stream.close()
    }
  }

  #open(method: string, path: string, { accept = typedAccept, query = {} }: Ask, more: OutgoingHttpHeaders) {
    if (this.#session === undefined || this.#session.destroyed || this.#session.closed) {
      this.#session = connect(this.#url, {
        ca: this.#authority,
        servername: '',
        noDelay: true,
      } as SecureClientSessionOptions)
      // Streams have the error too.
      this.#session.on('error', () => undefined)
    }
    const search = new URLSearchParams(query).toString()
    const headers = {
      ':method': method,
      ':path': search === '' ? path : `${path}?${search}`,
      accept,
      'accept-encoding': 'gzip',
      authorization: `Bearer ${this.#token}`,
      'user-agent': 'manager/v0.0.0 (linux/amd64) kubernetes/$Format',
      ...more,
    }
    return this.#session.request(headers, { endStream: false })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = this.#session
    if (session === undefined || session.destroyed) return
    session.destroy()
    await once(session, 'close')
  }
}

function lost({ message }: Error): never {
  throw new ConnectionLost(message)
}

/** Rejects when the connection ends before there is an answer. */
function headersOf(stream: ClientHttp2Stream): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    stream.once('response', resolve)
    stream.once('error', reject)
    stream.once('close', () => reject(new Error('closed')))
  })
}

async function wholeAnswer(stream: ClientHttp2Stream): Promise<{ headers: Record<string, unknown>; sent: Buffer }> {
  const headers = await headersOf(stream)
  const pieces: Buffer[] = []
  for await (const piece of stream) pieces.push(piece as Buffer)
  return { headers, sent: Buffer.concat(pieces) }
}

function decode(contentType: string, bytes: Buffer): any {
  if (contentType === protobufType) return decodeGo(bytes)
  return contentType.startsWith('application/json') ? JSON.parse(bytes.toString()) : bytes.toString()
}

/** Four bytes of length before each event. */
async function* frames(stream: ClientHttp2Stream): AsyncGenerator<GoEvent, void, void> {
  let held = Buffer.alloc(0)
  for await (const piece of stream) {
    held = Buffer.concat([held, piece as Buffer])
    while (held.length >= 4 && held.length >= 4 + held.readUInt32BE()) {
      const end = 4 + held.readUInt32BE()
      yield decodeGoEvent(held.subarray(4, end))
      held = held.subarray(end)
    }
  }
}

async function* lines(stream: ClientHttp2Stream): AsyncGenerator<GoEvent, void, void> {
  let held = ''
  for await (const piece of stream) {
    held += (piece as Buffer).toString()
    for (let end = held.indexOf('\n'); end >= 0; end = held.indexOf('\n')) {
      yield JSON.parse(held.slice(0, end)) as GoEvent
      held = held.slice(end + 1)
    }
  }
}

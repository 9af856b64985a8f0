/** Header blocks of SPDY/3.1: names and values with lengths, deflated with one context for a whole connection. */
import { constants, createDeflate, createInflate } from 'node:zlib'
import type { Deflate, Inflate } from 'node:zlib'

/** Names in lower case, each with its values. */
export type SpdyHeaders = Readonly<Record<string, readonly string[]>>

/** A block larger than this, compressed or not, ends the connection. */
const largestHeaderBlock = 64 * 1024

const words =
  'options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization ' +
  'cache-control connection content-base content-encoding content-language content-length content-location content-md5 ' +
  'content-range content-type date etag expect expires from host if-match if-modified-since if-none-match if-range ' +
  'if-unmodified-since last-modified location max-forwards pragma proxy-authenticate proxy-authorization range referer ' +
  'retry-after server te trailer transfer-encoding upgrade user-agent vary via warning www-authenticate method get status|200 OK|' +
  'version HTTP/1.1 url public set-cookie keep-alive origin'

const phrases =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information' +
  '204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error' +
  '501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, ' +
  'Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,' +
  'publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.'

/** The dictionary of SPDY/3 (draft 3, 2.6.10.1): words with their lengths, then phrases as they are. 1423 bytes. */
export const dictionary = Buffer.concat([
  ...words
    .split('|')
    .flatMap((part, index) => (index === 1 ? [part] : part.split(' ')))
    .map((word) => withLength(Buffer.from(word, 'latin1'))),
  Buffer.from(phrases, 'latin1'),
])

/** Writes the header blocks of one direction of a connection. Blocks must be sent in the order in which they were asked for. */
export class HeaderWriter {
  readonly #deflate: Deflate = createDeflate({ dictionary, flush: constants.Z_SYNC_FLUSH })
  readonly #output: Buffer[] = []

  constructor() {
    this.#deflate.on('data', (piece: Buffer) => this.#output.push(piece))
  }

  write(headers: SpdyHeaders): Promise<Buffer> {
    const fields = Object.entries(headers)
    const parts: Buffer[] = [number(fields.length)]
    for (const [name, values] of fields) {
      parts.push(
        withLength(Buffer.from(name.toLowerCase(), 'latin1')),
        withLength(Buffer.from(values.join('\0'), 'utf8')),
      )
    }
    return new Promise((resolve, reject) => {
      this.#deflate.write(Buffer.concat(parts), (error) =>
        error ? reject(error) : resolve(Buffer.concat(this.#output.splice(0))),
      )
    })
  }

  close(): void {
    this.#deflate.destroy()
  }
}

/** Reads the header blocks of one direction of a connection, one at a time. */
export class HeaderReader {
  readonly #inflate: Inflate = createInflate({ dictionary, flush: constants.Z_SYNC_FLUSH })
  #output: Buffer[] = []
  #size = 0
  #reject: ((error: Error) => void) | undefined

  constructor() {
    this.#inflate.on('data', (piece: Buffer) => {
      this.#size += piece.length
      if (this.#size > largestHeaderBlock)
        this.#inflate.destroy(new Error(`header block is larger than ${largestHeaderBlock} bytes`))
      else this.#output.push(piece)
    })
    this.#inflate.on('error', (error) => this.#reject?.(error))
  }

  /** Rejects when the block is broken; the connection cannot go on then. */
  async read(block: Uint8Array): Promise<SpdyHeaders> {
    const bytes = await new Promise<Buffer>((resolve, reject) => {
      this.#reject = reject
      this.#output = []
      this.#size = 0
      this.#inflate.write(block, (error) => {
        if (error) reject(error)
        else if (this.#size > largestHeaderBlock)
          reject(new Error(`header block is larger than ${largestHeaderBlock} bytes`))
        else resolve(Buffer.concat(this.#output))
      })
    })
    return parseHeaders(bytes)
  }

  close(): void {
    this.#inflate.destroy()
    this.#reject?.(new Error('the connection is closed'))
  }
}

function parseHeaders(bytes: Buffer): SpdyHeaders {
  let at = 0
  const take = (length: number): Buffer => {
    if (at + length > bytes.length) throw new Error('header block is cut short')
    return bytes.subarray(at, (at += length))
  }
  const headers: Record<string, string[]> = Object.create(null) as Record<string, string[]>
  for (let left = take(4).readUInt32BE(); left > 0; left--) {
    const name = take(take(4).readUInt32BE()).toString('latin1').toLowerCase()
    const values = take(take(4).readUInt32BE()).toString('utf8').split('\0')
    if (name === '') throw new Error('header without a name')
    headers[name] = [...(headers[name] ?? []), ...values]
  }
  return headers
}

function withLength(bytes: Buffer): Buffer {
  return Buffer.concat([number(bytes.length), bytes])
}

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

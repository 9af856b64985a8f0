// Documents that say what the server is and serves: made once, answered many times.
import { promisify } from 'node:util'
import { constants, gzip } from 'node:zlib'
import { acceptsGzip } from '../encode/compress.ts'
import type { ServerReply, ServerRequest } from '../request.ts'

const compress = promisify(gzip)

/** The bytes of a document, and their compressed form once somebody asked for that. */
export class Document {
  readonly bytes: Buffer
  readonly contentType: string
  /** What clients come back with to learn whether it is still the same; in quotes. Absent: they cannot. */
  readonly etag: string | undefined
  #compressed: Promise<Buffer> | undefined

  constructor(bytes: Buffer, contentType: string, etag?: string) {
    this.bytes = bytes
    this.contentType = contentType
    this.etag = etag
  }

  compressed(): Promise<Buffer> {
    return (this.#compressed ??= compress(this.bytes, { level: constants.Z_BEST_SPEED }))
  }
}

/** The headers of every answer with this document, also of the one that says that it is unchanged. */
type DocumentHeaders = Readonly<Record<string, string>> & { readonly vary?: string }

/**
 * Answers a document, or that the client has it already. Bodies longer than `compressAbove` bytes are compressed for
 * clients that can take it; by itself none is.
 */
export function documentReply(
  request: ServerRequest,
  document: Document,
  headers: DocumentHeaders = {},
  compressAbove = Infinity,
): ServerReply | Promise<ServerReply> {
  const { etag, bytes, contentType } = document
  const tagged = etag === undefined ? headers : { ...headers, etag }
  if (etag !== undefined && isKnown(request.header('if-none-match'), etag)) {
    return { type: 'bytes', code: 304, contentType: '', bytes: nothing, headers: tagged }
  }
  if (bytes.length <= compressAbove || !acceptsGzip(request.header('accept-encoding'))) {
    return { type: 'bytes', code: 200, contentType, bytes, headers: tagged }
  }
  const vary = headers.vary === undefined ? 'Accept-Encoding' : `${headers.vary}, Accept-Encoding`
  return document.compressed().then((compressed) => ({
    type: 'bytes',
    code: 200,
    contentType,
    bytes: compressed,
    headers: { ...tagged, vary, 'content-encoding': 'gzip' },
  }))
}

const nothing = Buffer.alloc(0)

/** Whether an `If-None-Match` names the tag: one of a list, whatever its strength, or `*`. */
function isKnown(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false
  if (header === etag || header === '*') return true
  return header.split(',').some((each) => each.trim().replace(/^W\//, '') === etag)
}

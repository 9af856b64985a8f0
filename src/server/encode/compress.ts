// Compression of long answers, for clients that can take it.
import { pipeline, Readable } from 'node:stream'
import { constants, createGzip } from 'node:zlib'
import type { FillableBody } from '#lib/http/message.ts'

/** Bodies longer than this, in bytes, are compressed for clients that can take it. */
const compressAbove = 128 * 1024

type Pieces = AsyncIterable<Uint8Array>

/** A body as it leaves, and the headers that say so. */
export interface CompressedBody {
  readonly body: Buffer | Pieces | FillableBody
  readonly headers: Readonly<Record<string, string>>
}

const plain = {}
const zipped = { 'content-encoding': 'gzip', vary: 'Accept-Encoding' }

/**
 * Compresses a body that is long enough when `Accept-Encoding` asks for it. How long a body in pieces is shows only as it
 * is made: the first pieces wait until enough of them are there.
 */
export function compressLong(
  body: Buffer | Pieces | FillableBody,
  acceptEncoding: string | undefined,
): CompressedBody | Promise<CompressedBody> {
  if (!acceptsGzip(acceptEncoding)) return { body, headers: plain }
  if (!Buffer.isBuffer(body)) return compressPieces('fill' in body ? partsOf(body) : body)
  return body.length > compressAbove ? { body: gzip(Readable.from([body])), headers: zipped } : { body, headers: plain }
}

/** Whether the header names gzip as it is: upstream reads no qualities here. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  if (acceptEncoding === undefined) return false
  return acceptEncoding === 'gzip' || acceptEncoding.split(',').some((each) => each.trim() === 'gzip')
}

const partSize = 256 * 1024

/** A body in buffers that are the reader's to keep. */
async function* partsOf(body: FillableBody): AsyncGenerator<Buffer, void, void> {
  for (;;) {
    const part = Buffer.allocUnsafeSlow(partSize)
    const size = body.fill(part)
    if (size === 0) return
    yield part.subarray(0, size)
  }
}

async function compressPieces(pieces: Pieces): Promise<CompressedBody> {
  const iterator = pieces[Symbol.asyncIterator]()
  const begin: Uint8Array[] = []
  let size = 0
  while (size <= compressAbove) {
    const { done, value } = await iterator.next()
    if (done === true) return { body: Buffer.concat(begin, size), headers: plain }
    begin.push(value)
    size += value.length
  }
  return { body: gzip(Readable.from(joined(begin, iterator))), headers: zipped }
}

async function* joined(
  begin: readonly Uint8Array[],
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  try {
    yield* begin
    for (;;) {
      const { done, value } = await rest.next()
      if (done === true) return
      yield value
    }
  } finally {
    await rest.return?.()
  }
}

/** Level 1 of gzip: the others take several times as long for a tenth less. */
function gzip(source: Readable): Pieces {
  // The outcome is the reader's to see: an error of the source ends the compressed stream too.
  return pipeline(source, createGzip({ level: constants.Z_BEST_SPEED }), () => undefined)
}

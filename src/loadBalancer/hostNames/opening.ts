/**
 * What the first bytes of a connection say of whom it is for: the Host of an HTTP request, or the server name of a TLS greeting
 * (RFC 6066). Pure; nothing of the bytes is trusted.
 */

export type Opening =
  /** The bytes so far are the beginning of one or the other, but the name is not there yet. */
  | { readonly kind: 'unfinished' }
  | { readonly kind: 'http'; readonly host: string | undefined }
  | { readonly kind: 'tls'; readonly serverName: string | undefined }
  /** Neither of the two. */
  | { readonly kind: 'other' }

/** More than this is not looked at for a name. */
export const longestOpening = 16_384

const methodStart = /^[A-Z]{1,16}$/
const requestLine = /^[A-Z]{1,16} \S+ HTTP\/1\.[01]$/
/** The preface of HTTP/2 without TLS; the name comes later, compressed. */
const http2Preface = 'PRI * HTTP/2.0'

export function readOpening(bytes: Uint8Array): Opening {
  if (bytes.length === 0) return { kind: 'unfinished' }
  return bytes[0] === 0x16 ? readTls(bytes) : readHttp(bytes)
}

function readHttp(bytes: Uint8Array): Opening {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, longestOpening)).toString('latin1')
  const isFull = bytes.length >= longestOpening
  const [line] = text.split('\r\n', 1)
  if (line === text) {
    const [method = ''] = text.split(' ', 1)
    return methodStart.test(method) && !isFull ? { kind: 'unfinished' } : { kind: 'other' }
  }
  if (line === http2Preface || !requestLine.test(line!)) return { kind: 'other' }
  const end = text.indexOf('\r\n\r\n')
  const head = end < 0 ? text.slice(0, text.lastIndexOf('\r\n')) : text.slice(0, end)
  const host = /^host:[ \t]*([^\r\n]*?)[ \t]*$/im.exec(head.slice(line!.length))?.[1]
  if (host !== undefined) return { kind: 'http', host: withoutPort(host) }
  return end < 0 && !isFull ? { kind: 'unfinished' } : { kind: 'http', host: undefined }
}

const withoutPort = (host: string): string => host.replace(/:\d+$/, '')

/** Reads a ClientHello, which may come in several records. */
function readTls(bytes: Uint8Array): Opening {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const handshake: number[] = []
  for (let at = 0; ;) {
    if (at + 5 > bytes.length) break
    if (bytes[at] !== 0x16 || bytes[at + 1] !== 3) return { kind: 'other' }
    const length = view.getUint16(at + 3)
    if (length === 0) return { kind: 'other' }
    for (const byte of bytes.subarray(at + 5, at + 5 + length)) handshake.push(byte)
    if (handshake.length > longestOpening) return { kind: 'other' }
    at += 5 + length
    if (at > bytes.length) break
  }
  if (handshake.length > 0 && handshake[0] !== 1) return { kind: 'other' }
  const size = handshake.length < 4 ? undefined : (handshake[1]! << 16) | (handshake[2]! << 8) | handshake[3]!
  if (size !== undefined && size > longestOpening) return { kind: 'other' }
  if (size === undefined || handshake.length < 4 + size)
    return bytes.length >= longestOpening ? { kind: 'other' } : { kind: 'unfinished' }
  return { kind: 'tls', serverName: serverNameOf(Uint8Array.from(handshake.slice(4, 4 + size))) }
}

/** The name in the body of a ClientHello; nothing when there is none, or the body is not well-formed. */
function serverNameOf(hello: Uint8Array): string | undefined {
  const view = new DataView(hello.buffer)
  try {
    // Version and random, then three lists, each with its length before it.
    let at = 34
    at += 1 + view.getUint8(at)
    at += 2 + view.getUint16(at)
    at += 1 + view.getUint8(at)
    const end = at + 2 + view.getUint16(at)
    at += 2
    while (at + 4 <= end) {
      const type = view.getUint16(at)
      const length = view.getUint16(at + 2)
      if (type === 0) {
        // A list of names; the first is a host name (type 0).
        const nameLength = view.getUint16(at + 7)
        if (view.getUint8(at + 6) !== 0 || nameLength === 0 || nameLength > length - 5 || at + 9 + nameLength > end)
          return undefined
        return Buffer.from(hello.subarray(at + 9, at + 9 + nameLength)).toString('latin1')
      }
      at += 4 + length
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
}

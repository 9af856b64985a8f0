/**
 * What the first bytes of a connection say of whom it is for: the Host of an HTTP request, or the server name of a TLS greeting
 * (RFC 6066). Pure; nothing of the bytes is trusted.
 */

import { readClientHello } from '#lib/net/clientHello.ts'

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

function readTls(bytes: Uint8Array): Opening {
  const hello = readClientHello(bytes, longestOpening)
  return typeof hello === 'string' ? { kind: hello } : { kind: 'tls', serverName: hello.serverName }
}

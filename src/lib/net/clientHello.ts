/** A TLS client's first message (RFC 8446, 4.1.2), read before any of it is answered. Nothing of the bytes is trusted. */

/** `unfinished` when the message is not whole yet; `other` when it is no such message, or a longer one than is waited for. */
export type ClientHello = 'unfinished' | 'other' | { readonly serverName: string | undefined }

const handshakeRecord = 22
const clientHello = 1
const serverNameExtension = 0
const hostName = 0

/** Reads what has come so far, which may be cut into records anywhere. A message has `longest` bytes at most. */
export function readClientHello(bytes: Uint8Array, longest: number): ClientHello {
  const received = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let message = Buffer.alloc(0)
  let size: number | undefined
  // What comes behind the message is not looked at.
  for (let at = 0; at + 5 <= received.length && (size === undefined || message.length < size);) {
    if (received[at] !== handshakeRecord || received[at + 1] !== 3) return 'other'
    const length = received.readUInt16BE(at + 3)
    if (length === 0) return 'other'
    message = Buffer.concat([message, received.subarray(at + 5, at + 5 + length)])
    at += 5 + length
    if (message.length > 0 && message[0] !== clientHello) return 'other'
    if (message.length >= 4) size = 4 + message.readUIntBE(1, 3)
    if (size !== undefined && size > longest) return 'other'
  }
  if (size === undefined || message.length < size) return received.length >= longest ? 'other' : 'unfinished'
  return { serverName: serverNameOf(message.subarray(4, size)) }
}

/** The name that is asked for (RFC 6066, 3); nothing when there is none, or the body is not well-formed. */
function serverNameOf(hello: Buffer): string | undefined {
  try {
    // Version and random number, then lists with their lengths before them.
    let at = 34
    at += 1 + hello.readUInt8(at)
    at += 2 + hello.readUInt16BE(at)
    at += 1 + hello.readUInt8(at)
    const end = at + 2 + hello.readUInt16BE(at)
    for (at += 2; at + 4 <= end;) {
      const [kind, length] = [hello.readUInt16BE(at), hello.readUInt16BE(at + 2)]
      at += 4
      if (kind === serverNameExtension) {
        const size = hello.readUInt16BE(at + 3)
        if (hello.readUInt8(at + 2) !== hostName || size === 0 || 5 + size > length || at + 5 + size > end)
          return undefined
        return hello.toString('latin1', at + 5, at + 5 + size)
      }
      at += length
    }
  } catch (error) {
    // Its lists end before they say they do.
    if (!(error instanceof RangeError)) throw error
  }
  return undefined
}

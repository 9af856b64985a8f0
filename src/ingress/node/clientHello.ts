/** The name that a TLS client asks for, read from its first message (RFC 8446, 4.1.2; RFC 6066, 3) before any of it is answered. */

/** `more` when the message is not whole yet; `none` when it names nobody, or is no such message. */
export type AskedName = { readonly name: string } | 'more' | 'none'

/** Longer ones are not waited for: with the largest keys of today it has some 2 KiB. */
const longest = 32 * 1024
const handshakeRecord = 22
const clientHello = 1
const serverNameExtension = 0

/** Reads what has come so far. */
export function askedName(bytes: Buffer): AskedName {
  const pieces: Buffer[] = []
  let gathered = 0
  // Records may cut the message anywhere.
  for (let at = 0; ;) {
    if (bytes.length < at + 5) return bytes.length > longest ? 'none' : 'more'
    if (bytes[at] !== handshakeRecord) return 'none'
    const length = bytes.readUInt16BE(at + 3)
    const piece = bytes.subarray(at + 5, at + 5 + length)
    pieces.push(piece)
    gathered += piece.length
    const head = gathered >= 4 ? Buffer.concat(pieces) : undefined
    if (head !== undefined) {
      const wanted = 4 + head.readUIntBE(1, 3)
      if (head[0] !== clientHello || wanted > longest) return 'none'
      if (head.length >= wanted) return nameIn(head.subarray(4, wanted))
    }
    if (piece.length < length || length === 0) return length === 0 || bytes.length > longest ? 'none' : 'more'
    at += 5 + length
  }
}

function nameIn(hello: Buffer): AskedName {
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
        if (hello.readUInt8(at + 2) !== 0) return 'none'
        const size = hello.readUInt16BE(at + 3)
        const name = hello.subarray(at + 5, at + 5 + size)
        return size > 0 && 5 + size <= length && name.length === size ? { name: name.toString('latin1') } : 'none'
      }
      at += length
    }
    return 'none'
  } catch {
    // Its lists end before they say they do.
    return 'none'
  }
}

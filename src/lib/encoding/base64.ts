// Base64 of bytes, through the platform's own functions; TypeScript's library does not describe them yet.

interface Base64Bytes {
  toBase64(): string
}

interface Base64Constructor {
  fromBase64(text: string): Uint8Array
}

/** The bytes as padded base64. */
export function toBase64(bytes: Uint8Array): string {
  return (bytes as unknown as Base64Bytes).toBase64()
}

/** The bytes in padded base64; throws SyntaxError on anything else. */
export function fromBase64(text: string): Uint8Array {
  return (Uint8Array as unknown as Base64Constructor).fromBase64(text)
}

import { createPrivateKey, X509Certificate, type KeyObject } from 'node:crypto'
import { readPemBlocks } from '#lib/pki/pem.ts'

/** Why a certificate and a key are no pair for TLS, in the words of Go's `tls.X509KeyPair`; undefined when they are one. */
export function keyPairProblem(certificateText: string, keyText: string): string | undefined {
  const blocks = readPemBlocks(certificateText)
  const isCertificate = ({ type }: { readonly type: string }): boolean => type === 'CERTIFICATE'
  const isKey = ({ type }: { readonly type: string }): boolean =>
    type === 'PRIVATE KEY' || type.endsWith(' PRIVATE KEY')
  const others = (of: typeof blocks): string => `[${of.map(({ type }) => type).join(' ')}]`
  const leaf = blocks.find(isCertificate)
  if (leaf === undefined) {
    if (blocks.length === 0) return 'tls: failed to find any PEM data in certificate input'
    if (blocks.length === 1 && blocks[0]!.type.endsWith('PRIVATE KEY')) {
      return 'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched'
    }
    const skipped = `in certificate input after skipping PEM blocks of the following types: ${others(blocks)}`
    return `tls: failed to find "CERTIFICATE" PEM block ${skipped}`
  }
  const keys = readPemBlocks(keyText)
  const key = keys.find(isKey)
  if (key === undefined) {
    if (keys.length === 0) return 'tls: failed to find any PEM data in key input'
    if (keys.length === 1 && isCertificate(keys[0]!)) {
      return 'tls: found a certificate rather than a key in the PEM for the private key'
    }
    const skipped = `in key input after skipping PEM blocks of the following types: ${others(keys)}`
    return `tls: failed to find PEM block with type ending in "PRIVATE KEY" ${skipped}`
  }
  let certified: KeyObject
  try {
    certified = new X509Certificate(leaf.bytes).publicKey
  } catch {
    return 'x509: malformed certificate'
  }
  const own = readPrivateKey(key.bytes)
  if (own === undefined) return 'tls: failed to parse private key'
  if (own.asymmetricKeyType !== certified.asymmetricKeyType) {
    return 'tls: private key type does not match public key type'
  }
  const isPair = new X509Certificate(leaf.bytes).checkPrivateKey(own)
  return isPair ? undefined : 'tls: private key does not match public key'
}

const forms = ['pkcs8', 'pkcs1', 'sec1'] as const

function readPrivateKey(key: Buffer): KeyObject | undefined {
  for (const type of forms) {
    try {
      return createPrivateKey({ key, format: 'der', type })
    } catch {
      // The next form may fit.
    }
  }
  return undefined
}

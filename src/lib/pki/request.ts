/** Certificate signing requests (PKCS #10, RFC 2986). */
import { createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { formatIp } from '#lib/net/ip.ts'
import { alternativeNames, encodeName, readName, signatureAlgorithm } from './certificate.ts'
import type { AlternativeNames, KeyPair, Subject } from './certificate.ts'
import * as der from './der.ts'

/** What somebody asks to have certified. The signature over it has been checked. */
export interface CertificateRequest {
  readonly subject: Subject
  /** The subject as it is encoded. */
  readonly subjectName: Buffer
  readonly dnsNames: readonly string[]
  readonly addresses: readonly string[]
  readonly emails: readonly string[]
  readonly uris: readonly string[]
  readonly publicKey: KeyObject
}

/** Requests larger than this are refused unread. A large one with a hundred names has about 5 KB. */
const largestRequest = 64 * 1024

/** A request for `keys`, as PEM. */
export function createRequest(subject: Subject, names: AlternativeNames, keys: KeyPair): string {
  const extensions = alternativeNames(names, false)
  const attributes =
    extensions.length === 0
      ? []
      : [der.sequence(der.objectIdentifier(oidExtensionRequest), der.setOf(der.sequence(...extensions)))]
  const body = der.sequence(
    der.unsignedInteger(Buffer.of(0)),
    encodeName(subject),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    der.context(0, ...attributes),
  )
  const algorithm = signatureAlgorithm(keys.privateKey)
  const signature = sign(algorithm.digest, body, keys.privateKey)
  const bytes = der.sequence(body, algorithm.identifier, der.bitString(signature))
  const lines = bytes.toString('base64').match(/.{1,64}/g)!
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`
}

/** Reads the first request of a PEM text and checks its signature. Throws with the reason when it is not acceptable. */
export function readRequest(pem: string): CertificateRequest {
  if (pem.length > largestRequest) throw new Error(`certificate request is larger than ${largestRequest} bytes`)
  const block = /^-----BEGIN CERTIFICATE REQUEST-----\r?\n([A-Za-z0-9+/=\s]+)-----END CERTIFICATE REQUEST-----/m.exec(
    pem,
  )
  if (block === null) throw new Error('PEM block type must be CERTIFICATE REQUEST')
  try {
    return decodeRequest(Buffer.from(block[1]!, 'base64'))
  } catch (error) {
    throw new Error(`Cannot read certificate request: ${(error as Error).message}`, { cause: error })
  }
}

const oidExtensionRequest = '1.2.840.113549.1.9.14'
const oidAlternativeNames = '2.5.29.17'

/** Digest by signature algorithm; those without one (Ed25519) map to null. SHA-1 is refused, as in Go. */
const digests: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
}

function decodeRequest(bytes: Buffer): CertificateRequest {
  const outer = der.children(der.decode(bytes))
  const body = der.expectElement(outer, 0, der.tags.sequence, 'request information')
  const algorithm = der.children(der.expectElement(outer, 1, der.tags.sequence, 'signature algorithm'))
  const signature = der.readBits(der.expectElement(outer, 2, der.tags.bitString, 'signature'))
  const parts = der.children(body)
  der.expectElement(parts, 0, der.tags.integer, 'version')
  const name = der.expectElement(parts, 1, der.tags.sequence, 'subject')
  const key = der.expectElement(parts, 2, der.tags.sequence, 'public key')
  const publicKey = createPublicKey({ key: key.whole, format: 'der', type: 'spki' })
  const oid = der.readObjectIdentifier(
    der.expectElement(algorithm, 0, der.tags.objectIdentifier, 'signature algorithm'),
  )
  const digest = digests[oid]
  if (digest === undefined) throw new Error(`signature algorithm ${oid} is not supported`)
  if (!verify(digest, body.whole, publicKey, signature)) throw new Error('signature does not match')
  return { subject: readName(name), subjectName: name.whole, ...readAlternativeNames(parts[3]), publicKey }
}

type Names = Pick<CertificateRequest, 'dnsNames' | 'addresses' | 'emails' | 'uris'>

function readAlternativeNames(attributes: der.Element | undefined): Names {
  const names = { dnsNames: [] as string[], addresses: [] as string[], emails: [] as string[], uris: [] as string[] }
  for (const attribute of attributes === undefined ? [] : der.children(attributes)) {
    const [type, values] = der.children(attribute)
    if (type === undefined || values === undefined || der.readObjectIdentifier(type) !== oidExtensionRequest) continue
    for (const extensions of der.children(values)) {
      for (const extension of der.children(extensions)) {
        const fields = der.children(extension)
        if (fields.length < 2 || der.readObjectIdentifier(fields[0]!) !== oidAlternativeNames) continue
        for (const entry of der.children(der.decode(fields.at(-1)!.content))) addName(names, entry)
      }
    }
  }
  return names
}

function addName(names: Record<keyof Names, string[]>, entry: der.Element): void {
  if (entry.tag === 0x81) names.emails.push(entry.content.toString('latin1'))
  else if (entry.tag === 0x82) names.dnsNames.push(entry.content.toString('latin1'))
  else if (entry.tag === 0x86) names.uris.push(entry.content.toString('latin1'))
  else if (entry.tag === 0x87) {
    if (entry.content.length !== 4 && entry.content.length !== 16) throw new Error('an IP address has 4 or 16 bytes')
    names.addresses.push(formatIp(entry.content))
  }
}

/**
 * Public-key infrastructure: keys, certificates and their checks (this file), certificate requests (request.ts) and signed
 * tokens (token.ts). Files and renewal are not here.
 *
 * Certificates are built with der.ts and node:crypto, not with `@peculiar/x509`: a cluster's set of eight certificates takes
 * 3–10 ms this way, while the library needs 40–100 ms to load (bundled, with a warm compile cache) and another 50–75 ms to
 * issue them, and `k8ts up` waits for all of that. Checking and reading certificates is node:crypto's X509Certificate.
 */
import { createHash, generateKeyPair, generateKeyPairSync, randomBytes, sign, X509Certificate } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { promisify } from 'node:util'
import { ipBytes } from '#lib/net/ip.ts'
import * as der from './der.ts'

export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
}

/** Who a certificate speaks for. Kubernetes reads the common name as the user and the organizations as the groups. */
export interface Subject {
  readonly commonName: string
  readonly organizations?: readonly string[]
}

/** The names a certificate is valid for besides its subject. */
export interface AlternativeNames {
  readonly dnsNames?: readonly string[]
  readonly addresses?: readonly string[]
  readonly emails?: readonly string[]
  readonly uris?: readonly string[]
}

/** A certificate that may sign others, with its key. */
export interface Authority {
  readonly certificate: X509Certificate
  readonly privateKey: KeyObject
}

/** From when until when a certificate is valid, in milliseconds since the epoch; cut to whole seconds. */
export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/** The bits of the key usage extension, in the order of RFC 5280 (4.2.1.3). */
export const keyUsages = [
  'digitalSignature',
  'contentCommitment',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'certSign',
  'crlSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof keyUsages)[number]

/** Extended key usages and their object identifiers (RFC 5280, 4.2.1.12, and the older ones Go still names). */
export const extendedUsages = {
  any: '2.5.29.37.0',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  ipsecEndSystem: '1.3.6.1.5.5.7.3.5',
  ipsecTunnel: '1.3.6.1.5.5.7.3.6',
  ipsecUser: '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  ocspSigning: '1.3.6.1.5.5.7.3.9',
  microsoftSgc: '1.3.6.1.4.1.311.10.3.3',
  netscapeSgc: '2.16.840.1.113730.4.1',
} as const
export type ExtendedUsage = keyof typeof extendedUsages

export interface CertificateTemplate extends AlternativeNames, Validity {
  readonly subject: Subject
  /** The subject as it is encoded, where it may say more than `subject` can. */
  readonly subjectName?: Buffer
  readonly publicKey: KeyObject
  readonly extendedUsages: readonly ExtendedUsage[]
  /** What the key may do; signing and key encipherment when absent. */
  readonly keyUsages?: readonly KeyUsage[]
}

/** A new P-256 key pair; takes a fraction of a millisecond. */
export function generateKey(): KeyPair {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
}

/** A new RSA key pair, for clients that know only RS256; takes tens of milliseconds on another thread. */
export async function generateRsaKey(bits = 2048): Promise<KeyPair> {
  return await promisify(generateKeyPair)('rsa', { modulusLength: bits })
}

/** A new self-signed authority. */
export function createAuthority(subject: Subject, validity: Validity, keys: KeyPair = generateKey()): Authority {
  const keyId = keyIdentifier(keys.publicKey)
  const certificate = signCertificate({
    issuerName: encodeName(subject),
    issuerKey: keys.privateKey,
    subjectName: encodeName(subject),
    publicKey: keys.publicKey,
    validity,
    extensions: [
      extension('2.5.29.15', true, der.namedBits(usageBits(['digitalSignature', 'keyEncipherment', 'certSign']))),
      extension('2.5.29.19', true, der.sequence(der.boolean(true))),
      extension('2.5.29.14', false, der.octetString(keyId)),
      ...alternativeNames({ dnsNames: [subject.commonName] }, false),
    ],
  })
  return { certificate, privateKey: keys.privateKey }
}

/** Signs a certificate for somebody else's public key. It is never an authority itself. */
export function issueCertificate(authority: Authority, template: CertificateTemplate): X509Certificate {
  const subjectName = template.subjectName ?? encodeName(template.subject)
  const nameless = der.decode(subjectName).content.length === 0
  const keyBits = usageBits(template.keyUsages ?? ['digitalSignature', 'keyEncipherment'])
  const usages = template.extendedUsages.map((usage) => der.objectIdentifier(extendedUsages[usage]))
  const signer = decodeCertificate(authority.certificate)
  return signCertificate({
    issuerName: signer.subjectName,
    issuerKey: authority.privateKey,
    subjectName,
    publicKey: template.publicKey,
    validity: template,
    extensions: [
      ...(keyBits.length > 0 ? [extension('2.5.29.15', true, der.namedBits(keyBits))] : []),
      ...(usages.length > 0 ? [extension('2.5.29.37', false, der.sequence(...usages))] : []),
      extension('2.5.29.19', true, der.sequence()),
      extension(
        '2.5.29.35',
        false,
        der.sequence(der.contextPrimitive(0, signer.keyIdentifier ?? keyIdentifier(authority.certificate.publicKey))),
      ),
      ...alternativeNames(template, nameless),
    ],
  })
}

/** The certificate as PEM, ending with a line break. */
export function certificatePem(certificate: X509Certificate): string {
  const text = certificate.toString()
  return text.endsWith('\n') ? text : text + '\n'
}

/** A private key as PEM (`EC PRIVATE KEY` and `RSA PRIVATE KEY`, as Go tools write them; PKCS#8 for others). */
export function privateKeyPem(key: KeyObject): string {
  if (key.asymmetricKeyType === 'ec') return key.export({ type: 'sec1', format: 'pem' }).toString()
  if (key.asymmetricKeyType === 'rsa') return key.export({ type: 'pkcs1', format: 'pem' }).toString()
  return key.export({ type: 'pkcs8', format: 'pem' }).toString()
}

/** Every certificate of a PEM text, in order; other blocks are skipped. Throws when one cannot be read, or there is none. */
export function readCertificates(pem: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? []
  if (blocks.length === 0) throw new Error('Cannot read certificates: no CERTIFICATE block in the PEM text')
  return blocks.map((block, index) => {
    try {
      return new X509Certificate(block)
    } catch (error) {
      throw new Error(`Cannot read certificate ${index + 1} of ${blocks.length}: ${(error as Error).message}`, {
        cause: error,
      })
    }
  })
}

/**
 * Says why `certificate` must not be trusted for `usage` at `now`, or nothing when one of `authorities` vouches for it
 * (directly, or through `intermediates`).
 */
export function findCertificateProblem(
  certificate: X509Certificate,
  options: {
    readonly authorities: readonly X509Certificate[]
    readonly intermediates?: readonly X509Certificate[]
    readonly usage: ExtendedUsage
    readonly now: number
  },
): string | undefined {
  const { now } = options
  const usages = certificate.keyUsage as readonly string[] | undefined
  if (usages !== undefined && !usages.includes(extendedUsages[options.usage]) && !usages.includes(extendedUsages.any)) {
    return 'x509: certificate specifies an incompatible key usage'
  }
  let current = certificate
  for (let depth = 0; depth < 8; depth++) {
    const expired = findValidityProblem(current, now)
    if (expired !== undefined) return expired
    const root = options.authorities.find((authority) => isSignedBy(current, authority))
    if (root !== undefined) return findValidityProblem(root, now)
    const next = options.intermediates?.find((one) => one.ca && isSignedBy(current, one))
    if (next === undefined) break
    current = next
  }
  return 'x509: certificate signed by unknown authority'
}

/** The subject of a certificate; of several common names the last counts, as in Go. */
export function subjectOf(certificate: X509Certificate): Subject {
  return readName(der.decode(decodeCertificate(certificate).subjectName))
}

/** When a certificate is valid. */
export function validityOf(certificate: X509Certificate): Validity {
  return { notBefore: certificate.validFromDate.getTime(), notAfter: certificate.validToDate.getTime() }
}

/** The encoded Name of a subject: organizations in one set, then the common name, as Go orders them. */
export function encodeName(subject: Subject): Buffer {
  const attribute = (oid: string, text: string): Buffer => der.sequence(der.objectIdentifier(oid), der.nameText(text))
  const organizations = subject.organizations ?? []
  const sets: Buffer[] = []
  if (organizations.length > 0) sets.push(der.setOf(...organizations.map((name) => attribute(oidOrganization, name))))
  if (subject.commonName !== '') sets.push(der.setOf(attribute(oidCommonName, subject.commonName)))
  return der.sequence(...sets)
}

/** The subject that an encoded Name stands for. Attributes other than common name and organization are ignored. */
export function readName(name: der.Element): Subject {
  let commonName = ''
  const organizations: string[] = []
  for (const set of der.children(name)) {
    for (const attribute of der.children(set)) {
      const [type, value] = der.children(attribute)
      if (type === undefined || value === undefined) throw new der.DerError('name attribute is cut short')
      const oid = der.readObjectIdentifier(type)
      if (oid === oidCommonName) commonName = der.readText(value)
      else if (oid === oidOrganization) organizations.push(der.readText(value))
    }
  }
  return { commonName, organizations }
}

/** The extensions that carry alternative names: none, or one. Shared with requests. */
export function alternativeNames(names: AlternativeNames, critical: boolean): Buffer[] {
  const entries = [
    ...(names.emails ?? []).map((text) => der.contextPrimitive(1, Buffer.from(text, 'latin1'))),
    ...(names.dnsNames ?? []).map((text) => der.contextPrimitive(2, Buffer.from(text, 'latin1'))),
    ...(names.uris ?? []).map((text) => der.contextPrimitive(6, Buffer.from(text, 'latin1'))),
    ...(names.addresses ?? []).map((text) => der.contextPrimitive(7, addressBytes(text))),
  ]
  return entries.length === 0 ? [] : [extension('2.5.29.17', critical, der.sequence(...entries))]
}

/** The algorithm identifier with which `key` signs, and the digest that node:crypto needs for it. */
export function signatureAlgorithm(key: KeyObject): { readonly identifier: Buffer; readonly digest: string | null } {
  const plain = (oid: string): Buffer => der.sequence(der.objectIdentifier(oid))
  switch (key.asymmetricKeyType) {
    case 'rsa':
      return {
        identifier: der.sequence(der.objectIdentifier('1.2.840.113549.1.1.11'), der.encode(0x05, Buffer.alloc(0))),
        digest: 'sha256',
      }
    case 'ec':
      switch (key.asymmetricKeyDetails?.namedCurve) {
        case 'secp384r1':
          return { identifier: plain('1.2.840.10045.4.3.3'), digest: 'sha384' }
        case 'secp521r1':
          return { identifier: plain('1.2.840.10045.4.3.4'), digest: 'sha512' }
        default:
          return { identifier: plain('1.2.840.10045.4.3.2'), digest: 'sha256' }
      }
    case 'ed25519':
      return { identifier: plain('1.3.101.112'), digest: null }
    default:
      throw new Error(`Cannot sign with a key of type "${key.asymmetricKeyType}": use RSA, EC or Ed25519`)
  }
}

const oidCommonName = '2.5.4.3'
const oidOrganization = '2.5.4.10'

interface ToBeSigned {
  readonly issuerName: Buffer
  readonly issuerKey: KeyObject
  readonly subjectName: Buffer
  readonly publicKey: KeyObject
  readonly validity: Validity
  readonly extensions: readonly Buffer[]
}

function signCertificate(parts: ToBeSigned): X509Certificate {
  const { notBefore, notAfter } = parts.validity
  if (notAfter <= notBefore) throw new RangeError('Cannot issue a certificate that ends before it begins')
  const algorithm = signatureAlgorithm(parts.issuerKey)
  const serial = randomBytes(16)
  serial[0] = (serial[0]! & 0x7f) | 0x40
  const body = der.sequence(
    der.context(0, der.unsignedInteger(Buffer.of(2))),
    der.unsignedInteger(serial),
    algorithm.identifier,
    parts.issuerName,
    der.sequence(der.time(notBefore), der.time(notAfter)),
    parts.subjectName,
    parts.publicKey.export({ type: 'spki', format: 'der' }),
    der.context(3, der.sequence(...parts.extensions)),
  )
  const signature = sign(algorithm.digest, body, parts.issuerKey)
  return new X509Certificate(der.sequence(body, algorithm.identifier, der.bitString(signature)))
}

function extension(oid: string, critical: boolean, value: Buffer): Buffer {
  const parts = [der.objectIdentifier(oid), ...(critical ? [der.boolean(true)] : []), der.octetString(value)]
  return der.sequence(...parts)
}

function usageBits(usages: readonly KeyUsage[]): number[] {
  return usages.map((usage) => keyUsages.indexOf(usage))
}

function addressBytes(text: string): Uint8Array {
  if (isIP(text) === 0) throw new Error(`Cannot put "${text}" into a certificate: not an IP address`)
  return ipBytes(text)
}

/** The hash of the key that links a certificate to its issuer (RFC 5280, 4.2.1.2, method 1). */
function keyIdentifier(key: KeyObject): Buffer {
  const info = der.children(der.decode(key.export({ type: 'spki', format: 'der' })))
  return createHash('sha1')
    .update(der.readBits(der.expectElement(info, 1, der.tags.bitString, 'public key')))
    .digest()
}

/** The bytes of the subject name, so that an issuer's name is repeated exactly, and the key identifier when it has one. */
function decodeCertificate(certificate: X509Certificate): { subjectName: Buffer; keyIdentifier?: Buffer } {
  const body = der.children(der.children(der.decode(certificate.raw))[0]!)
  const first = body[0]!.tag === 0xa0 ? 1 : 0
  const subjectName = der.expectElement(body, first + 4, der.tags.sequence, 'subject').whole
  const extensions = body.find((element) => element.tag === 0xa3)
  if (extensions === undefined) return { subjectName }
  for (const one of der.children(der.children(extensions)[0]!)) {
    const parts = der.children(one)
    if (der.readObjectIdentifier(parts[0]!) === '2.5.29.14')
      return { subjectName, keyIdentifier: der.decode(parts.at(-1)!.content).content }
  }
  return { subjectName }
}

function isSignedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
}

function findValidityProblem(certificate: X509Certificate, now: number): string | undefined {
  const { notBefore, notAfter } = validityOf(certificate)
  const text = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
  if (now < notBefore)
    return `x509: certificate has expired or is not yet valid: current time ${text(now)} is before ${text(notBefore)}`
  if (now > notAfter)
    return `x509: certificate has expired or is not yet valid: current time ${text(now)} is after ${text(notAfter)}`
  return undefined
}

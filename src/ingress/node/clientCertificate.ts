/** Certificates that clients show: whether they are as a route demands, and what a backend is told of them. */
import { X509Certificate } from 'node:crypto'
import { RecentMap } from '#lib/collections/recentMap.ts'
import type { ClientCertificateRule, Header } from '#ingress/routing.ts'

/** What a client showed, and what came of checking it against the authorities of the name it asked for. */
export interface ShownCertificate {
  readonly leaf: Buffer
  /** The others that it sent with it. */
  readonly chain: readonly Buffer[]
  /** Nothing when it is good, else what OpenSSL calls it: `CERT_HAS_EXPIRED`. */
  readonly problem: string | undefined
}

/** The TLS side of a connection. */
export interface TlsArrival {
  /** The name that the client asked for, in lower case; empty when it asked for none. */
  readonly name: string
  readonly certificate: ShownCertificate | undefined
}

/** What `unchecked` allows: that nobody known vouches for it. By OpenSSL's number and what it says of it. */
export const unvouched: readonly { readonly name: string; readonly number: number; readonly text: string }[] = [
  { name: 'DEPTH_ZERO_SELF_SIGNED_CERT', number: 18, text: 'self-signed certificate' },
  { name: 'SELF_SIGNED_CERT_IN_CHAIN', number: 19, text: 'self-signed certificate in certificate chain' },
  { name: 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', number: 20, text: 'unable to get local issuer certificate' },
  { name: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', number: 21, text: 'unable to verify the first certificate' },
  { name: 'CERT_UNTRUSTED', number: 27, text: 'certificate not trusted' },
]

export type Refusal =
  | { readonly kind: 'problem'; readonly status: 400 | 403 | 421 }
  | { readonly kind: 'redirect'; readonly location: string }

/** Why a request may not pass; nothing when it may. `host` as the request says it. */
export function refusalOf(
  rule: ClientCertificateRule,
  isSubject: ((subject: string) => boolean) | undefined,
  tls: TlsArrival | undefined,
  host: string,
): Refusal | undefined {
  const { demand, errorPage } = rule
  if (tls === undefined) return demand === 'required' ? { kind: 'problem', status: 403 } : undefined
  // Others may have asked for another certificate, or for none.
  if (tls.name !== host) return { kind: 'problem', status: 421 }
  const { certificate } = tls
  const bad: Refusal =
    errorPage === undefined ? { kind: 'problem', status: 400 } : { kind: 'redirect', location: errorPage }
  if (certificate === undefined) {
    if (demand === 'required') return bad
  } else if (certificate.problem !== undefined) {
    if (demand !== 'unchecked' || !unvouched.some(({ name }) => name === certificate.problem)) return bad
  } else if (!isWithinDepth(rule, certificate)) return bad
  if (isSubject === undefined) return undefined
  const subject = certificate === undefined ? '' : parse(certificate.leaf).subject
  return isSubject(subject) ? undefined : { kind: 'problem', status: 403 }
}

/** What backends are told, also that a client has none; names without a value are removed. */
export function certificateHeaders(
  rule: ClientCertificateRule,
  certificate: ShownCertificate | undefined,
): { readonly set: readonly Header[]; readonly remove: readonly string[] } {
  if (certificate === undefined)
    return { set: [{ name: verifyHeader, value: 'NONE' }], remove: [subjectHeader, issuerHeader, certificateHeader] }
  const { subject, issuer, pem } = parse(certificate.leaf)
  const text = unvouched.find(({ name }) => name === certificate.problem)?.text ?? certificate.problem
  return {
    set: [
      { name: verifyHeader, value: text === undefined ? 'SUCCESS' : `FAILED:${text}` },
      { name: subjectHeader, value: subject },
      { name: issuerHeader, value: issuer },
      ...(rule.passesCertificate ? [{ name: certificateHeader, value: encodeURIComponent(pem) }] : []),
    ],
    remove: rule.passesCertificate ? [] : [certificateHeader],
  }
}

/** As ingress-nginx names them. */
export const verifyHeader = 'ssl-client-verify'
export const subjectHeader = 'ssl-client-subject-dn'
export const issuerHeader = 'ssl-client-issuer-dn'
export const certificateHeader = 'ssl-client-cert'

/** Whether not more certificates stand between this one and an authority than a rule allows. */
export function isWithinDepth(
  { authority, depth }: Pick<ClientCertificateRule, 'authority' | 'depth'>,
  { leaf, chain }: Pick<ShownCertificate, 'leaf' | 'chain'>,
): boolean {
  const known = [...authoritiesOf(authority), ...chain.flatMap(read)]
  const path = new Set<X509Certificate>()
  let current = parse(leaf).certificate
  for (let between = 0; between <= depth; between++) {
    const issuer = known.find((each) => !path.has(each) && current.checkIssued(each) && current.verify(each.publicKey))
    if (issuer === undefined) return false
    if (issuer.checkIssued(issuer)) return true
    path.add(issuer)
    current = issuer
  }
  return false
}

interface Parsed {
  readonly certificate: X509Certificate
  readonly subject: string
  readonly issuer: string
  readonly pem: string
}

/** Clients show the same with each request. */
const parsed = new RecentMap<string, Parsed>(1_000)
const authorities = new RecentMap<string, readonly X509Certificate[]>(100)

function parse(leaf: Buffer): Parsed {
  return parsed.getOrMake(leaf.toString('base64'), () => {
    const certificate = new X509Certificate(leaf)
    const { subject, issuer } = certificate
    return { certificate, subject: asLine(subject), issuer: asLine(issuer), pem: certificate.toString() }
  })
}

function read(der: Buffer): readonly X509Certificate[] {
  try {
    return [new X509Certificate(der)]
  } catch {
    return []
  }
}

function authoritiesOf(pem: string): readonly X509Certificate[] {
  return authorities.getOrMake(pem, () =>
    [...pem.matchAll(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g)].map(
      ([text]) => new X509Certificate(text),
    ),
  )
}

/** A name as RFC 2253 writes it, the last part first. Node gives lines whose values are escaped but for other characters than ASCII. */
function asLine(name: string): string {
  const line = name.split('\n').toReversed().join(',')
  return line.replaceAll(/[^\x20-\x7e]/gu, (character) =>
    [...Buffer.from(character)].map((byte) => `\\${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
  )
}

/** `0 MII... MII...`: the number of what is wrong with it, the certificate, and the others that came with it one behind the other. */
export function toldCertificate(told: string | string[] | undefined): ShownCertificate | undefined {
  const [, code, leaf = '', chain = ''] = /^(\d+) ([A-Za-z0-9+/=]+) ?([A-Za-z0-9+/=]*)$/.exec(String(told)) ?? []
  if (code === undefined) return undefined
  return {
    leaf: Buffer.from(leaf, 'base64'),
    chain: splitCertificates(Buffer.from(chain, 'base64')),
    problem:
      code === '0' ? undefined : (unvouched.find(({ number }) => number === Number(code))?.name ?? `OTHER_${code}`),
  }
}

/** Several certificates, one behind the other. */
export function splitCertificates(der: Buffer): readonly Buffer[] {
  const found: Buffer[] = []
  for (let at = 0; at + 4 <= der.length && der[at] === 0x30;) {
    // Certificates have more than 255 bytes and less than 64 KiB: two bytes say how many follow.
    if (der[at + 1] !== 0x82) break
    const length = 4 + der.readUInt16BE(at + 2)
    found.push(der.subarray(at, at + length))
    at += length
  }
  return found
}

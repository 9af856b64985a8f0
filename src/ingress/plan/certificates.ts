import { createPrivateKey, type X509Certificate } from 'node:crypto'
import type { Secret } from '#api/core/v1/secret.ts'
import type { Ingress } from '#api/networking/v1/ingress.ts'
import { keyOf } from '#client/index.ts'
import {
  certificatePem,
  createAuthority,
  generateKey,
  issueCertificate,
  privateKeyPem,
  readCertificates,
  validityOf,
} from '#lib/pki/certificate.ts'
import type { Certificate } from '../routing.ts'
import type { ClusterView, Problems } from './cluster.ts'

/** By which name the routing has the certificate for everybody else. */
export const defaultCertificateName = 'default'

const year = 365 * 24 * 3_600_000

/** A new certificate that signs itself, under the name that clients of ingress-nginx know. */
export function makeDefaultCertificate(now: number): Certificate {
  const keys = generateKey()
  const subject = { commonName: 'Kubernetes Ingress Controller Fake Certificate', organizations: ['Acme Co'] }
  const validity = { notBefore: now - 300_000, notAfter: now + 10 * year }
  const certificate = issueCertificate(createAuthority(subject, validity, keys), {
    subject,
    publicKey: keys.publicKey,
    extendedUsages: ['serverAuth'],
    dnsNames: ['ingress.local'],
    ...validity,
  })
  return { chain: certificatePem(certificate), key: privateKeyPem(keys.privateKey) }
}

/** A certificate of a Secret, once it has been found to be whole. */
export interface KnownCertificate {
  readonly leaf: X509Certificate
  /** The same object as long as the Secret is the same. */
  readonly served: Certificate
}

const read = new WeakMap<Secret, KnownCertificate | string>()

/** The certificate and key of a Secret, or what is wrong with them. */
export function certificateOf(secret: Secret): KnownCertificate | string {
  let known = read.get(secret)
  if (known === undefined) read.set(secret, (known = readPair(secret)))
  return known
}

function readPair({ data = {} }: Secret): KnownCertificate | string {
  const [chainText, keyText] = [textOf(data['tls.crt']), textOf(data['tls.key'])]
  if (chainText === undefined) return 'it has no tls.crt'
  if (keyText === undefined) return 'it has no tls.key'
  let chain: readonly X509Certificate[]
  try {
    chain = readCertificates(chainText)
  } catch {
    return 'its tls.crt is not a certificate in PEM'
  }
  try {
    const key = createPrivateKey(keyText)
    if (!chain[0]!.checkPrivateKey(key)) return 'its tls.key is not the key of its tls.crt'
    // Written anew: what else stands in the Secret goes nowhere.
    return { leaf: chain[0]!, served: { chain: chain.map(certificatePem).join(''), key: privateKeyPem(key) } }
  } catch {
    return 'its tls.key is not a private key in PEM'
  }
}

/** The authorities of a Secret as PEM, or undefined when there are none that can be read. */
export function authorityOf({ data = {} }: Secret): string | undefined {
  try {
    return readCertificates(textOf(data['ca.crt']) ?? '')
      .map(certificatePem)
      .join('')
  } catch {
    return undefined
  }
}

function textOf(base64: string | undefined): string | undefined {
  return base64 === undefined || base64 === '' ? undefined : Buffer.from(base64, 'base64').toString('utf8')
}

/** Chooses certificates for hosts, and remembers when that must be looked at again. */
export class CertificateChoice {
  readonly chosen = new Map<string, Certificate>()
  readonly #view: ClusterView
  readonly #problems: Problems
  again = Infinity

  constructor(view: ClusterView, problems: Problems) {
    this.#view = view
    this.#problems = problems
  }

  /** The name of the certificate for a host of an ingress; undefined when the ingress asks for none. */
  forHost(ingress: Ingress, host: string): string | undefined {
    const { namespace = '' } = ingress.metadata
    const entries = ingress.spec.tls ?? []
    const named = entries.find(({ hosts = [] }) => hosts.some((each) => each.toLowerCase() === host))
    // As ingress-nginx does: an entry that does not name the host is good when its certificate is.
    const secretName =
      named === undefined
        ? entries.find((entry) => this.#isFor(namespace, entry.secretName, host))?.secretName
        : named.secretName
    if (named === undefined && secretName === undefined) return undefined
    if (secretName === undefined || secretName === '') return defaultCertificateName
    const key = `${namespace}/${secretName}`
    const known = this.#usable(key)
    const problem =
      typeof known === 'string' ? known : isForHost(known.leaf, host) ? undefined : `its certificate is not for ${host}`
    if (problem !== undefined || typeof known === 'string') {
      this.#problems.add(
        keyOf(ingress.metadata),
        'InvalidCertificate',
        `Secret ${secretName} cannot be used for TLS of ${host}: ${problem}; the default certificate is used`,
      )
      return defaultCertificateName
    }
    this.chosen.set(key, known.served)
    return key
  }

  #isFor(namespace: string, secretName: string | undefined, host: string): boolean {
    if (secretName === undefined || secretName === '') return false
    const known = this.#usable(`${namespace}/${secretName}`)
    return typeof known !== 'string' && isForHost(known.leaf, host)
  }

  #usable(key: string): KnownCertificate | string {
    const secret = this.#view.secret(key)
    if (secret === undefined) return 'there is no such Secret'
    const known = certificateOf(secret)
    if (typeof known === 'string') return known
    const { notBefore, notAfter } = validityOf(known.leaf)
    const { now } = this.#view
    const next = now < notBefore ? notBefore : notAfter + 1
    if (next > now) this.again = Math.min(this.again, next)
    if (now < notBefore) return `its certificate is not valid before ${new Date(notBefore).toISOString()}`
    return now > notAfter ? `its certificate has expired at ${new Date(notAfter).toISOString()}` : known
  }
}

/** Of a wildcard any name that it stands for must be covered; this one nobody has a certificate for by itself. */
const anyLabel = 'any-name-at-all'

function isForHost(certificate: X509Certificate, host: string): boolean {
  return certificate.checkHost(host.replace(/^\*/, anyLabel)) !== undefined
}

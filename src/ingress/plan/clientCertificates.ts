import { readPemBlocks } from '#lib/pki/pem.ts'
import type { Secret } from '#api/core/v1/secret.ts'
import type { ClientCertificateRule } from '../routing.ts'
import { ownObject } from './authentication.ts'
import { authorityOf } from './certificates.ts'
import type { ClusterView, Problems } from './cluster.ts'
import type { Host, ReadIngress } from './hosts.ts'

const demands = { on: 'required', optional: 'optional', optional_no_ca: 'unchecked' } as const

/**
 * What a host asks of certificates of clients, as its oldest ingress with `auth-tls-secret` says it; all its routes ask the same,
 * for the handshake is one. `refused` when nobody could be checked as that one wants it.
 */
export function clientCertificates(
  host: Host,
  view: ClusterView,
  problems: Problems,
): ClientCertificateRule | 'refused' | undefined {
  const refuse = ({ key }: ReadIngress, problem: string): 'refused' => {
    problems.add(key, 'InvalidAnnotation', `Requests get 503 because ${problem}`)
    return 'refused'
  }
  const [asking, ...others] = host.of.filter(({ settings }) => settings['auth-tls-secret'] !== undefined)
  if (asking === undefined) {
    const vain = host.of.find(({ settings }) => (settings['auth-tls-verify-client'] ?? 'off') !== 'off')
    return vain === undefined ? undefined : refuse(vain, 'auth-tls-verify-client needs auth-tls-secret')
  }
  const { settings, ingress } = asking
  for (const other of others)
    if (said(other) !== said(asking))
      problems.add(
        other.key,
        'ConflictingHost',
        `Certificates of clients of ${host.name} are checked as the older Ingress ${asking.key} says`,
      )
  const demand = settings['auth-tls-verify-client'] ?? 'on'
  if (demand === 'off') return undefined
  if (host.name === '') return refuse(asking, 'auth-tls-secret needs a host that clients can ask for')
  const reference = settings['auth-tls-secret']!
  const secret = ownObject(ingress.metadata.namespace ?? '', reference, 'Secret', (key) => view.secret(key))
  if ('problem' in secret) return refuse(asking, secret.problem)
  const authority = authorityOf(secret.value)
  if (authority === undefined || authority === '')
    return refuse(asking, `Secret ${reference.name} has no ca.crt with certificates in PEM`)
  const revoked = revokedOf(secret.value)
  if (revoked?.length === 0) return refuse(asking, `the ca.crl of Secret ${reference.name} has no lists in PEM`)
  const { 'auth-tls-match-cn': subject, 'auth-tls-error-page': errorPage } = settings
  return {
    authority,
    ...(revoked === undefined ? {} : { revoked }),
    depth: settings['auth-tls-verify-depth'] ?? 1,
    demand: demands[demand],
    ...(subject === undefined ? {} : { subject }),
    ...(errorPage === undefined ? {} : { errorPage }),
    passesCertificate: settings['auth-tls-pass-certificate-to-upstream'] ?? false,
  }
}

const said = ({ settings, ingress }: ReadIngress): string =>
  JSON.stringify([
    ingress.metadata.namespace,
    ...Object.entries(settings)
      .filter(([name]) => name.startsWith('auth-tls-'))
      .toSorted(),
  ])

/** Lists of revoked certificates, written anew: empty when none can be read, nothing when the Secret has no such entry. */
function revokedOf({ data = {} }: Secret): string | undefined {
  const text = Buffer.from(data['ca.crl'] ?? '', 'base64').toString('utf8')
  if (text.trim() === '') return undefined
  const lists = readPemBlocks(text).filter(({ type }) => type === 'X509 CRL')
  return lists.map(({ type, bytes }) => pemBlock(type, bytes)).join('')
}

function pemBlock(type: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`
}

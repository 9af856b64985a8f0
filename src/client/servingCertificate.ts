import { createPrivateKey } from 'node:crypto'
import { secrets, type Secret } from '#api/core/v1/secret.ts'
import { systemClock, type Clock } from '#lib/clock.ts'
import {
  certificatePem,
  createAuthority,
  generateKey,
  issueCertificate,
  privateKeyPem,
  readCertificates,
  validityOf,
  type Authority,
} from '#lib/pki/certificate.ts'
import { isReason, StatusError } from '#machinery/status.ts'
import type { Client, ObjectName } from './client.ts'
import { keyOf } from './index.ts'
import { unlessGone } from './unlessGone.ts'

/** A certificate for serving, its key and the authority that vouches for it, as PEM. */
export interface ServingCertificate {
  /** Goes, in base64, into the `caBundle` of whoever connects. */
  readonly authority: string
  readonly certificate: string
  readonly key: string
}

export interface ServingCertificateOptions {
  /** The Secret that keeps it for all instances. */
  readonly secret: Required<ObjectName>
  /** The names to be reached by: `SERVICE.NAMESPACE.svc` for webhooks behind a service. */
  readonly dnsNames?: readonly string[]
  readonly addresses?: readonly string[]
  readonly clock?: Clock
  /** Told of what went wrong and is tried again. */
  readonly report?: (problem: string, error: unknown) => void
}

const day = 24 * 3_600_000
const authorityLifetime = 3650 * day
const lifetime = 365 * day
/** A certificate with less time left than this is made anew at the next start. */
const renewBefore = 90 * day
/** Between two tries while the server is away. */
const retryMilliseconds = 1_000
/** Clocks of machines differ a little. */
const leeway = 300_000

/**
 * The certificate that all instances of an operator serve their webhooks with. The first one makes it, and an authority for
 * it alone; the others find it in the Secret. Renewals are signed by the same authority, so that instances that still
 * serve an older one go on being believed. Waits while the server is away, and rejects with the reason of the signal.
 */
export async function servingCertificate(
  client: Client,
  options: ServingCertificateOptions,
  signal?: AbortSignal,
): Promise<ServingCertificate> {
  const { secret, clock = systemClock, report } = options
  const how = signal === undefined ? {} : { signal }
  for (;;) {
    try {
      const known = await unlessGone(client.get(secrets, secret, how))
      const made = plan(known, options, clock.now())
      if (made === undefined) return contentOf(known!)
      return contentOf(
        await (known === undefined ? client.create(secrets, made, how) : client.update(secrets, made, how)),
      )
    } catch (error) {
      // Another instance was quicker: its certificate is as good.
      if (isReason(error, 'AlreadyExists') || isReason(error, 'Conflict')) continue
      if (!(error instanceof StatusError) || error.code < 500) throw error
      report?.(`Cannot read the secret "${keyOf(secret)}"`, error)
      await clock.sleep(retryMilliseconds, signal)
    }
  }
}

/** The Secret as it should be, or undefined when it is good as it is. */
function plan(known: Secret | undefined, options: ServingCertificateOptions, now: number): Secret | undefined {
  const { dnsNames = [], addresses = [] } = options
  const isGood = (secret: Secret): boolean => {
    const [certificate] = readCertificates(contentOf(secret).certificate)
    return (
      validityOf(certificate!).notAfter - now > renewBefore &&
      dnsNames.every((name) => certificate!.checkHost(name) !== undefined) &&
      addresses.every((address) => certificate!.checkIP(address) !== undefined)
    )
  }
  if (known !== undefined && isGood(known)) return undefined
  const authority = known === undefined ? newAuthority(options, now) : authorityOf(known)
  const { publicKey, privateKey } = generateKey()
  const certificate = issueCertificate(authority, {
    subject: { commonName: options.secret.name },
    publicKey,
    extendedUsages: ['serverAuth'],
    dnsNames,
    addresses,
    notBefore: now - leeway,
    notAfter: now + lifetime,
  })
  const data = {
    'ca.crt': certificatePem(authority.certificate),
    'ca.key': privateKeyPem(authority.privateKey),
    'tls.crt': certificatePem(certificate),
    'tls.key': privateKeyPem(privateKey),
  }
  const encoded = Object.entries(data).map(([name, text]) => [name, Buffer.from(text).toString('base64')])
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'kubernetes.io/tls',
    metadata: known?.metadata ?? options.secret,
    data: Object.fromEntries(encoded) as Record<string, string>,
  }
}

function newAuthority({ secret: { name, namespace } }: ServingCertificateOptions, now: number): Authority {
  const validity = { notBefore: now - leeway, notAfter: now + authorityLifetime }
  return createAuthority({ commonName: `${name}.${namespace}` }, validity)
}

function authorityOf(secret: Secret): Authority {
  return {
    certificate: readCertificates(entryOf(secret, 'ca.crt'))[0]!,
    privateKey: createPrivateKey(entryOf(secret, 'ca.key')),
  }
}

function contentOf(secret: Secret): ServingCertificate {
  return {
    authority: entryOf(secret, 'ca.crt'),
    certificate: entryOf(secret, 'tls.crt'),
    key: entryOf(secret, 'tls.key'),
  }
}

function entryOf({ metadata: { namespace, name }, data = {} }: Secret, entry: string): string {
  const text = data[entry]
  if (text !== undefined) return Buffer.from(text, 'base64').toString('utf8')
  throw new Error(`The secret "${namespace}/${name}" has no entry "${entry}": delete it, and it is made anew`)
}

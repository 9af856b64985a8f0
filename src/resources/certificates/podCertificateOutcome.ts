import { createPublicKey, X509Certificate, type KeyObject } from 'node:crypto'
import type {
  PodCertificateRequest,
  PodCertificateRequestStatus,
} from '#api/certificates/v1alpha1/podCertificateRequest.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { readPemBlocks, type PemBlock } from '#lib/pki/pem.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import type { Report } from '#machinery/validate/report.ts'
import { checkConditions } from '#resources/conditions.ts'

// How a request for a certificate of a pod ends, and what is said then.

/** How a request can end; at most one of them is ever true. */
export const outcomes = ['Issued', 'Denied', 'Failed'] as const

/** A public key in the form of PKIX; undefined where the bytes are none. */
export function readKey(bytes: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: bytes, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}

const known: readonly string[] = outcomes

/** `now` is in milliseconds since the epoch. */
export function checkOutcome(
  request: PodCertificateRequest,
  old: PodCertificateRequest,
  now: number,
  report: Report,
): void {
  const [status, before] = [request.status ?? {}, old.status ?? {}]
  const { conditions = [] } = status
  const place = report.at('status')
  if (!areRight(conditions, place)) return
  const is = (type: (typeof outcomes)[number], of = conditions): boolean => isConditionTrue(of, type)
  if (outcomes.some((type) => is(type, before.conditions ?? []))) {
    if (!sameJson(status, before)) {
      place.problem('Invalid', 'immutable after PodCertificateRequest is issued, denied, or failed')
    }
  } else if (is('Denied') || is('Failed')) {
    const { conditions: _, ...others } = status
    if (Object.values(others).some((value) => value !== undefined && value !== '')) {
      const why = 'non-condition status fields must be empty when denying or failing the PodCertificateRequest'
      place.problem('Invalid', why)
    }
  } else if (is('Issued')) checkIssued(status, old, now, place)
  else if (!sameJson(status, before)) {
    place.problem('Invalid', 'status is immutable unless transitioning to "Issued", "Denied", or "Failed"')
  }
}

/** Of the known conditions one, and it holds; others are not told. */
function areRight(conditions: NonNullable<PodCertificateRequestStatus['conditions']>, report: Report): boolean {
  let decided = 0
  let isRight = true
  for (const [index, { type, status }] of conditions.entries()) {
    // Upstream writes the position as if it were a field.
    const place = report.at(`conditions.[${index}]`)
    if (!known.includes(type)) {
      isRight = false
      place.at('type').notSupported(type, known.toSorted())
      continue
    }
    decided++
    if (decided > 1) {
      isRight = false
      const why = 'There may be at most one condition with type "Issued", "Denied", or "Failed"'
      place.at('type').invalid(type, why)
    }
    if (status !== 'True') {
      isRight = false
      place.at('status').notSupported(status, ['True'])
    }
  }
  checkConditions(conditions, report.at('conditions'))
  return isRight && !report.at('conditions').isReported()
}

/** In bytes. */
const longestChain = 100 * 1024
const minute = 60_000
const shortestLife = 60 * minute
const nanoseconds = 1e6

function checkIssued(
  status: PodCertificateRequestStatus,
  { spec }: PodCertificateRequest,
  now: number,
  report: Report,
): void {
  const { certificateChain: text = '', notBefore, notAfter, beginRefreshAt } = status
  const chain = report.at('certificateChain')
  if (Buffer.byteLength(text) > longestChain) return chain.tooLong(longestChain)
  const [leaf, ...others] = readPemBlocks(text)
  if (leaf === undefined) return chain.invalid(text, 'issued certificate chain must contain at least one certificate')
  if (leaf.type !== 'CERTIFICATE') {
    return chain.invalid(text, 'issued certificate chain must consist entirely of CERTIFICATE PEM blocks')
  }
  const certificate = readCertificate(leaf)
  if (certificate === undefined) return chain.invalid(text, 'leaf certificate does not parse as valid X.509')
  const key = readKey(Buffer.from(spec.pkixPublicKey, 'base64'))
  if (key === undefined || !certificate.publicKey.equals(key)) {
    return chain.invalid(text, 'leaf certificate was not issued to the requested public key')
  }
  const times = { notBefore, notAfter, beginRefreshAt }
  const consistent = 'must be present and consistent with the issued certificate'
  if (notBefore === undefined) report.at('notBefore').required(consistent)
  if (notAfter === undefined) report.at('notAfter').required(consistent)
  if (beginRefreshAt === undefined) {
    report.at('beginRefreshAt').required('must be present and in the range [notbefore+10min, notafter-10min]')
  }
  if (Object.values(times).includes(undefined)) return
  const problem = timeProblem(
    certificate,
    [notBefore!, notAfter!, beginRefreshAt!],
    spec.maxExpirationSeconds ?? 0,
    now,
  )
  if (problem !== undefined) return report.at(problem[0]).invalid(problem[1], problem[2])
  for (const block of others) {
    if (block.type !== 'CERTIFICATE') {
      // Upstream's spelling.
      return chain.invalid(text, 'issued certificate chain must consist entirely of CERTFICATE PEM blocks')
    }
    if (readCertificate(block) === undefined) {
      return chain.invalid(text, 'intermediate certificate does not parse as valid X.509')
    }
  }
}

function readCertificate({ bytes }: PemBlock): X509Certificate | undefined {
  try {
    return new X509Certificate(bytes)
  } catch {
    return undefined
  }
}

/** The first time that is wrong: where, what is shown, and why. */
function timeProblem(
  certificate: X509Certificate,
  [begin, end, refresh]: readonly [string, string, string],
  longest: number,
  now: number,
): readonly [string, string | number, string] | undefined {
  const [from, to, renew] = [Date.parse(begin), Date.parse(end), Date.parse(refresh)]
  const [validFrom, validTo] = [Number(certificate.validFromDate), Number(certificate.validToDate)]
  if (from !== validFrom)
    return ['notBefore', begin, 'must be set to the NotBefore time encoded in the leaf certificate']
  if (Math.abs(from - now) >= 5 * minute) {
    return ['notBefore', begin, "must be set to within 5 minutes of kube-apiserver's current time"]
  }
  if (to !== validTo) return ['notAfter', end, 'must be set to the NotAfter time encoded in the leaf certificate']
  const life = validTo - validFrom
  const shown = life * nanoseconds
  if (life < shortestLife) return ['certificateChain', shown, 'leaf certificate lifetime must be >= 1 hour']
  if (life > longest * 1_000) {
    return ['certificateChain', shown, `leaf certificate lifetime must be <= spec.maxExpirationSeconds (${longest})`]
  }
  if (renew < from + 10 * minute)
    return ['beginRefreshAt', refresh, 'must be at least 10 minutes after status.notBefore']
  if (renew > to - 10 * minute) return ['beginRefreshAt', refresh, 'must be at least 10 minutes before status.notAfter']
  return undefined
}

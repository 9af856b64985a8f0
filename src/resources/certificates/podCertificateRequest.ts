import { createPublicKey, verify, X509Certificate, type KeyObject } from 'node:crypto'
import {
  podCertificateRequests,
  type PodCertificateRequest,
  type PodCertificateRequestSpec,
  type PodCertificateRequestStatus,
} from '#api/certificates/v1alpha1/podCertificateRequest.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { readPemBlocks } from '#lib/pki/pem.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { checkConditions } from '#resources/conditions.ts'
import { goForm } from '#resources/goForm.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkSignerName } from './signerName.ts'

/** How a request can end; at most one of them is ever true. */
const outcomes = ['Issued', 'Denied', 'Failed'] as const

/** Certificates that kubelets ask for on behalf of pods. */
export const podCertificateRequestStrategy: Strategy<PodCertificateRequest> = {
  resource: podCertificateRequests,
  reserved: ['status'],
  generation: false,
  selectableFields: {
    'spec.signerName': ({ spec }) => spec.signerName,
    'spec.podName': ({ spec }) => spec.podName,
    'spec.nodeName': ({ spec }) => spec.nodeName,
  },
  columns: [
    nameColumn,
    { name: 'PodName', description: 'The pod.', value: ({ spec }) => spec.podName },
    {
      name: 'ServiceAccountName',
      description: 'The account of the pod.',
      value: ({ spec }) => spec.serviceAccountName,
    },
    { name: 'NodeName', description: 'The node of the pod.', value: ({ spec }) => spec.nodeName },
    { name: 'SignerName', description: 'Who is to sign.', value: ({ spec }) => spec.signerName },
    {
      name: 'State',
      description: 'Whether the certificate was issued.',
      value: ({ status }) => outcomes.find((type) => isConditionTrue(status?.conditions, type)) ?? 'Pending',
    },
    ageColumn,
  ],
  subresources: {
    status: {
      ...statusAlone,
      validate: ({ status = {} }, old, report) => checkStatus(status, old.status ?? {}, report.at('status')),
    },
  },
  validate({ spec }, old, report) {
    const place = report.at('spec')
    if (old === undefined) checkSpec(spec, place)
    else if (!sameJson(spec, old.spec)) {
      place.invalid(goForm('io.k8s.api.certificates.v1alpha1.PodCertificateRequestSpec', spec), 'field is immutable')
    }
  },
}

const longestUid = 128
/** In bytes. */
const longestKey = 10 * 1024
/** Seconds: an hour; a day for the signers of Kubernetes itself, for others 91 days. */
const shortest = 3_600
const longestOwn = 86_400
const longestOther = 7_862_400

function checkSpec(spec: PodCertificateRequestSpec, report: Report): void {
  const { signerName = '', maxExpirationSeconds: seconds, pkixPublicKey = '', proofOfPossession = '' } = spec
  checkSignerName(signerName, report.at('signerName'))
  for (const part of ['pod', 'serviceAccount', 'node'] as const) {
    const name = spec[`${part}Name`] ?? ''
    const uid = spec[`${part}UID`] ?? ''
    report.at(`${part}Name`).invalidBecause(name, dnsSubdomainProblems(name))
    if (uid === '') report.at(`${part}UID`).required('must not be empty')
    if (uid.length > longestUid) report.at(`${part}UID`).tooLong(longestUid)
  }
  const longest = /^([^/]*\.)?kubernetes\.io\//.test(signerName) ? longestOwn : longestOther
  if (seconds === undefined) report.at('maxExpirationSeconds').required('must be set')
  else if (seconds < shortest || seconds > longest) {
    report.at('maxExpirationSeconds').invalid(seconds, `must be in the range [${shortest}, ${longest}]`)
  }
  const [key, proof] = [Buffer.from(pkixPublicKey, 'base64'), Buffer.from(proofOfPossession, 'base64')]
  if (key.length > longestKey) report.at('pkixPublicKey').tooLong(longestKey)
  else if (proof.length > longestKey) report.at('proofOfPossession').tooLong(longestKey)
  else checkKey(key, proof, spec.podUID ?? '', report)
}

function checkKey(bytes: Buffer, proof: Buffer, podUid: string, report: Report): void {
  const place = report.at('pkixPublicKey')
  let key: KeyObject
  try {
    key = createPublicKey({ key: bytes, format: 'der', type: 'spki' })
  } catch {
    place.invalid(bytes.toString('base64'), 'must be a valid PKIX-serialized public key')
    return
  }
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  const message = Buffer.from(podUid)
  let isProven: boolean
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      isProven = verify(null, message, key, proof)
      break
    case 'ec':
      if (!['prime256v1', 'secp384r1', 'secp521r1'].includes(namedCurve)) {
        place.invalid(`curve ${namedCurve}`, 'elliptic public keys must use curve P256, P384, or P521')
        return
      }
      isProven = verify('sha256', message, key, proof)
      break
    case 'rsa':
      if (modulusLength !== 3_072 && modulusLength !== 4_096) {
        place.invalid(`${modulusLength}-bit modulus`, 'RSA keys must have modulus size 3072 or 4096')
        return
      }
      // The padding of PSS, with a salt of any length.
      isProven = verify('sha256', message, { key, padding: 6, saltLength: -2 }, proof)
      break
    default:
      place.invalid(bytes.toString('base64'), 'unknown public key type; supported types are Ed25519, ECDSA, and RSA')
      return
  }
  if (!isProven) {
    report.at('proofOfPossession').invalid(proof.toString('base64'), 'could not verify proof-of-possession signature')
  }
}

function checkStatus(status: PodCertificateRequestStatus, old: PodCertificateRequestStatus, report: Report): void {
  if (outcomes.some((type) => isConditionTrue(old.conditions, type))) {
    if (sameJson(status, old)) return
    const shown = goForm('io.k8s.api.certificates.v1alpha1.PodCertificateRequestStatus', status)
    report.invalid(shown, 'immutable after PodCertificateRequest is issued, denied, or failed')
    return
  }
  const place = report.at('conditions')
  const { conditions = [], certificateChain = '' } = status
  checkConditions(conditions, place)
  const known: readonly string[] = outcomes
  for (const [index, condition] of conditions.entries()) {
    if (!known.includes(condition.type)) continue
    if (conditions.findIndex(({ type }) => known.includes(type)) < index) {
      const why = 'There may be at most one condition with type "Issued", "Denied", or "Failed"'
      place.at(index, 'type').invalid(condition.type, why)
    }
    if (condition.status !== 'True') place.at(index, 'status').notSupported(condition.status, ['True'])
  }
  const times = ['notBefore', 'beginRefreshAt', 'notAfter'] as const
  if (isConditionTrue(conditions, 'Issued')) {
    const problem = chainProblem(certificateChain)
    if (problem !== undefined) report.at('certificateChain').invalid(certificateChain, problem)
    for (const name of times)
      if (status[name] === undefined)
        report.at(name).required('must be present and consistent with the issued certificate')
    return
  }
  if (certificateChain !== '') report.at('certificateChain').forbidden('must only be set when the request is issued')
  for (const name of times) {
    if (status[name] !== undefined) report.at(name).forbidden('must only be set when the request is issued')
  }
}

function chainProblem(text: string): string | undefined {
  const blocks = readPemBlocks(text)
  if (blocks.length === 0) return 'must contain at least one certificate'
  for (const { type, hasHeaders, bytes } of blocks) {
    if (type !== 'CERTIFICATE') return 'issued certificate chain must contain only CERTIFICATE blocks'
    if (hasHeaders) return 'issued certificate chain must not have PEM block headers'
    try {
      void new X509Certificate(bytes)
    } catch {
      return 'issued certificate chain must contain certificates that can be read'
    }
  }
  return undefined
}

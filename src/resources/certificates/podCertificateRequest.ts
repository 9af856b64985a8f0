import { verify } from 'node:crypto'
import {
  podCertificateRequests,
  type PodCertificateRequest,
  type PodCertificateRequestSpec,
} from '#api/certificates/v1alpha1/podCertificateRequest.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { isConditionTrue } from '#machinery/conditions.ts'
import { dnsSubdomainProblems } from '#machinery/validate/names.ts'
import type { Report } from '#machinery/validate/report.ts'
import { ageColumn, nameColumn } from '#resources/columns.ts'
import { goForm } from '#resources/goForm.ts'
import { statusAlone } from '#resources/status.ts'
import type { Strategy } from '#server/strategy.ts'
import { checkOutcome, outcomes, readKey } from './podCertificateOutcome.ts'
import { checkSignerName } from './signerName.ts'

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
      validate: (request, old, report, { now }) => checkOutcome(request, old, now, report),
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
    if (uid === '') report.at(`${part}UID`).invalid(uid, 'must not be empty')
    if (uid.length > longestUid) report.at(`${part}UID`).tooLong(longestUid)
  }
  const longest = /^([^/]*\.)?kubernetes\.io\//.test(signerName) ? longestOwn : longestOther
  if (seconds === undefined) return report.at('maxExpirationSeconds').required('must be set')
  if (seconds < shortest || seconds > longest) {
    report.at('maxExpirationSeconds').invalid(seconds, `must be in the range [${shortest}, ${longest}]`)
  }
  const [key, proof] = [Buffer.from(pkixPublicKey, 'base64'), Buffer.from(proofOfPossession, 'base64')]
  if (key.length > longestKey) report.at('pkixPublicKey').tooLong(longestKey)
  else if (proof.length > longestKey) report.at('proofOfPossession').tooLong(longestKey)
  else checkKey(key, proof, spec.podUID ?? '', report)
}

/** Curves that are known but not taken, as they are called by NIST. */
const curveNames: Readonly<Record<string, string>> = { secp224r1: 'P-224' }

function checkKey(bytes: Buffer, proof: Buffer, podUid: string, report: Report): void {
  const place = report.at('pkixPublicKey')
  const key = readKey(bytes)
  if (key === undefined) {
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
        place.invalid(
          `curve ${curveNames[namedCurve] ?? namedCurve}`,
          'elliptic public keys must use curve P256 or P384',
        )
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
    report.at('proofOfPossession').problem('Invalid', 'could not verify proof-of-possession signature')
  }
}

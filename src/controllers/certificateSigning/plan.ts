import type {
  CertificateSigningRequest,
  KeyUsage as AskedUsage,
} from '#api/certificates/v1/certificateSigningRequest.ts'
import type { CertificateTemplate, ExtendedUsage, KeyUsage, Validity } from '#lib/pki/certificate.ts'
import { readRequest } from '#lib/pki/request.ts'
import { clientUsageProblem, clientSigner, kubeletClientProblem, kubeletServingProblem } from './kubernetesSigners.ts'

/** What to do about a request for a certificate. */
export type SigningPlan =
  | { readonly do: 'nothing' }
  /** Say that it can never be signed. */
  | { readonly do: 'fail'; readonly message: string }
  | { readonly do: 'sign'; readonly template: CertificateTemplate }

const minute = 60_000
const hour = 60 * minute
/** For how long certificates are valid that ask for no less. */
const longestLife = 365 * 24 * hour
const shortestLife = 10 * minute
/** Clocks of machines differ: certificates begin before they are made. */
const backdated = 5 * minute
/** Certificates that live shorter than this do not end early for having begun early. */
const shortLife = 8 * hour

/** Why a request to a signer cannot be granted, by the signers of Kubernetes; whoever else there is signs for himself. */
const problemFinders: Readonly<Record<string, typeof kubeletServingProblem>> = {
  'kubernetes.io/kubelet-serving': kubeletServingProblem,
  'kubernetes.io/kube-apiserver-client-kubelet': kubeletClientProblem,
  [clientSigner]: (_, usages) => clientUsageProblem(usages),
  'kubernetes.io/legacy-unknown': () => undefined,
}

/** Decides about a request; `signerEnds` is until when the signer's own certificate is valid. */
export function planSigning(request: CertificateSigningRequest, signerEnds: number, now: number): SigningPlan {
  const { spec, status } = request
  const has = (type: string): boolean => status?.conditions?.some((condition) => condition.type === type) === true
  if ((status?.certificate ?? '') !== '' || !has('Approved') || has('Denied') || has('Failed')) return { do: 'nothing' }
  const findProblem = problemFinders[spec.signerName]
  if (findProblem === undefined) return { do: 'nothing' }
  const asked = readRequest(Buffer.from(spec.request, 'base64').toString('latin1'))
  const usages = spec.usages ?? []
  const problem = findProblem(asked, usages)
  if (problem !== undefined) return { do: 'fail', message: problem }
  return {
    do: 'sign',
    template: { ...asked, ...usagesOf(usages), ...validityOf(spec.expirationSeconds, signerEnds, now) },
  }
}

/** Until when a request asks to be valid, as far as that can be. Throws when the signer's own time is over. */
function validityOf(expirationSeconds: number | undefined, signerEnds: number, now: number): Validity {
  if (now >= signerEnds) throw new Error(`the signer has expired: NotAfter=${new Date(signerEnds).toISOString()}`)
  const life =
    expirationSeconds === undefined
      ? longestLife
      : Math.min(longestLife, Math.max(shortestLife, expirationSeconds * 1000))
  const ends = life < shortLife ? now + life : now + life - backdated
  return { notBefore: now - backdated, notAfter: Math.min(ends, signerEnds) }
}

const keyUsages: Partial<Record<AskedUsage, KeyUsage>> = {
  signing: 'digitalSignature',
  'digital signature': 'digitalSignature',
  'content commitment': 'contentCommitment',
  'key encipherment': 'keyEncipherment',
  'key agreement': 'keyAgreement',
  'data encipherment': 'dataEncipherment',
  'cert sign': 'certSign',
  'crl sign': 'crlSign',
  'encipher only': 'encipherOnly',
  'decipher only': 'decipherOnly',
}

/** In the order in which a certificate names them. */
const extendedUsages: Partial<Record<AskedUsage, ExtendedUsage>> = {
  any: 'any',
  'server auth': 'serverAuth',
  'client auth': 'clientAuth',
  'code signing': 'codeSigning',
  'email protection': 'emailProtection',
  's/mime': 'emailProtection',
  'ipsec end system': 'ipsecEndSystem',
  'ipsec tunnel': 'ipsecTunnel',
  'ipsec user': 'ipsecUser',
  timestamping: 'timestamping',
  'ocsp signing': 'ocspSigning',
  'microsoft sgc': 'microsoftSgc',
  'netscape sgc': 'netscapeSgc',
}

function usagesOf(usages: readonly AskedUsage[]): Pick<CertificateTemplate, 'keyUsages' | 'extendedUsages'> {
  const among = <T>(names: Partial<Record<AskedUsage, T>>): T[] => [
    ...new Set(
      (Object.keys(names) as AskedUsage[]).filter((usage) => usages.includes(usage)).map((usage) => names[usage]!),
    ),
  ]
  return { keyUsages: among(keyUsages), extendedUsages: among(extendedUsages) }
}

/** The words of a failure, for the condition `Failed`. */
export const failedReason = 'SignerValidationFailure'

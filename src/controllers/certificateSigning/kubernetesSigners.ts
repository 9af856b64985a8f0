// What the signers of Kubernetes ask of requests: https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/
import type { KeyUsage } from '#api/certificates/v1/certificateSigningRequest.ts'
import type { CertificateRequest } from '#lib/pki/request.ts'

export const clientSigner = 'kubernetes.io/kube-apiserver-client'
export const kubeletClientSigner = 'kubernetes.io/kube-apiserver-client-kubelet'

const isOneOf = (usages: readonly KeyUsage[], sets: readonly (readonly KeyUsage[])[]): boolean => {
  const asked = [...new Set(usages)].toSorted().join()
  return sets.some((each) => each.toSorted().join() === asked)
}

/** Keys other than RSA cannot encipher keys. */
const withAndWithoutEncipherment = (usage: KeyUsage): readonly (readonly KeyUsage[])[] => [
  ['digital signature', 'key encipherment', usage],
  ['digital signature', usage],
]

const usageText = (usage: KeyUsage): string =>
  `usages did not match [${['digital signature', 'key encipherment', usage].toSorted().join(' ')}]`

const isOfNodes = ({ subject: { organizations = [] } }: CertificateRequest): boolean =>
  organizations.length === 1 && organizations[0] === 'system:nodes'
const organizationProblem = 'subject organization is not system:nodes'

const namesNode = ({ subject }: CertificateRequest): boolean => subject.commonName.startsWith('system:node:')
const nameProblem = 'subject common name does not begin with system:node:'

/** Why a request cannot be that of a kubelet which serves. */
export function kubeletServingProblem(request: CertificateRequest, usages: readonly KeyUsage[]): string | undefined {
  if (!isOfNodes(request)) return organizationProblem
  if (request.dnsNames.length + request.addresses.length === 0) return 'DNS or IP subjectAltName is required'
  if (request.emails.length > 0) return 'Email subjectAltNames are not allowed'
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed'
  if (!isOneOf(usages, withAndWithoutEncipherment('server auth'))) return usageText('server auth')
  return namesNode(request) ? undefined : nameProblem
}

/** Why a request cannot be that of a kubelet which asks the API server. */
export function kubeletClientProblem(request: CertificateRequest, usages: readonly KeyUsage[]): string | undefined {
  if (!isOfNodes(request)) return organizationProblem
  if (request.dnsNames.length > 0) return 'DNS subjectAltNames are not allowed'
  if (request.emails.length > 0) return 'Email subjectAltNames are not allowed'
  if (request.addresses.length > 0) return 'IP subjectAltNames are not allowed'
  if (request.uris.length > 0) return 'URI subjectAltNames are not allowed'
  if (!namesNode(request)) return nameProblem
  return isOneOf(usages, withAndWithoutEncipherment('client auth')) ? undefined : usageText('client auth')
}

/** Why a client of the API server cannot have a certificate for these usages. */
export function clientUsageProblem(usages: readonly KeyUsage[]): string | undefined {
  const allowed: readonly KeyUsage[] = ['digital signature', 'key encipherment', 'client auth']
  const other = usages.find((usage) => !allowed.includes(usage))
  if (other !== undefined) return `invalid usage for client certificate: ${other}`
  return usages.includes('client auth') ? undefined : 'missing required usage for client certificate: client auth'
}

import type { CertificateSigningRequest } from '#api/certificates/v1/certificateSigningRequest.ts'
import { readRequest } from '#lib/pki/request.ts'
import { kubeletClientProblem, kubeletClientSigner } from '../certificateSigning/kubernetesSigners.ts'

/** What whoever asks must be allowed for his request to be approved, and what is said then. */
export interface Ground {
  /** The subresource of certificate requests that he must be allowed to create. */
  readonly subresource: string
  readonly message: string
}

/** The grounds on which a request may be approved without a person, the most special first. */
export function approvalGrounds({ spec, status }: CertificateSigningRequest): readonly Ground[] {
  const decided = status?.conditions?.some(({ type }) => type === 'Approved' || type === 'Denied') === true
  if (decided || (status?.certificate ?? '') !== '' || spec.signerName !== kubeletClientSigner) return []
  const asked = readRequest(Buffer.from(spec.request, 'base64').toString('latin1'))
  if (kubeletClientProblem(asked, spec.usages ?? []) !== undefined) return []
  const own: readonly Ground[] =
    spec.username === asked.subject.commonName
      ? [
          {
            subresource: 'selfnodeclient',
            message: 'Auto approving self kubelet client certificate after SubjectAccessReview.',
          },
        ]
      : []
  const message = 'Auto approving kubelet client certificate after SubjectAccessReview.'
  return [...own, { subresource: 'nodeclient', message }]
}

import {
  certificateSigningRequests,
  type CertificateSigningRequest,
  type CertificateSigningRequestStatus,
} from '#api/certificates/v1/certificateSigningRequest.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { certificatePem, issueCertificate, validityOf } from '#lib/pki/certificate.ts'
import { timeText } from '#machinery/time.ts'
import type { ControllerContext } from '../context.ts'
import { failedReason, planSigning, type SigningPlan } from './plan.ts'

/** Signs approved requests that are made to the signers of Kubernetes. */
export function certificateSigningController({ client, clock, informers, config }: ControllerContext): Controller {
  const copies = informers.of(certificateSigningRequests)
  return {
    name: 'certificatesigningrequest-signing-controller',
    queue: 'certificate',
    account: 'certificate-controller',
    permissions: [
      { groups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs: ['get', 'list', 'watch'] },
      { groups: ['certificates.k8s.io'], resources: ['certificatesigningrequests/status'], verbs: ['update'] },
    ],
    watch(on) {
      on(copies, ({ metadata }) => [metadata.name])
    },
    async reconcile(name, signal) {
      const request = copies.get(name)
      const authority = config.certificateAuthority?.()
      if (request === undefined || authority === undefined) return
      const write = (status: CertificateSigningRequestStatus): Promise<CertificateSigningRequest | undefined> =>
        unlessGone(client.updateStatus(certificateSigningRequests, { ...request, status }, { signal }))
      const now = clock.now()
      const plan: SigningPlan = planSigning(request, validityOf(authority.certificate).notAfter, now)
      if (plan.do === 'fail') {
        const failed = { type: 'Failed', status: 'True', reason: failedReason, message: plan.message } as const
        const conditions = [...(request.status?.conditions ?? []), { ...failed, lastUpdateTime: timeText(now) }]
        await write({ ...request.status, conditions })
      } else if (plan.do === 'sign') {
        const certificate = certificatePem(issueCertificate(authority, plan.template))
        await write({ ...request.status, certificate: Buffer.from(certificate).toString('base64') })
      }
    },
  }
}

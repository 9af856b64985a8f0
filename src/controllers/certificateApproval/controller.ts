import { subjectAccessReviews } from '#api/authorization/v1/subjectAccessReview.ts'
import {
  certificateSigningRequests,
  type CertificateSigningRequest,
} from '#api/certificates/v1/certificateSigningRequest.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { ControllerContext } from '../context.ts'
import { approvalGrounds } from './plan.ts'

const { group, plural } = certificateSigningRequests
/** When somebody is asked again whether he may have what he asked for. */
const again = 60_000

/** Approves what nodes, and machines that become nodes, ask for if roles let them. */
export function certificateApprovalController({ client, informers }: ControllerContext): Controller {
  const copies = informers.of(certificateSigningRequests)

  async function mayCreate(
    { spec }: CertificateSigningRequest,
    subresource: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { username = '', uid, groups, extra } = spec
    const review = {
      user: username,
      ...(uid === undefined ? {} : { uid }),
      ...(groups === undefined ? {} : { groups }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: { group, resource: plural, verb: 'create', subresource, version: '*' },
    }
    const { status } = await client.create(subjectAccessReviews, { metadata: {}, spec: review }, { signal })
    return status?.allowed === true
  }

  return {
    name: 'certificatesigningrequest-approving-controller',
    queue: 'certificate',
    account: 'certificate-controller',
    permissions: [
      { groups: [group], resources: [plural], verbs: ['get', 'list', 'watch'] },
      { groups: [group], resources: [`${plural}/approval`], verbs: ['update'] },
      { groups: ['authorization.k8s.io'], resources: ['subjectaccessreviews'], verbs: ['create'] },
    ],
    watch(on) {
      on(copies, ({ metadata }) => [metadata.name])
    },
    async reconcile(name, signal) {
      const request = copies.get(name)
      const grounds = request === undefined ? [] : approvalGrounds(request)
      for (const { subresource, message } of grounds) {
        if (!(await mayCreate(request!, subresource, signal))) continue
        const approved = { type: 'Approved', status: 'True', reason: 'AutoApproved', message } as const
        const status = { ...request!.status, conditions: [...(request!.status?.conditions ?? []), approved] }
        const body = { ...request!, status }
        await unlessGone(client.updateSubresource(certificateSigningRequests, { name }, 'approval', body, { signal }))
        return undefined
      }
      return grounds.length === 0 ? undefined : { after: again }
    },
  }
}

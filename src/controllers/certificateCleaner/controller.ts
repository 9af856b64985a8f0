import { certificateSigningRequests } from '#api/certificates/v1/certificateSigningRequest.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { ControllerContext } from '../context.ts'
import { endOfUse } from './plan.ts'

/** Deletes requests for certificates that were answered an hour ago, or that nobody answered for a day. */
export function certificateCleaner({ client, clock, informers }: ControllerContext): Controller {
  const copies = informers.of(certificateSigningRequests)
  return {
    name: 'certificatesigningrequest-cleaner-controller',
    account: 'certificate-controller',
    permissions: [
      {
        groups: ['certificates.k8s.io'],
        resources: ['certificatesigningrequests'],
        verbs: ['delete', 'list', 'watch'],
      },
    ],
    watch(on) {
      on(copies, ({ metadata }) => [metadata.name])
    },
    async reconcile(name, signal) {
      const request = copies.get(name)
      const end = request === undefined ? undefined : endOfUse(request)
      if (end === undefined) return undefined
      const now = clock.now()
      if (now < end) return { after: end - now }
      const { uid = '' } = request!.metadata
      await unlessGone(client.delete(certificateSigningRequests, { name }, { preconditions: { uid }, signal }))
      return undefined
    },
  }
}

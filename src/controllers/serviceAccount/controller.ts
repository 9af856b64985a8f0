import { namespaces } from '#api/core/v1/namespace.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import type { Controller } from '#client/controller.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { isNamespaceEnding } from '../podWrites.ts'
import { defaultAccount, needsAccount } from './plan.ts'

/** Gives every namespace its `default` service account. */
export function serviceAccountController(context: ControllerContext): Controller {
  const { client } = context
  const copies = context.informers.of(namespaces)
  const accounts = context.informers.of(serviceAccounts)
  return {
    name: 'service-account-controller',
    queue: 'serviceaccount',
    permissions: [
      { groups: [''], resources: ['serviceaccounts'], verbs: ['create', 'list', 'watch'] },
      { groups: [''], resources: ['namespaces'], verbs: ['list', 'watch'] },
    ],
    watch(on) {
      on(copies, ({ metadata }) => [metadata.name])
      on(accounts, ({ metadata }) => (metadata.name === defaultAccount ? [metadata.namespace ?? ''] : []))
    },
    async reconcile(name, signal) {
      const namespace = copies.get(name)
      if (namespace === undefined) return
      if (!needsAccount(namespace, accounts.get(`${name}/${defaultAccount}`) !== undefined)) return
      try {
        await client.create(serviceAccounts, { metadata: { name: defaultAccount, namespace: name } }, { signal })
      } catch (error) {
        if (isReason(error, 'AlreadyExists') || isReason(error, 'NotFound') || isNamespaceEnding(error)) return
        throw error
      }
    },
  }
}

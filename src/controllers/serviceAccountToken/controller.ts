import { secrets } from '#api/core/v1/secret.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import type { Controller } from '#client/controller.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { accountNameOf, accountOf, base64, planToken, tokenType, withoutSecret } from './plan.ts'

/** Keys of Secrets that are gone, with the account they were for; beside those of Secrets. */
const gonePrefix = 'gone:'

/**
 * Puts tokens of service accounts into the Secrets that ask for them, takes Secrets away whose account is gone, and takes
 * Secrets that are gone off the lists of their accounts.
 */
export function serviceAccountTokenController(context: ControllerContext): Controller {
  const { client, config } = context
  const accounts = context.informers.of(serviceAccounts)
  const copies = context.informers.of(secrets, { fieldSelector: `type=${tokenType}` })
  const byAccount = 'account'
  copies.addIndex(byAccount, (secret) => [`${secret.metadata.namespace ?? ''}/${accountNameOf(secret)}`])
  const forget = async (gone: readonly string[], signal: AbortSignal): Promise<void> => {
    const [namespace = '', secret = '', name = '', uid = ''] = gone
    const known = accounts.get(`${namespace}/${name}`)
    if (copies.get(`${namespace}/${secret}`) !== undefined || known === undefined) return
    if (withoutSecret(known, { name, uid }, secret) === undefined) return
    const account = await unlessGone(client.get(serviceAccounts, { name, namespace }, { signal }))
    const changed = account === undefined ? undefined : withoutSecret(account, { name, uid }, secret)
    if (changed !== undefined) await unlessGone(client.update(serviceAccounts, changed, { signal }))
  }
  return {
    name: 'service-account-token-controller',
    queue: 'serviceaccount_tokens_service',
    permissions: [
      { groups: [''], resources: ['secrets'], verbs: ['delete', 'list', 'update', 'watch'] },
      { groups: [''], resources: ['serviceaccounts'], verbs: ['get', 'list', 'update', 'watch'] },
    ],
    watch(on) {
      on(copies, (secret) => {
        const key = keyOf(secret.metadata)
        if (copies.get(key) !== undefined) return [key]
        const { name, uid } = accountOf(secret)
        return [`${gonePrefix}${key}/${name}/${uid}`]
      })
      on(accounts, ({ metadata }) => copies.byIndex(byAccount, keyOf(metadata)).map((secret) => keyOf(secret.metadata)))
    },
    async reconcile(key, signal) {
      if (key.startsWith(gonePrefix)) return forget(key.slice(gonePrefix.length).split('/'), signal)
      const secret = copies.get(key)
      const { signSecretToken } = config
      if (secret === undefined || signSecretToken === undefined) return
      const at = { name: accountNameOf(secret), namespace: secret.metadata.namespace ?? '' }
      const known = accounts.get(`${at.namespace}/${at.name}`)
      // What is about to be taken away is asked for once more: the copy may be behind.
      const account =
        known ?? (at.name === '' ? undefined : await unlessGone(client.get(serviceAccounts, at, { signal })))
      const plan = planToken(secret, account, config.rootCertificate)
      if (plan.do === 'delete') {
        const { uid = '', resourceVersion = '' } = secret.metadata
        const preconditions = { uid, resourceVersion }
        await unlessGone(client.delete(secrets, nameOfKey(key), { preconditions, signal }))
      }
      if (plan.do !== 'fill') return
      const token = plan.needsToken ? { token: base64(await signSecretToken(secret, account!)) } : {}
      try {
        await client.update(secrets, { ...plan.secret, data: { ...plan.secret.data, ...token } }, { signal })
      } catch (error) {
        if (!isReason(error, 'NotFound')) throw error
      }
    },
  }
}

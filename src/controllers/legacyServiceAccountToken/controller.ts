import { configMaps } from '#api/core/v1/configMap.ts'
import { pods } from '#api/core/v1/pod.ts'
import { secrets } from '#api/core/v1/secret.ts'
import { serviceAccounts } from '#api/core/v1/serviceAccount.ts'
import type { Controller } from '#client/controller.ts'
import { nameOfKey, keyOf } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { dayMs, invalidSinceLabel, trackingConfigMap } from '#machinery/legacyTokens.ts'
import { isReason } from '#machinery/status.ts'
import type { ControllerContext } from '../context.ts'
import { tokenType } from '../serviceAccountToken/plan.ts'
import { planUnusedTokens } from './plan.ts'

const everything = 'all'
/** Until somebody says since when uses are noted. */
const soonMs = 3_600_000

/** Marks tokens in Secrets that nobody has used for a year, and takes them away after another one; looks once a day. */
export function legacyServiceAccountTokenCleaner(context: ControllerContext): Controller {
  const { client, clock, informers } = context
  const tokens = informers.of(secrets, { fieldSelector: `type=${tokenType}` })
  const accounts = informers.of(serviceAccounts)
  const podCopies = informers.of(pods)
  return {
    name: 'legacy-serviceaccount-token-cleaner-controller',
    account: 'legacy-service-account-token-cleaner',
    permissions: [{ groups: [''], resources: ['secrets'], verbs: ['delete', 'patch'] }],
    workers: 1,
    initial: [everything],
    watch(on) {
      // They are read when it is time to look.
      on(tokens, () => [])
      on(accounts, () => [])
      on(podCopies, () => [])
    },
    async reconcile(_, signal) {
      const tracking = await unlessGone(client.get(configMaps, trackingConfigMap, { signal }))
      if (tracking === undefined) return { after: soonMs }
      const plan = planUnusedTokens({
        now: clock.now(),
        tracking,
        secrets: tokens.list(),
        account: (namespace, name) => accounts.get(`${namespace}/${name}`),
        podsOf: (namespace) => podCopies.list({ namespace }),
      })
      if (typeof plan === 'string') throw new Error(`Cannot find tokens that nobody uses: ${plan}`)
      for (const action of plan) {
        const { uid = '', resourceVersion = '' } = action.secret.metadata
        const at = nameOfKey(keyOf(action.secret.metadata))
        if (action.do === 'mark') {
          const labels = { [invalidSinceLabel]: action.invalidSince }
          await unlessGone(
            client.patch(secrets, at, { type: 'merge', body: { metadata: { uid, labels } } }, { signal }),
          )
          continue
        }
        try {
          await unlessGone(client.delete(secrets, at, { preconditions: { uid, resourceVersion }, signal }))
        } catch (error) {
          // It was used, or changed otherwise, just now.
          if (!isReason(error, 'Conflict')) throw error
        }
      }
      return { after: dayMs }
    },
  }
}

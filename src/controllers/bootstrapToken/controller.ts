import { secrets } from '#api/core/v1/secret.ts'
import type { Controller } from '#client/controller.ts'
import { keyOf, nameOfKey } from '#client/index.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { ControllerContext } from '../context.ts'
import { bootstrapNamespace, bootstrapTokenType, timeLeft } from './plan.ts'

/** Takes bootstrap tokens away whose time is over. */
export function tokenCleaner(context: ControllerContext): Controller {
  const { client, clock } = context
  const copies = context.informers.of(secrets, {
    namespace: bootstrapNamespace,
    fieldSelector: `type=${bootstrapTokenType}`,
  })
  return {
    name: 'token-cleaner',
    queue: 'token_cleaner',
    // Its bootstrap role is one of kube-system.
    permissions: [],
    watch: (on) => on(copies, ({ metadata }) => [keyOf(metadata)]),
    async reconcile(key, signal) {
      const secret = copies.get(key)
      const left = secret === undefined ? undefined : timeLeft(secret, clock.now())
      if (left === undefined) return
      if (left > 0) return { after: left }
      const { uid = '' } = secret!.metadata
      await unlessGone(client.delete(secrets, nameOfKey(key), { preconditions: { uid }, signal }))
    },
  }
}

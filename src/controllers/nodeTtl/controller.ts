import { nodes } from '#api/core/v1/node.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { ControllerContext } from '../context.ts'
import { nodesToTell, ttlAnnotation, ttlSeconds } from './plan.ts'

const everything = 'nodes'
/** Nodes often come many at a time, and how many there are is what counts. In milliseconds. */
const quiet = 1_000

/** Writes on every node how long copies of objects last there, by the size of the cluster. */
export function nodeTtlController({ client, informers }: ControllerContext): Controller {
  const copies = informers.of(nodes)
  let seconds = 0
  return {
    name: 'ttl-controller',
    permissions: [{ groups: [''], resources: ['nodes'], verbs: ['update', 'patch', 'list', 'watch'] }],
    workers: 1,
    watch(on) {
      on(copies, () => [everything])
    },
    async reconcile(_, signal) {
      const all = copies.list()
      seconds = ttlSeconds(all.length, seconds)
      for (const { metadata } of nodesToTell(all, seconds)) {
        const { uid } = metadata
        const body = { metadata: { uid, annotations: { [ttlAnnotation]: String(seconds) } } }
        await unlessGone(client.patch(nodes, metadata, { type: 'merge', body }, { signal }))
      }
      return { quiet }
    },
  }
}

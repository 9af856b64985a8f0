import { nodes } from '#api/core/v1/node.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import type { ControllerContext } from '../context.ts'
import { nodesToTell, ttlAnnotation, ttlSeconds } from './plan.ts'

const everything = 'nodes'
/** Nodes often come many at a time, and only how many there are in the end counts. In milliseconds. */
const settling = 1_000

/** Writes on every node how long copies of objects last there, by the size of the cluster. */
export function nodeTtlController({ client, clock, informers }: ControllerContext): Controller {
  const copies = informers.of(nodes)
  const names = new Set<string>()
  let changedAt = -Infinity
  let seconds = 0
  return {
    name: 'ttl-controller',
    queue: 'ttlcontroller',
    permissions: [{ groups: [''], resources: ['nodes'], verbs: ['update', 'patch', 'list', 'watch'] }],
    workers: 1,
    watch(on) {
      on(copies, ({ metadata: { name, annotations } }) => {
        const isThere = copies.get(name) !== undefined
        if (isThere === names.has(name)) return annotations?.[ttlAnnotation] === String(seconds) ? [] : [everything]
        if (isThere) names.add(name)
        else names.delete(name)
        changedAt = clock.now()
        return [everything]
      })
    },
    async reconcile(_, signal) {
      const wait = changedAt + settling - clock.now()
      if (wait > 0) return { after: wait }
      seconds = ttlSeconds(names.size, seconds)
      for (const { metadata } of nodesToTell(copies.list(), seconds)) {
        const { uid } = metadata
        const body = { metadata: { uid, annotations: { [ttlAnnotation]: String(seconds) } } }
        await unlessGone(client.patch(nodes, metadata, { type: 'merge', body }, { signal }))
      }
      return undefined
    },
  }
}

import { nodes } from '#api/core/v1/node.ts'
import { pods } from '#api/core/v1/pod.ts'
import type { Controller } from '#client/controller.ts'
import { unlessGone } from '#client/unlessGone.ts'
import { writeStatus } from '#client/writeStatus.ts'
import type { ControllerContext } from '../context.ts'
import { deletePod, markDisrupted } from '../disruptPod.ts'
import { planOrphans, planRemovals, type Removal } from './plan.ts'

const everything = 'pods'
const interval = 20_000

/** Removes pods that no kubelet will ever end: of nodes that are gone, never placed, or finished and too many. */
export function podGarbageCollector(context: ControllerContext): Controller {
  const { client, clock, config, metrics } = context
  const { deletions, errors } = metrics.podCollector
  const podCopies = context.informers.of(pods)
  const nodeCopies = context.informers.of(nodes)
  let missing: ReadonlyMap<string, number> = new Map()

  const isGone = async (name: string, signal: AbortSignal): Promise<boolean> =>
    (await unlessGone(client.get(nodes, { name }, { signal }))) === undefined

  const remove = async (removal: Removal, signal: AbortSignal): Promise<void> => {
    const labels = [removal.pod.metadata.namespace ?? '', removal.reason]
    let isDone = false
    try {
      await end(removal, signal)
      isDone = true
    } finally {
      if (!isDone) errors.with(...labels).inc()
      // Of pods that ended, and of those on nodes declared dead, v1.34 counts what it tries.
      const countsTries = removal.reason === 'terminated' || removal.reason === 'out-of-service'
      if (isDone || countsTries) deletions.with(...labels).inc()
    }
  }

  const end = async ({ pod, cause }: Removal, signal: AbortSignal): Promise<void> => {
    const { phase } = pod.status ?? {}
    const ended = phase === 'Succeeded' || phase === 'Failed'
    // Whoever counts failures has to see this one: the pod fails before it goes.
    const marked = ended
      ? pod
      : cause === undefined
        ? await unlessGone(writeStatus(client, pods, pod, { ...pod.status, phase: 'Failed' }, signal))
        : await markDisrupted(client, pod, { ...cause, phase: 'Failed' }, clock.now(), signal)
    if (marked !== undefined) await deletePod(client, marked, signal, 0)
  }

  return {
    name: 'pod-garbage-collector',
    permissions: [
      { groups: [''], resources: ['pods'], verbs: ['delete', 'list', 'watch'] },
      { groups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['pods/status'], verbs: ['patch'] },
    ],
    workers: 1,
    initial: [everything],
    watch(on) {
      on(podCopies, () => [])
      on(nodeCopies, () => [])
    },
    async reconcile(_key, signal) {
      const all = podCopies.list()
      const threshold = config.terminatedPodThreshold ?? 12_500
      const plan = planRemovals(all, (name) => nodeCopies.get(name), missing, threshold, clock.now())
      missing = plan.missing
      for (const removal of plan.remove) await remove(removal, signal)
      for (const node of plan.suspects) {
        if (!(await isGone(node, signal))) continue
        for (const removal of planOrphans(all, node)) await remove(removal, signal)
      }
      return { after: interval }
    },
  }
}

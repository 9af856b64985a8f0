import { nodes, type Node } from '#api/core/v1/node.ts'
import { pods, type Pod } from '#api/core/v1/pod.ts'
import type { Controller } from '#client/controller.ts'
import { referenceTo } from '#client/events.ts'
import { keyOf } from '#client/index.ts'
import type { ControllerContext } from '../context.ts'
import { deletePod, markDisrupted } from '../disruptPod.ts'
import { byNode, nodeIndex } from '../podsOfNode.ts'
import { leavesAt } from './plan.ts'

const component = 'taint-eviction-controller'

/** Deletes pods from nodes whose NoExecute taints they do not tolerate, or not any longer. */
export function taintEvictionController(context: ControllerContext): Controller {
  const { client, clock, causes, metrics } = context
  const nodeCopies = context.informers.of(nodes)
  const podCopies = context.informers.of(pods)
  podCopies.addIndex(byNode, nodeIndex)
  const events = context.events.recorder(component)
  /** Pods that were told they have to leave, and since when that is so. */
  const told = new Map<string, { readonly uid: string | undefined; readonly since: number }>()
  const isDrivingOut = ({ spec }: Node): boolean => spec.taints?.some(({ effect }) => effect === 'NoExecute') === true
  /** Whether a change of a pod can matter: most pods are on nodes that drive nobody out. */
  const concerns = ({ metadata, spec: { nodeName } }: Pod): boolean => {
    const node = nodeName === undefined ? undefined : nodeCopies.get(nodeName)
    return (node !== undefined && isDrivingOut(node)) || told.has(keyOf(metadata))
  }
  return {
    name: component,
    queue: 'noexec_taint_pod',
    account: 'node-controller',
    permissions: [
      { groups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
      { groups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'delete'] },
      { groups: [''], resources: ['pods/status'], verbs: ['patch'] },
    ],
    workers: 8,
    watch(on) {
      // Each pod of a node whose taints drive pods out, or did so before.
      on(nodeCopies, (node) =>
        isDrivingOut(node) ? podCopies.byIndex(byNode, node.metadata.name).map((pod) => keyOf(pod.metadata)) : [],
      )
      on(podCopies, (pod) => (concerns(pod) ? [keyOf(pod.metadata)] : []))
    },
    async reconcile(key, signal) {
      const pod = podCopies.get(key)
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) {
        told.delete(key)
        return
      }
      const now = clock.now()
      const taints = nodeCopies.get(pod.spec.nodeName ?? '')?.spec.taints ?? []
      const { uid } = pod.metadata
      const known = told.get(key)
      const since = known?.uid === uid ? known?.since : undefined
      const leaves = leavesAt(pod, taints, now, since)
      const about = referenceTo(pods, pod)
      const subject = { kind: pods.kind, ...pod.metadata }
      if (leaves === undefined) {
        causes.clear(subject, component)
        if (!told.delete(key)) return
        const message = `Cancelling deletion of Pod ${key}`
        events.record(about, { type: 'Normal', reason: 'TaintManagerEviction', message })
        return
      }
      if (leaves > now) {
        const message = `It has to leave its node at ${new Date(leaves).toISOString()} unless the taints go before`
        causes.record(subject, component, { reason: 'TaintNotToleratedForever', message })
        told.set(key, { uid, since: since ?? now })
        return { after: leaves - now }
      }
      events.record(about, {
        type: 'Normal',
        reason: 'TaintManagerEviction',
        message: `Marking for deletion Pod ${key}`,
      })
      const why = { reason: 'DeletionByTaintManager', message: 'Taint manager: deleting due to NoExecute taint' }
      const marked = await markDisrupted(client, pod, why, now, signal)
      if (marked === undefined) return
      await deletePod(client, marked, signal)
      metrics.taintEviction.deleted(clock.now() - leaves)
    },
  }
}

import type { Pod } from '#api/core/v1/pod.ts'
import type { AlsoTest, NodeRejection } from './cycle.ts'
import type { Nominations } from './nominations.ts'
import { priorityOf } from './preemption/importance.ts'
import { Trial } from './preemption/trial.ts'
import type { NodeView } from './snapshot.ts'
import type { Verdicts } from './verdicts.ts'

/** For so many nodes it is remembered what was said of them. */
const mostRemembered = 4_096

interface Remembered {
  readonly node: NodeView
  /** All promises of the node. */
  readonly promises: readonly Pod[]
  readonly rejection: NodeRejection | undefined
}

/** For pods that are alike to all plugins, by their priority and by the name of the node. */
const remembered = new WeakMap<Verdicts, Map<number, Map<string, Remembered>>>()

/**
 * Sees to it that a node is not given away twice: to this pod, and to one that it is promised to. What was said of a pod of
 * the same kind and priority counts while node and promises are the same.
 */
export function promiseTest(pod: Pod, nominations: Nominations): AlsoTest | undefined {
  if (nominations.isEmpty) return undefined
  const own = nominations.nodeOf(pod)
  return {
    nodes: nominations.byNode,
    test(node, hooks, verdicts) {
      const look = (): NodeRejection | undefined => {
        const promised = nominations.ahead(pod, node.name)
        if (promised.length === 0) return undefined
        return new Trial(pod, node, hooks).with({ added: promised }).objection()
      }
      const dependsOnOthers = hooks.some(({ plugin }) => plugin.looksAt === undefined && plugin.filter !== undefined)
      // The promise that it has itself counts for all others.
      if (verdicts === undefined || dependsOnOthers || node.name === own) return look()
      const byName = rememberedFor(verdicts, priorityOf(pod))
      const promises = nominations.of(node.name)
      const known = byName.get(node.name)
      if (known?.node === node && known.promises === promises) return known.rejection
      const rejection = look()
      if (byName.size >= mostRemembered) byName.clear()
      byName.set(node.name, { node, promises, rejection })
      return rejection
    },
  }
}

function rememberedFor(verdicts: Verdicts, priority: number): Map<string, Remembered> {
  let byPriority = remembered.get(verdicts)
  if (byPriority === undefined) remembered.set(verdicts, (byPriority = new Map()))
  let byName = byPriority.get(priority)
  if (byName === undefined) byPriority.set(priority, (byName = new Map()))
  return byName
}

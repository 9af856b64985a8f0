import type { Pod } from '#api/core/v1/pod.ts'
import type { AlsoTest, NodeRejection } from './cycle.ts'
import type { Nominations } from './nominations.ts'
import { Trial } from './preemption/trial.ts'
import type { NodeView } from './snapshot.ts'
import type { Verdicts } from './verdicts.ts'

interface Remembered {
  readonly promised: readonly Pod[]
  readonly rejection: NodeRejection | undefined
}

/** For pods that are alike to all plugins. */
const remembered = new WeakMap<Verdicts, WeakMap<NodeView, Remembered>>()

/**
 * Sees to it that a node is not given away twice: to this pod, and to one that it is promised to. What was said of a pod of
 * the same kind counts while node and promises are the same.
 */
export function promiseTest(pod: Pod, nominations: Nominations): AlsoTest | undefined {
  if (nominations.isEmpty) return undefined
  return {
    nodes: nominations.nodes,
    test(node, hooks, verdicts) {
      const promised = nominations.ahead(pod, node.name)
      if (promised.length === 0) return undefined
      const look = (): NodeRejection | undefined => new Trial(pod, node, hooks).with({ added: promised }).objection()
      const dependsOnOthers = hooks.some(({ plugin }) => plugin.looksAt === undefined && plugin.filter !== undefined)
      if (verdicts === undefined || dependsOnOthers) return look()
      const byView = remembered.get(verdicts) ?? new WeakMap<NodeView, Remembered>()
      remembered.set(verdicts, byView)
      const known = byView.get(node)
      const isSame =
        known?.promised.length === promised.length && promised.every((each, i) => each === known.promised[i])
      if (isSame) return known.rejection
      const rejection = look()
      byView.set(node, { promised, rejection })
      return rejection
    },
  }
}

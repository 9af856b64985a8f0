import type { Pod } from '#api/core/v1/pod.ts'
import type { Cause, CausePart, Obstacle } from '#client/causes.ts'
import type { Diagnosis, NodeRejection } from '#scheduler/cycle.ts'
import type { Rejection, RejectionCause } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import type { Hook } from '#scheduler/verdicts.ts'
import { effortOf, isFar, remedyOf, remedyOfWhole } from './remedy.ts'

/** An attempt that found no node. */
export interface FailedAttempt {
  readonly nodes: readonly NodeView[]
  readonly hooks: readonly Hook[]
  readonly diagnosis: Diagnosis
}

/** So many nodes are looked at with all plugins: those that seem nearest by what the first that objected said. */
const mostLookedAt = 50
/** So many of them are told of. */
const mostTold = 10

/**
 * Why a pod has no node, and the smallest change that would give it one. `message` is what its condition says. Every node
 * that is told of comes with all that stands in the way there, not only with what the first plugin that objected said:
 *
 *     remedy   free 500m cpu on node-2
 *     parts    node-2   Insufficient cpu                             free 500m cpu on node-2
 *              node-1   Insufficient cpu                             free 1500m cpu on node-1
 *                       node(s) had untolerated taint {gpu: }        tolerate the taint gpu:NoSchedule, or take it off node-1
 */
export function explain(pod: Pod, { nodes, hooks, diagnosis }: FailedAttempt, message: string): Cause {
  const reason = 'Unschedulable'
  if (diagnosis.nodes === 0) return { reason, message, remedy: 'add a node' }
  if (diagnosis.whole !== undefined) {
    const remedy = remedyOfWhole(diagnosis.whole.rejection.cause)
    return { reason, message, ...(remedy === undefined ? {} : { remedy }) }
  }
  const views = new Map(nodes.map((view) => [view.name, view]))
  const near = nearest(diagnosis.rejections)
    .map(({ node, rejection }) => {
      const view = views.get(node)!
      const all = allObstacles(pod, hooks, view)
      // What no plugin objects to as it is, somebody outside or a promised node does.
      return { view, found: all.length > 0 ? all : obstaclesOf(rejection, pod, view) }
    })
    .toSorted(
      (a, b) =>
        Number(isFar(worstOf(a.found))) - Number(isFar(worstOf(b.found))) ||
        a.found.length - b.found.length ||
        worstOf(a.found) - worstOf(b.found),
    )
  const parts = near.slice(0, mostTold).map(({ view, found }): CausePart => {
    return { subject: { kind: 'Node', name: view.name }, obstacles: found.map(({ obstacle }) => obstacle) }
  })
  const remedy = smallestChange(parts)
  return { reason, message, ...(remedy === undefined ? {} : { remedy }), parts }
}

interface Found {
  readonly obstacle: Obstacle
  readonly effort: number
}

/** The rejections that the smallest changes would remove, by what the first plugin that objected said. */
function nearest(rejections: readonly NodeRejection[]): readonly NodeRejection[] {
  if (rejections.length <= mostLookedAt) return rejections
  const each = Float64Array.from(rejections, ({ rejection }) => effortOf(rejection.cause))
  const limit = each.toSorted()[mostLookedAt - 1]!
  const nearer = rejections.filter((_, i) => each[i]! < limit)
  const equal = rejections.filter((_, i) => each[i] === limit)
  return [...nearer, ...equal.slice(0, mostLookedAt - nearer.length)]
}

/** What all plugins say of one node, not only the first that objects. */
function allObstacles(pod: Pod, hooks: readonly Hook[], view: NodeView): readonly Found[] {
  return hooks.flatMap(({ plugin, state }) => {
    const rejection = plugin.filter?.(pod, view, state)
    return rejection === undefined ? [] : obstaclesOf(rejection, pod, view)
  })
}

function obstaclesOf(rejection: Rejection, pod: Pod, view: NodeView): readonly Found[] {
  const { reason, furtherReasons = [], cause, furtherCauses = [] } = rejection
  const causes = cause === undefined ? [] : [cause, ...furtherCauses]
  return [reason, ...furtherReasons].map((message, i) => {
    const own = causes[i]
    const remedy = remedyOf(own, pod, view)
    const obstacle: Obstacle = {
      message: message === '' ? 'an extender left it out' : message,
      ...(remedy === undefined ? {} : { remedy }),
      ...(own === undefined ? {} : { facts: factsOf(own) }),
    }
    return { obstacle, effort: effortOf(own) }
  })
}

function factsOf(cause: RejectionCause): NonNullable<Obstacle['facts']> {
  const facts = Object.entries(cause).map(([name, value]) => [
    name,
    Array.isArray(value) ? value.join(',') : (value as string | number | boolean),
  ])
  return Object.fromEntries(facts) as NonNullable<Obstacle['facts']>
}

/** The effort for a node is that of its worst obstacle. */
function worstOf(found: readonly Found[]): number {
  return Math.max(...found.map(({ effort }) => effort))
}

/** All that has to change for the nearest node for which that is known. */
function smallestChange(parts: readonly CausePart[]): string | undefined {
  const solvable = parts.find(({ obstacles }) => obstacles.every(({ remedy }) => remedy !== undefined))
  return solvable?.obstacles.map(({ remedy }) => remedy).join(' and ')
}

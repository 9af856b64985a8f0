// How the pods of a DaemonSet get from earlier templates to the present one.
import type { Pod } from '#api/core/v1/pod.ts'
import type { Cause } from '#client/causes.ts'
import { scaledValueOrZero } from '#machinery/intOrString.ts'
import { whyUnavailable } from '../podAvailability.ts'
import { isUpdated } from './placement.ts'
import type { Scene } from './plan.ts'

export interface Rollout {
  readonly create: readonly string[]
  readonly remove: readonly Pod[]
  /** What it waits for. */
  readonly cause?: Cause
}

/** Decides the next step of a rollout on nodes that all have the pods they should have. */
export function planRollout(scene: Scene): Rollout {
  const { maxSurge, maxUnavailable, desired } = boundsOf(scene)
  return maxSurge === 0 ? replace(scene, maxUnavailable) : surge(scene, maxSurge, desired)
}

/** How many pods may be missing or more than one on a node; percentages are of the nodes that should run one, rounded up. */
function boundsOf({ set, eligibility }: Scene): { maxSurge: number; maxUnavailable: number; desired: number } {
  const desired = [...eligibility.values()].filter((verdict) => verdict === 'runs').length
  const { rollingUpdate = {} } = set.spec.updateStrategy ?? {}
  const maxSurge = scaledValueOrZero(rollingUpdate.maxSurge ?? 0, desired, 'up')
  const maxUnavailable = scaledValueOrZero(rollingUpdate.maxUnavailable ?? 1, desired, 'up')
  // With neither nothing would ever go on.
  return { maxSurge, maxUnavailable: maxSurge === 0 ? Math.max(1, maxUnavailable) : maxUnavailable, desired }
}

interface OnNode {
  readonly node: string
  readonly newPod?: Pod
  readonly oldPod?: Pod
}

/** The staying pods of each node that has or should have one; `undefined` for a node with more than one of a kind. */
function* nodesOf({ set, hash, byNode, eligibility }: Scene): Generator<OnNode | undefined> {
  const missing = [...eligibility].filter(([node, verdict]) => verdict === 'runs' && !byNode.has(node))
  for (const node of [...byNode.keys(), ...missing.map(([name]) => name)].toSorted()) {
    const staying = (byNode.get(node) ?? []).filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    const [newPod, ...newer] = staying.filter((pod) => isUpdated(pod, set, hash))
    const [oldPod, ...older] = staying.filter((pod) => !isUpdated(pod, set, hash))
    if (newer.length > 0 || older.length > 0) yield undefined
    else yield { node, ...(newPod === undefined ? {} : { newPod }), ...(oldPod === undefined ? {} : { oldPod }) }
  }
}

/**
 * Deletes old pods, so that the next look makes new ones in their places: those that are not available anyway, and others
 * as long as no more than `maxUnavailable` nodes are without an available pod.
 */
function replace(scene: Scene, maxUnavailable: number): Rollout {
  let unavailable = 0
  let cause: Cause | undefined
  const broken: Pod[] = []
  const candidates: Pod[] = []
  for (const each of nodesOf(scene)) {
    const { node = '', newPod, oldPod } = each ?? {}
    if ((newPod === undefined) === (oldPod === undefined)) unavailable++
    else if (newPod !== undefined) {
      if (scene.isAvailable(newPod)) continue
      unavailable++
      cause ??= waitFor(newPod, node)
    } else if (scene.isAvailable(oldPod!)) candidates.push(oldPod!)
    else {
      broken.push(oldPod!)
      unavailable++
    }
  }
  const remove = [...broken, ...candidates.slice(0, Math.max(0, maxUnavailable - unavailable))]
  return { create: [], remove, ...(cause === undefined ? {} : { cause }) }
}

/**
 * Creates new pods beside the old ones, on at most `maxSurge` nodes at a time but for those whose old pod is not available,
 * and deletes old ones whose new one is available.
 */
function surge(scene: Scene, maxSurge: number, desired: number): Rollout {
  let surging = 0
  let available = 0
  let cause: Cause | undefined
  const remove: Pod[] = []
  const misplaced: Pod[] = []
  const replacements: string[] = []
  const candidates: string[] = []
  for (const each of nodesOf(scene)) {
    if (each === undefined) {
      surging++
      continue
    }
    const { node, newPod, oldPod } = each
    const counts = oldPod ?? newPod
    if (counts !== undefined && scene.isAvailable(counts)) available++
    if (oldPod === undefined) continue
    const runs = scene.eligibility.get(node) === 'runs'
    if (newPod !== undefined) {
      if (scene.isAvailable(newPod)) remove.push(oldPod)
      else {
        surging++
        cause ??= waitFor(newPod, node)
      }
    } else if (!scene.isAvailable(oldPod)) {
      if (runs) replacements.push(node)
      else remove.push(oldPod)
    } else if (runs) candidates.push(node)
    else misplaced.push(oldPod)
  }
  // A pod on a node that it should leave goes when others can do without it.
  remove.push(...misplaced.slice(0, Math.max(0, available - desired)))
  const create = [...replacements, ...candidates.slice(0, Math.max(0, maxSurge - surging))]
  return { create, remove, ...(cause === undefined ? {} : { cause }) }
}

function waitFor(pod: Pod, node: string): Cause {
  const { name, namespace } = pod.metadata
  return {
    reason: 'PodNotAvailable',
    message: `The rollout waits for pod "${name}" on node "${node}": ${whyUnavailable(pod)}`,
    remedy: 'Mend the pod, or go back with `kubectl rollout undo`',
    involves: [
      { kind: 'Pod', name, ...(namespace === undefined ? {} : { namespace }) },
      { kind: 'Node', name: node },
    ],
  }
}

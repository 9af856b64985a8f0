import type { Pod } from '#api/core/v1/pod.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import type { Rejection } from './plugin.ts'
import type { WeightedPlugin } from '#scheduler/plugins/index.ts'
import type { ClusterView, NodeView } from './snapshot.ts'

/** Why one node will not do: what the first plugin that objected said. */
export interface NodeRejection {
  readonly node: string
  readonly plugin: string
  readonly rejection: Rejection
}

/** What became of one attempt: a node, or every reason against. */
export type Decision =
  | { readonly node: string; readonly feasible: number }
  | { readonly node?: undefined; readonly diagnosis: Diagnosis }

export interface Diagnosis {
  readonly nodes: number
  /** Rejections of single nodes; empty when a plugin turned the pod down for the whole cluster. */
  readonly rejections: readonly NodeRejection[]
  readonly whole?: { readonly plugin: string; readonly rejection: Rejection }
}

/** The plugins that take part for one pod, with what they prepared. */
interface Hook {
  readonly weighted: WeightedPlugin
  readonly state: unknown
}

/** Picks the best node for a pod, or says why there is none. Pure but for the draw among equals. */
export function decide(pod: Pod, plugins: readonly WeightedPlugin[], cluster: ClusterView, random: Random): Decision {
  const hooks: Hook[] = []
  for (const weighted of plugins) {
    const state = weighted.plugin.prepare?.(pod, cluster)
    if (state === 'skip') continue
    if (isRejection(state)) {
      const whole = { plugin: weighted.plugin.name, rejection: state }
      return { diagnosis: { nodes: cluster.nodes.length, rejections: [], whole } }
    }
    hooks.push({ weighted, state })
  }
  const feasible: NodeView[] = []
  const rejections: NodeRejection[] = []
  for (const node of cluster.nodes) {
    const rejected = filter(pod, node, hooks)
    if (rejected === undefined) feasible.push(node)
    else rejections.push(rejected)
  }
  if (feasible.length === 0) return { diagnosis: { nodes: cluster.nodes.length, rejections } }
  if (feasible.length === 1) return { node: feasible[0]!.name, feasible: 1 }
  return { node: pickBest(feasible, score(pod, feasible, hooks), random).name, feasible: feasible.length }
}

function isRejection(state: unknown): state is Rejection {
  return typeof state === 'object' && state !== null && typeof (state as Rejection).reason === 'string'
}

function filter(pod: Pod, node: NodeView, hooks: readonly Hook[]): NodeRejection | undefined {
  for (const { weighted, state } of hooks) {
    const rejection = weighted.plugin.filter?.(pod, node, state)
    if (rejection !== undefined) return { node: node.name, plugin: weighted.plugin.name, rejection }
  }
  return undefined
}

/** The weighted sum of all plugins' scores, for each node in order. */
function score(pod: Pod, nodes: readonly NodeView[], hooks: readonly Hook[]): readonly number[] {
  const totals = Array.from({ length: nodes.length }, () => 0)
  for (const { weighted, state } of hooks) {
    const { plugin, weight } = weighted
    if (plugin.score === undefined || weight === 0) continue
    const scores = nodes.map((node) => plugin.score!(pod, node, state))
    plugin.normalize?.(scores, state)
    for (let i = 0; i < totals.length; i++) totals[i]! += scores[i]! * weight
  }
  return totals
}

/** One of the nodes with the highest total, each as likely as the others. */
function pickBest(nodes: readonly NodeView[], totals: readonly number[], random: Random): NodeView {
  let best = 0
  let equals = 1
  for (let i = 1; i < nodes.length; i++) {
    if (totals[i]! > totals[best]!) {
      best = i
      equals = 1
    } else if (totals[i] === totals[best] && randomInteger(random, ++equals) === 0) best = i
  }
  return nodes[best]!
}

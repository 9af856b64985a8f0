import type { Pod } from '#api/core/v1/pod.ts'
import { randomInteger, type Random } from '#lib/random.ts'
import type { Rejection } from './plugin.ts'
import type { WeightedPlugin } from '#scheduler/plugins/index.ts'
import type { ClusterView, NodeView } from './snapshot.ts'
import { verdictsByLikeness, type Hook, type Verdicts } from './verdicts.ts'

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

/** Picks the best node for a pod, or says why there is none. */
export type Decide = (pod: Pod, cluster: ClusterView, random: Random) => Decision

/**
 * Decides by these plugins. Every node is considered for every pod, and the decision depends on nothing but the arguments
 * (and the draw among equals); what was computed for one pod is only remembered for the next (`Plugin.looksAt`).
 */
export function decider(plugins: readonly WeightedPlugin[]): Decide {
  const verdictsOf = verdictsByLikeness(plugins)
  let scores = new Float64Array()
  let totals = new Float64Array()
  let feasible = new Int32Array()
  return (pod, cluster, random) => {
    const { nodes } = cluster
    const verdicts = verdictsOf(pod)
    const hooks: Hook[] = []
    for (const [order, { plugin, weight }] of plugins.entries()) {
      const prepare = (): unknown => plugin.prepare?.(pod, cluster)
      const state = plugin.looksAt === undefined ? prepare() : verdicts.prepared(order, prepare)
      if (state === 'skip') continue
      if (isRejection(state)) {
        const whole = { plugin: plugin.name, rejection: state }
        return { diagnosis: { nodes: nodes.length, rejections: [], whole } }
      }
      hooks.push({ order, plugin, weight, state })
    }
    verdicts.follow(
      pod,
      hooks.filter(({ plugin }) => plugin.looksAt !== undefined),
      nodes,
    )
    if (feasible.length < nodes.length) {
      feasible = new Int32Array(nodes.length)
      scores = new Float64Array(nodes.length)
      totals = new Float64Array(nodes.length)
    }
    const askedEachTime = hooks.filter(({ plugin }) => plugin.looksAt === undefined && plugin.filter !== undefined)
    const rejections: NodeRejection[] = []
    let count = 0
    for (let at = 0; at < nodes.length; at++) {
      const rejected = rejectionOf(pod, nodes[at]!, at, verdicts, askedEachTime)
      if (rejected === undefined) feasible[count++] = at
      else rejections.push(rejected)
    }
    if (count === 0) return { diagnosis: { nodes: nodes.length, rejections } }
    if (count === 1) return { node: nodes[feasible[0]!]!.name, feasible: 1 }
    const positions = feasible.subarray(0, count)
    const sums = totals.subarray(0, count).fill(0)
    addScores(pod, nodes, positions, hooks, verdicts, scores.subarray(0, count), sums)
    return { node: nodes[positions[pickBest(sums, random)]!]!.name, feasible: count }
  }
}

function isRejection(state: unknown): state is Rejection {
  return typeof state === 'object' && state !== null && typeof (state as Rejection).reason === 'string'
}

/** What the first plugin that objects says, whether it was asked now or its answer is remembered. */
function rejectionOf(
  pod: Pod,
  node: NodeView,
  at: number,
  verdicts: Verdicts,
  askedEachTime: readonly Hook[],
): NodeRejection | undefined {
  const remembered = verdicts.rejectionAt(at)
  for (const { order, plugin, state } of askedEachTime) {
    if (remembered !== undefined && remembered.order < order) break
    const rejection = plugin.filter!(pod, node, state)
    if (rejection !== undefined) return { node: node.name, plugin: plugin.name, rejection }
  }
  return remembered?.told
}

/** Adds up the weighted scores of all plugins, for each of the nodes at `positions` in order. `scores` is overwritten. */
function addScores(
  pod: Pod,
  nodes: readonly NodeView[],
  positions: Int32Array,
  hooks: readonly Hook[],
  verdicts: Verdicts,
  scores: Float64Array,
  sums: Float64Array,
): void {
  for (const { order, plugin, weight, state } of hooks) {
    if (plugin.score === undefined || weight === 0) continue
    if (plugin.looksAt === undefined) {
      for (let i = 0; i < positions.length; i++) {
        const at = positions[i]!
        scores[i] = plugin.score(pod, nodes[at]!, state, at)
      }
    } else {
      const remembered = verdicts.scoresOf(order)
      for (let i = 0; i < positions.length; i++) scores[i] = remembered[positions[i]!]!
    }
    plugin.normalize?.(scores, state)
    for (let i = 0; i < sums.length; i++) sums[i]! += scores[i]! * weight
  }
}

/** The place of one of the highest sums, each as likely as the others. */
function pickBest(sums: Float64Array, random: Random): number {
  let highest = -Infinity
  let equals = 0
  for (const sum of sums) {
    if (sum > highest) {
      highest = sum
      equals = 1
    } else if (sum === highest) equals++
  }
  let skip = equals === 1 ? 0 : randomInteger(random, equals)
  for (let i = 0; ; i++) if (sums[i] === highest && skip-- === 0) return i
}

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

/** The nodes that would do for one pod. */
export interface Fitting {
  readonly nodes: readonly NodeView[]
  /** The plugins that take part for this pod, with what they prepared. */
  readonly hooks: readonly Hook[]
  readonly verdicts: Verdicts
  /** Where the nodes that fit stand among `nodes`, ascending. Valid until the next pod is looked at. */
  readonly positions: Int32Array
  /** Why there is none; said only then. */
  readonly diagnosis: Diagnosis
}

/** Tests a node once more that every plugin accepts. */
export type AlsoTest = (node: NodeView, hooks: readonly Hook[]) => NodeRejection | undefined

/** The two halves of a decision, for those who have to do something in between. */
export interface Placement {
  /** Tests every node. */
  findFitting(pod: Pod, cluster: ClusterView, alsoTest?: AlsoTest): Fitting
  /** The best of the nodes at `positions`, of which there is at least one. `further` are scores to add, in the same order. */
  choose(pod: Pod, fitting: Omit<Fitting, 'diagnosis'>, random: Random, further?: Float64Array): NodeView
}

/**
 * Decides by these plugins. Every node is considered for every pod, and the decision depends on nothing but the arguments
 * (and the draw among equals); what was computed for one pod is only remembered for the next (`Plugin.looksAt`).
 */
export function decider(plugins: readonly WeightedPlugin[]): Decide {
  const placement = placementBy(plugins)
  return (pod, cluster, random) => {
    const fitting = placement.findFitting(pod, cluster)
    const feasible = fitting.positions.length
    if (feasible === 0) return { diagnosis: fitting.diagnosis }
    return { node: placement.choose(pod, fitting, random).name, feasible }
  }
}

/** Like `decider`, in two halves. */
export function placementBy(plugins: readonly WeightedPlugin[]): Placement {
  const verdictsOf = verdictsByLikeness(plugins)
  let scores = new Float64Array()
  let totals = new Float64Array()
  let feasible = new Int32Array()
  const findFitting: Placement['findFitting'] = (pod, cluster, alsoTest) => {
    const { nodes } = cluster
    const verdicts = verdictsOf(pod)
    const hooks: Hook[] = []
    for (const [order, { plugin, weight }] of plugins.entries()) {
      const prepare = (): unknown => plugin.prepare?.(pod, cluster)
      const state = plugin.looksAt === undefined ? prepare() : verdicts.prepared(order, prepare)
      if (state === 'skip') continue
      if (isRejection(state)) {
        const whole = { plugin: plugin.name, rejection: state }
        const diagnosis = { nodes: nodes.length, rejections: [], whole }
        return { nodes, hooks, verdicts, positions: noPositions, diagnosis }
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
      const node = nodes[at]!
      const rejected = rejectionOf(pod, node, at, verdicts, askedEachTime) ?? alsoTest?.(node, hooks)
      if (rejected === undefined) feasible[count++] = at
      else rejections.push(rejected)
    }
    const diagnosis = { nodes: nodes.length, rejections }
    return { nodes, hooks, verdicts, positions: feasible.subarray(0, count), diagnosis }
  }
  const choose: Placement['choose'] = (pod, { nodes, hooks, verdicts, positions }, random, further) => {
    const count = positions.length
    if (count === 1) return nodes[positions[0]!]!
    const sums = totals.subarray(0, count).fill(0)
    addScores(pod, nodes, positions, hooks, verdicts, scores.subarray(0, count), sums)
    if (further !== undefined) for (let i = 0; i < count; i++) sums[i]! += further[i]!
    return nodes[positions[pickBest(sums, random)]!]!
  }
  return { findFitting, choose }
}

const noPositions = new Int32Array()

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

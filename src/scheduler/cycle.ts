import type { Pod } from '#api/core/v1/pod.ts'
import type { Random } from '#lib/random.ts'
import type { RejectionKind } from '#scheduler/counts/rejectionKinds.ts'
import type { Rejection } from './plugin.ts'
import type { WeightedPlugin } from '#scheduler/plugins/index.ts'
import { chooserByScores } from './scores.ts'
import type { ClusterView, NodeView } from './snapshot.ts'
import { dependsOnCluster, firstRejection, verdictsByLikeness, type Hook, type Verdicts } from './verdicts.ts'

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
  /**
   * Rejections of single nodes; empty when a plugin turned the pod down for the whole cluster. With a summary they are found
   * out when they are asked for, which must be before the next pod is looked at.
   */
  readonly rejections: readonly NodeRejection[]
  readonly whole?: { readonly plugin: string; readonly rejection: Rejection }
  /** What the rejections come to, where that is known without a look at each. */
  readonly summary?: RejectionSummary
}

/** What all rejections of single nodes come to. */
export interface RejectionSummary {
  readonly kinds: readonly RejectionKind[]
  /** Where the nodes are whose rejections are not for ever; ascending. */
  readonly notForever: Int32Array
}

/** Picks the best node for a pod, or says why there is none. */
export type Decide = (pod: Pod, cluster: ClusterView, random: Random) => Decision

/** What was found out of all nodes for one pod. */
export interface Considered {
  readonly cluster: ClusterView
  readonly nodes: readonly NodeView[]
  /** The plugins that take part for this pod, with what they prepared. */
  readonly hooks: readonly Hook[]
  /** What is remembered of pods like it; absent where only few nodes come into question, which are asked anew. */
  readonly verdicts: Verdicts | undefined
  /** Where the nodes that fit stand among `nodes`, ascending. To be asked for, and valid, until the next pod is looked at. */
  readonly positions: Int32Array
  /** Whether those are all that `verdicts` do not reject. */
  readonly fitsByVerdicts?: boolean
  /** The best of them, where that is known without adding up their scores; draws among equals. Absent: it is not. */
  pickBest?(random: Random): NodeView | undefined
}

/** The nodes that would do for one pod. */
export interface Fitting extends Considered {
  /** Whether there is any. */
  readonly isAny: boolean
  /** Why the other nodes will not do. Found out when it is asked for, which must be before the next pod is looked at. */
  readonly diagnosis: Diagnosis
}

/** Tests some nodes once more, those that every plugin accepts. */
export interface AlsoTest {
  /** By their names. */
  readonly nodes: ReadonlyMap<string, unknown>
  test(node: NodeView, hooks: readonly Hook[], verdicts: Verdicts | undefined): NodeRejection | undefined
}

/** The two halves of a decision, for those who have to do something in between. */
export interface Placement {
  /** Tests every node; but if `first`, a node's name, will do, no other. */
  findFitting(pod: Pod, cluster: ClusterView, alsoTest?: AlsoTest, first?: string): Fitting
  /** The best of the nodes at `positions`, of which there is at least one. `further` are scores to add, in the same order. */
  choose(pod: Pod, considered: Considered, random: Random, further?: Float64Array): NodeView
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
  let feasible = new Int32Array()
  let rejected = new Uint8Array()
  const findFitting: Placement['findFitting'] = (pod, cluster, alsoTest, first) => {
    const { nodes } = cluster
    if (feasible.length < nodes.length) {
      feasible = new Int32Array(nodes.length)
      rejected = new Uint8Array(nodes.length)
    }
    const named = namedBy(plugins, pod)
    const verdicts = named === undefined ? verdictsOf(pod) : undefined
    const hooks: Hook[] = []
    const fitting = new Finding(pod, cluster, hooks, verdicts, named)
    for (const [order, { plugin, weight }] of plugins.entries()) {
      const prepare = (): unknown => plugin.prepare?.(pod, cluster)
      const isRemembered = verdicts !== undefined && plugin.looksAt !== undefined
      const state = isRemembered ? verdicts.prepared(order, prepare) : prepare()
      if (state === 'skip') continue
      if (isRejection(state)) {
        fitting.whole = { plugin: plugin.name, rejection: state }
        return fitting
      }
      hooks.push({ order, plugin, weight, state })
    }
    if (named?.names.size === 0) {
      fitting.whole = { plugin: named.plugins[0]!, rejection: contradiction(named) }
      return fitting
    }
    const firstAt = first === undefined ? undefined : cluster.positionOf(first)
    if (firstAt !== undefined && firstRejection(pod, hooks, nodes[firstAt]!) === undefined) {
      if (alsoTest?.test(nodes[firstAt]!, hooks, verdicts) === undefined) {
        fitting.only(Int32Array.of(firstAt))
        return fitting
      }
    }
    if (verdicts === undefined) {
      let count = 0
      for (const at of positionsOf(named!.names, cluster)) {
        if (firstRejection(pod, hooks, nodes[at]!) !== undefined) continue
        const further = alsoTest?.test(nodes[at]!, hooks, verdicts)
        if (further === undefined) feasible[count++] = at
        else fitting.further.set(at, further)
      }
      fitting.only(feasible.subarray(0, count))
      return fitting
    }
    verdicts.follow(pod, hooks, cluster)
    let isMarked = false
    const mark = (): void => {
      if (!isMarked) verdicts.markRejected(rejected, nodes.length)
      isMarked = true
    }
    for (const { plugin, state } of hooks) {
      if (plugin.looksAt !== undefined || (plugin.sieve ?? plugin.filter) === undefined) continue
      if (plugin.mayReject?.(state) === false) continue
      mark()
      if (plugin.sieve !== undefined) plugin.sieve(pod, cluster, state, rejected)
      else {
        for (let at = 0; at < nodes.length; at++) {
          if (rejected[at] === 0 && plugin.filter!(pod, nodes[at]!, state) !== undefined) rejected[at] = 1
        }
      }
    }
    const testAlso = (at: number): void => {
      if (isMarked ? rejected[at] === 1 : verdicts.rejectionAt(at) !== undefined) return
      const further = alsoTest!.test(nodes[at]!, hooks, verdicts)
      if (further === undefined) return
      mark()
      rejected[at] = 1
      fitting.further.set(at, further)
    }
    // Either are few: those that are to be tested once more, or those that fit at all.
    if (alsoTest !== undefined && verdicts.fitting < alsoTest.nodes.size) {
      for (let at = 0, left = verdicts.fitting; left > 0; at++) {
        if (verdicts.rejectionAt(at) !== undefined) continue
        left--
        if (alsoTest.nodes.has(nodes[at]!.name)) testAlso(at)
      }
    } else {
      for (const name of alsoTest?.nodes.keys() ?? []) {
        const at = cluster.positionOf(name)
        if (at !== undefined) testAlso(at)
      }
    }
    fitting.all(isMarked ? rejected : undefined, () => {
      mark()
      let count = 0
      for (let at = 0; at < nodes.length; at++) {
        // Without a branch, which would be guessed wrong as often as not.
        feasible[count] = at
        count += Number(rejected[at] === 0)
      }
      return feasible.subarray(0, count)
    })
    return fitting
  }
  return { findFitting, choose: chooserByScores() }
}

class Finding implements Fitting {
  readonly cluster: ClusterView
  readonly hooks: readonly Hook[]
  readonly verdicts: Verdicts | undefined
  /** Why a plugin turned the pod down for the whole cluster. */
  whole: Diagnosis['whole']
  /** What `alsoTest` said, by position. */
  readonly further = new Map<number, NodeRejection>()
  readonly #pod: Pod
  readonly #named: Named | undefined
  #positions: Int32Array | (() => Int32Array) = new Int32Array()
  /** Whether all nodes were tested, so that the best of those that are remembered come into question. */
  #areAll = false
  /** By position: which nodes will not do; absent where those are the ones of which it is remembered. */
  #out: Uint8Array | undefined

  constructor(
    pod: Pod,
    cluster: ClusterView,
    hooks: readonly Hook[],
    verdicts: Verdicts | undefined,
    named: Named | undefined,
  ) {
    this.#pod = pod
    this.cluster = cluster
    this.hooks = hooks
    this.verdicts = verdicts
    this.#named = named
  }

  get nodes(): readonly NodeView[] {
    return this.cluster.nodes
  }

  get positions(): Int32Array {
    if (typeof this.#positions === 'function') this.#positions = this.#positions()
    return this.#positions
  }

  get isAny(): boolean {
    return this.fitsByVerdicts ? this.verdicts!.fitting > 0 : this.positions.length > 0
  }

  /** Takes in that these nodes fit, of few that were tested. */
  only(positions: Int32Array): void {
    this.#positions = positions
  }

  /** Takes in that all nodes were tested, and what lists those that fit. */
  all(out: Uint8Array | undefined, list: () => Int32Array): void {
    this.#areAll = true
    this.#out = out
    this.#positions = list
  }

  get fitsByVerdicts(): boolean {
    return this.#areAll && this.#out === undefined
  }

  pickBest(random: Random): NodeView | undefined {
    const { verdicts, hooks, nodes } = this
    if (!this.#areAll || verdicts === undefined || hooks.some((hook) => scoresApart(hook, verdicts))) return undefined
    const at = verdicts.pickBest(nodes.length, this.#out, random)
    return at === undefined ? undefined : nodes[at]
  }

  get diagnosis(): Diagnosis {
    const { nodes, whole, verdicts } = this
    if (whole !== undefined) return { nodes: nodes.length, rejections: [], whole }
    const askedEachTime = this.hooks.filter(dependsOnCluster)
    const list = (): readonly NodeRejection[] => this.#listRejections(askedEachTime)
    if (verdicts === undefined || askedEachTime.length > 0) return { nodes: nodes.length, rejections: list() }
    let listed: readonly NodeRejection[] | undefined
    return {
      nodes: nodes.length,
      get rejections() {
        return (listed ??= list())
      },
      summary: this.#summaryBy(verdicts),
    }
  }

  #listRejections(askedEachTime: readonly Hook[]): readonly NodeRejection[] {
    const rejections: NodeRejection[] = []
    for (const [at, node] of this.nodes.entries()) {
      const rejection = this.#rejectionOf(node, at, askedEachTime) ?? this.further.get(at)
      if (rejection !== undefined) rejections.push(rejection)
    }
    return rejections
  }

  #summaryBy({ rejectionKinds }: Verdicts): RejectionSummary {
    const kinds = [...rejectionKinds.list]
    const also = new Set<number>()
    for (const [at, { plugin, rejection }] of this.further) {
      kinds.push({ plugin, rejection, count: 1 })
      if (rejection.forever !== true) also.add(at)
    }
    return { kinds, notForever: rejectionKinds.notForever(this.nodes.length, also) }
  }

  /** What the first plugin that objects says, whether it was asked now or its answer is remembered. */
  #rejectionOf(node: NodeView, at: number, askedEachTime: readonly Hook[]): NodeRejection | undefined {
    if (this.#named !== undefined) {
      if (this.#named.names.has(node.name)) return firstRejection(this.#pod, this.hooks, node)?.told
      const reason = `node(s) didn't satisfy plugin(s) [${this.#named.plugins.join(' ')}]`
      const rejection: Rejection = { reason, forever: true, cause: { kind: 'selector' } }
      return { node: node.name, plugin: this.#named.plugins[0]!, rejection }
    }
    const remembered = this.verdicts?.rejectionAt(at)
    for (const { order, plugin, state } of askedEachTime) {
      if (remembered !== undefined && remembered.order < order) break
      const rejection = plugin.filter!(this.#pod, node, state)
      if (rejection !== undefined) return { node: node.name, plugin: plugin.name, rejection }
    }
    return remembered?.told
  }
}

/** Whether a plugin adds a score to that which is remembered of all plugins together. */
function scoresApart({ order, plugin, weight, state }: Hook, verdicts: Verdicts): boolean {
  if (weight === 0) return false
  if (plugin.scoreAll !== undefined) return plugin.tellsApart?.(state) ?? true
  if (plugin.score === undefined) return false
  return plugin.looksAt === undefined || (plugin.normalize !== undefined && verdicts.scoresOf(order) !== undefined)
}

/** The nodes that a pod names, and the plugins that read the names. */
interface Named {
  readonly names: ReadonlySet<string>
  readonly plugins: readonly string[]
}

function namedBy(plugins: readonly WeightedPlugin[], pod: Pod): Named | undefined {
  let names: ReadonlySet<string> | undefined
  const readers: string[] = []
  for (const { plugin } of plugins) {
    const own = plugin.names?.(pod)
    if (own === undefined) continue
    names = names === undefined ? own : new Set([...names].filter((name) => own.has(name)))
    readers.push(plugin.name)
  }
  return names === undefined ? undefined : { names, plugins: readers.sort() }
}

function contradiction({ plugins }: Named): Rejection {
  const reason =
    plugins.length === 1
      ? `node(s) didn't satisfy plugin ${plugins[0]}`
      : `node(s) didn't satisfy plugin(s) [${plugins.join(' ')}] simultaneously`
  return { reason, forever: true, cause: { kind: 'selector' } }
}

function positionsOf(names: ReadonlySet<string>, cluster: ClusterView): readonly number[] {
  const positions: number[] = []
  for (const name of names) {
    const position = cluster.positionOf(name)
    if (position !== undefined) positions.push(position)
  }
  return positions.sort((a, b) => a - b)
}

function isRejection(state: unknown): state is Rejection {
  return typeof state === 'object' && state !== null && typeof (state as Rejection).reason === 'string'
}

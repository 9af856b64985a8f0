import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import type { Random } from '#lib/random.ts'
import { BestNodes } from '#scheduler/counts/bestNodes.ts'
import { Follower } from '#scheduler/counts/follower.ts'
import { RejectionKinds } from '#scheduler/counts/rejectionKinds.ts'
import type { NodeRejection } from './cycle.ts'
import type { Plugin } from './plugin.ts'
import type { WeightedPlugin } from '#scheduler/plugins/index.ts'
import type { ClusterView, NodeView } from './snapshot.ts'

/** For so many kinds of pods the answers are remembered: as many workloads may come to life side by side without slowing down. */
const mostRemembered = 128

let verdictsMade = 0

/** A plugin that takes part for one pod, with what it prepared and its place among all plugins. */
export interface Hook {
  readonly order: number
  readonly plugin: Plugin<any>
  readonly weight: number
  readonly state: unknown
}

/** Whether a plugin may turn a node down because of others than the node itself, so that it is asked anew for each pod. */
export function dependsOnCluster({ plugin, state }: Hook): boolean {
  return plugin.looksAt === undefined && plugin.filter !== undefined && plugin.mayReject?.(state) !== false
}

/** Finds what the plugins with `looksAt` said of pods that are alike to them. */
export function verdictsByLikeness(plugins: readonly WeightedPlugin[]): (pod: Pod) => Verdicts {
  const lookers = plugins.flatMap(({ plugin }) => (plugin.looksAt === undefined ? [] : [plugin]))
  const known = new RecentMap<string, Verdicts>(mostRemembered)
  return (pod) => {
    const likeness = JSON.stringify(lookers.map((plugin) => plugin.looksAt!(pod)))
    return known.getOrMake(likeness, () => new Verdicts())
  }
}

/**
 * What the plugins that look at single nodes say of every node, for pods that are alike to them. By position in the
 * cluster's list of nodes:
 *
 *     rejected     [ 0     1     0    ]
 *     rejections   [ -     cpu   -    ]      by the first plugin that objected
 *     scores       [ 4     0     7    ]      of one plugin that normalizes them, raw; 0 where the node was rejected
 *     sums         [ 140   0     135  ]      of the weighted scores of all plugins that do not
 *
 * A node that changed is asked about again.
 */
export class Verdicts {
  /** No others have the same. */
  readonly number = ++verdictsMade
  readonly #follower = new Follower()
  /** By order of the plugin: `prepare` is asked once, since it would say the same again. */
  readonly #states: unknown[] = []
  #rejected = new Uint8Array()
  readonly #rejections: (RememberedRejection | undefined)[] = []
  /** By order of the plugin. */
  readonly #scores: (RememberedScores | undefined)[] = []
  #sums = new Float64Array()
  readonly #best = new BestNodes()
  readonly #rejectionKinds = new RejectionKinds()
  #fitting = 0

  /** What `prepare` of the plugin at this place says. */
  prepared(order: number, prepare: () => unknown): unknown {
    if (!(order in this.#states)) this.#states[order] = prepare()
    return this.#states[order]
  }

  /** Asks those of the hooks that look at single nodes about nodes that are new or changed. */
  follow(pod: Pod, hooks: readonly Hook[], cluster: ClusterView): void {
    const lookers = hooks.filter(({ plugin }) => plugin.looksAt !== undefined)
    const scorers = lookers.filter(({ plugin, weight }) => plugin.score !== undefined && weight !== 0)
    this.#reserve(cluster.nodes.length, scorers)
    this.#follower.follow(cluster, {
      enter: (at, view) => {
        const rejection = firstRejection(pod, lookers, view)
        this.#rejected[at] = Number(rejection !== undefined)
        while (this.#rejections.length <= at) this.#rejections.push(undefined)
        this.#rejections[at] = rejection
        if (rejection !== undefined)
          return this.#rejectionKinds.enter(at, rejection.told.plugin, rejection.told.rejection)
        this.#fitting++
        let sum = 0
        for (const { order, plugin, weight, state } of scorers) {
          const score = plugin.score!(pod, view, state, at)
          if (plugin.normalize === undefined) sum += weight * score
          else if (score !== 0) {
            const remembered = this.#scores[order]!
            remembered.raw[at] = score
            remembered.others++
          }
        }
        this.#sums[at] = sum
        this.#best.enter(at, sum)
      },
      leave: (at) => {
        if (this.#rejected[at] === 0) this.#fitting--
        this.#rejected[at] = 1
        this.#best.leave(at)
        this.#rejectionKinds.leave(at)
        this.#rejections[at] = undefined
        this.#sums[at] = 0
        for (const remembered of this.#scores) {
          if (remembered === undefined || remembered.raw[at] === 0) continue
          remembered.raw[at] = 0
          remembered.others--
        }
      },
    })
  }

  /** How many nodes will do. */
  get fitting(): number {
    return this.#fitting
  }

  /**
   * Where one of the nodes with the highest of `sums` is, of those that are not `out` (nobody, where it is absent); undefined
   * where all of them are.
   */
  pickBest(nodes: number, out: Uint8Array | undefined, random: Random): number | undefined {
    return this.#best.pick(nodes, this.#sums, this.#rejected, out, random)
  }

  /** Sets in `rejected`, for each position, whether the node will not do. */
  markRejected(rejected: Uint8Array, nodes: number): void {
    rejected.set(this.#rejected.subarray(0, nodes))
  }

  /** Why the node at a position will not do, if it will not. */
  rejectionAt(position: number): RememberedRejection | undefined {
    return this.#rejections[position]
  }

  /** All that will not do, in kinds. */
  get rejectionKinds(): RejectionKinds {
    return this.#rejectionKinds
  }

  /** The weighted scores of plugins that do not normalize them, by position. */
  get sums(): Float64Array {
    return this.#sums
  }

  /** The raw scores of the plugin at this place by position; undefined when all are 0, and so equal. */
  scoresOf(order: number): Float64Array | undefined {
    const remembered = this.#scores[order]
    return remembered === undefined || remembered.others === 0 ? undefined : remembered.raw
  }

  #reserve(nodes: number, scorers: readonly Hook[]): void {
    if (this.#rejected.length < nodes) {
      const size = nodes + (nodes >> 2)
      const [rejected, sums] = [new Uint8Array(size), new Float64Array(size)]
      rejected.set(this.#rejected)
      sums.set(this.#sums)
      this.#rejected = rejected
      this.#sums = sums
    }
    for (const { order, plugin } of scorers) {
      if (plugin.normalize === undefined) continue
      const remembered = this.#scores[order]
      if (remembered !== undefined && remembered.raw.length >= nodes) continue
      const raw = new Float64Array(this.#rejected.length)
      if (remembered !== undefined) raw.set(remembered.raw)
      this.#scores[order] = { raw, others: remembered?.others ?? 0 }
    }
  }
}

interface RememberedScores {
  readonly raw: Float64Array
  /** How many of them are not 0. */
  others: number
}

/** What the first plugin that objected said of a node. */
export interface RememberedRejection {
  /** Of the plugin that objected. */
  readonly order: number
  readonly told: NodeRejection
}

/** What the first of the hooks that objects says of a node. */
export function firstRejection(pod: Pod, hooks: readonly Hook[], node: NodeView): RememberedRejection | undefined {
  for (const { order, plugin, state } of hooks) {
    const rejection = plugin.filter?.(pod, node, state)
    if (rejection !== undefined) return { order, told: { node: node.name, plugin: plugin.name, rejection } }
  }
  return undefined
}

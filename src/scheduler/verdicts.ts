import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import type { NodeRejection } from './cycle.ts'
import type { Plugin } from './plugin.ts'
import type { WeightedPlugin } from '#scheduler/plugins/index.ts'
import type { NodeView } from './snapshot.ts'

/** For so many kinds of pods the answers are remembered; a burst is of a few. */
const mostRemembered = 16

/** A plugin that takes part for one pod, with what it prepared and its place among all plugins. */
export interface Hook {
  readonly order: number
  readonly plugin: Plugin<any>
  readonly weight: number
  readonly state: unknown
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
 *     versions     [ 7     8     9    ]      of the views that were asked about
 *     rejections   [ -     cpu   -    ]      by the first plugin that objected
 *     scores       [ 40    0     35   ]      of one plugin, raw
 *
 * A view with another version than before is asked about again.
 */
export class Verdicts {
  /** By order of the plugin: `prepare` is asked once, since it would say the same again. */
  readonly #states: unknown[] = []
  readonly #versions: number[] = []
  readonly #rejections: (RememberedRejection | undefined)[] = []
  /** By order of the plugin. */
  readonly #scores: (number[] | undefined)[] = []

  /** What `prepare` of the plugin at this place says. */
  prepared(order: number, prepare: () => unknown): unknown {
    if (!(order in this.#states)) this.#states[order] = prepare()
    return this.#states[order]
  }

  /** Asks the hooks about nodes that are new or changed. */
  follow(pod: Pod, hooks: readonly Hook[], nodes: readonly NodeView[]): void {
    const versions = this.#versions
    for (let at = 0; at < nodes.length; at++) {
      const view = nodes[at]!
      if (versions[at] === view.version) continue
      versions[at] = view.version
      const rejection = firstRejection(pod, hooks, view)
      this.#rejections[at] = rejection
      if (rejection !== undefined) continue
      for (const { order, plugin, weight, state } of hooks) {
        if (plugin.score === undefined || weight === 0) continue
        const scores = (this.#scores[order] ??= [])
        while (scores.length < at) scores.push(0)
        scores[at] = plugin.score(pod, view, state, at)
      }
    }
  }

  /** Why the node at a position will not do, if it will not. */
  rejectionAt(position: number): RememberedRejection | undefined {
    return this.#rejections[position]
  }

  /** The raw scores of the plugin at this place; only those of nodes that were not rejected say anything. */
  scoresOf(order: number): readonly number[] {
    return this.#scores[order]!
  }
}

interface RememberedRejection {
  /** Of the plugin that objected. */
  readonly order: number
  readonly told: NodeRejection
}

function firstRejection(pod: Pod, hooks: readonly Hook[], node: NodeView): RememberedRejection | undefined {
  for (const { order, plugin, state } of hooks) {
    const rejection = plugin.filter?.(pod, node, state)
    if (rejection !== undefined) return { order, told: { node: node.name, plugin: plugin.name, rejection } }
  }
  return undefined
}

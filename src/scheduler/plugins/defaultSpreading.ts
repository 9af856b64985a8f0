import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import { mostScore } from './normalize.ts'
import type { NodeView } from '#scheduler/snapshot.ts'

/** The constraints of a cluster without its own: even over nodes, and loosely over zones (KEP-1258). */
const constraints = [
  { topologyKey: 'kubernetes.io/hostname', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
] as const

/** The pods that should be spread together. */
export interface Siblings {
  /** Names the same pods every time: counts are remembered by it. */
  readonly key: string
  includes(other: Pod): boolean
}

/** Finds which pods count as siblings of a pod; undefined when nothing selects it. */
export type SiblingsOf = (pod: Pod) => Siblings | undefined

/** For so many groups of siblings the counts are remembered; those of others are counted anew when they are needed. */
const mostRemembered = 32

/** Prefers domains with fewer siblings, for pods that bring no constraints of their own. */
export function defaultSpreading(siblingsOf: SiblingsOf): Plugin<Spread> {
  const spreads = new RecentMap<string, Spread>(mostRemembered)
  return {
    name: 'PodTopologySpread',
    prepare(pod, cluster) {
      if ((pod.spec.topologySpreadConstraints ?? []).length > 0) return 'skip'
      const siblings = siblingsOf(pod)
      if (siblings === undefined) return 'skip'
      const { namespace } = pod.metadata
      const spread = spreads.getOrMake(`${namespace} ${siblings.key}`, () => new Spread())
      spread.follow(cluster.nodes, (other) => other.metadata.namespace === namespace && siblings.includes(other))
      return spread
    },
    score: (_pod, _node, spread, position) => spread.scoreAt(position),
    normalize(scores) {
      let [lowest, highest] = [Infinity, -Infinity]
      for (const score of scores) {
        if (score < lowest) lowest = score
        if (score > highest) highest = score
      }
      for (let i = 0; i < scores.length; i++) {
        scores[i] = highest === 0 ? mostScore : Math.trunc((mostScore * (highest + lowest - scores[i]!)) / highest)
      }
    },
  }
}

/** How the siblings are spread over the domains of every constraint; follows the cluster by counting changed nodes anew. */
class Spread {
  /** Of the views that were counted, by position of the node. */
  readonly #versions: number[] = []
  readonly #siblings: number[] = []
  readonly #domains = constraints.map(({ topologyKey, maxSkew }) => new Domains(topologyKey, maxSkew))

  follow(nodes: readonly NodeView[], isSibling: (pod: Pod) => boolean): void {
    for (let at = this.#versions.length - 1; at >= nodes.length; at--) {
      this.#remove(at)
      this.#versions.pop()
      this.#siblings.pop()
    }
    for (let at = 0; at < nodes.length; at++) {
      const view = nodes[at]!
      if (this.#versions[at] === view.version) continue
      if (at < this.#versions.length) this.#remove(at)
      const count = countSiblings(view, isSibling)
      for (const domains of this.#domains) domains.enter(at, view, count)
      this.#versions[at] = view.version
      this.#siblings[at] = count
    }
  }

  scoreAt(position: number): number {
    let score = 0
    for (const domains of this.#domains) score += domains.scoreAt(position)
    return Math.round(score)
  }

  #remove(at: number): void {
    for (const domains of this.#domains) domains.leave(at, this.#siblings[at]!)
  }
}

/** The domains of one topology key, such as zones: which nodes are in them, and how many siblings. */
class Domains {
  readonly #topologyKey: string
  readonly #maxSkew: number
  /** The domain of each node by position; undefined without the label. */
  readonly #ofNode: (Domain | undefined)[] = []
  readonly #byValue = new Map<string, Domain>()
  /** Makes a constraint with many domains weigh more, so that hosts are not drowned by zones. */
  #weight = 0

  constructor(topologyKey: string, maxSkew: number) {
    this.#topologyKey = topologyKey
    this.#maxSkew = maxSkew
  }

  enter(at: number, { node }: NodeView, siblings: number): void {
    const value = node.metadata.labels?.[this.#topologyKey]
    if (value === undefined) {
      this.#ofNode[at] = undefined
      return
    }
    let domain = this.#byValue.get(value)
    if (domain === undefined) {
      this.#byValue.set(value, (domain = { value, nodes: 0, siblings: 0 }))
      this.#weight = Math.log(this.#byValue.size + 2)
    }
    domain.nodes++
    domain.siblings += siblings
    this.#ofNode[at] = domain
  }

  leave(at: number, siblings: number): void {
    const domain = this.#ofNode[at]
    if (domain === undefined) return
    domain.nodes--
    domain.siblings -= siblings
    if (domain.nodes > 0) return
    this.#byValue.delete(domain.value)
    this.#weight = Math.log(this.#byValue.size + 2)
  }

  scoreAt(position: number): number {
    const domain = this.#ofNode[position]
    return domain === undefined ? 0 : domain.siblings * this.#weight + (this.#maxSkew - 1)
  }
}

interface Domain {
  readonly value: string
  nodes: number
  siblings: number
}

function countSiblings({ pods }: NodeView, isSibling: (pod: Pod) => boolean): number {
  let count = 0
  for (const pod of pods) if (pod.metadata.deletionTimestamp === undefined && isSibling(pod)) count++
  return count
}

import type { Pod } from '#api/core/v1/pod.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import { mostScore } from './normalize.ts'
import type { ClusterView, NodeView } from '#scheduler/snapshot.ts'

/** The constraints of a cluster without its own: even over nodes, and loosely over zones (KEP-1258). */
const constraints = [
  { topologyKey: 'kubernetes.io/hostname', maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
] as const

interface Spread {
  readonly topologyKey: string
  readonly maxSkew: number
  /** How many matching pods each domain has. */
  readonly counts: ReadonlyMap<string, number>
  /** Makes a constraint with many domains weigh more, so that hosts are not drowned by zones. */
  readonly weight: number
}

/** The pods that should be spread together. */
export interface Siblings {
  /** Names the same pods every time: counts are remembered by it. */
  readonly key: string
  includes(other: Pod): boolean
}

/** Finds which pods count as siblings of a pod; undefined when nothing selects it. */
export type SiblingsOf = (pod: Pod) => Siblings | undefined

/** How many siblings a node has, by their key. A view never changes, so only nodes where something did are counted again. */
type Counts = WeakMap<NodeView, Map<string, number>>

/** Prefers domains with fewer siblings, for pods that bring no constraints of their own. */
export function defaultSpreading(siblingsOf: SiblingsOf): Plugin<readonly Spread[]> {
  const known: Counts = new WeakMap()
  return {
    name: 'PodTopologySpread',
    prepare(pod, cluster) {
      if ((pod.spec.topologySpreadConstraints ?? []).length > 0) return 'skip'
      const siblings = siblingsOf(pod)
      return siblings === undefined ? 'skip' : spreadsOf(pod, cluster, siblings, known)
    },
    score(_pod, { node }, spreads) {
      let score = 0
      for (const { topologyKey, maxSkew, counts, weight } of spreads) {
        const domain = node.metadata.labels?.[topologyKey]
        if (domain !== undefined) score += (counts.get(domain) ?? 0) * weight + (maxSkew - 1)
      }
      return Math.round(score)
    },
    normalize(scores) {
      const [lowest, highest] = [Math.min(...scores), Math.max(...scores)]
      for (let i = 0; i < scores.length; i++) {
        scores[i] = highest === 0 ? mostScore : Math.trunc((mostScore * (highest + lowest - scores[i]!)) / highest)
      }
    },
  }
}

function spreadsOf(pod: Pod, cluster: ClusterView, siblings: Siblings, known: Counts): readonly Spread[] {
  const key = `${pod.metadata.namespace} ${siblings.key}`
  return constraints.map(({ topologyKey, maxSkew }) => {
    const counts = new Map<string, number>()
    for (const view of cluster.nodes) {
      const domain = view.node.metadata.labels?.[topologyKey]
      if (domain !== undefined)
        counts.set(domain, (counts.get(domain) ?? 0) + siblingsOn(view, pod, key, siblings, known))
    }
    return { topologyKey, maxSkew, counts, weight: Math.log(counts.size + 2) }
  })
}

function siblingsOn(view: NodeView, pod: Pod, key: string, siblings: Siblings, known: Counts): number {
  let counts = known.get(view)
  if (counts === undefined) known.set(view, (counts = new Map()))
  let count = counts.get(key)
  if (count === undefined) counts.set(key, (count = countSiblings(pod, view, siblings)))
  return count
}

function countSiblings(pod: Pod, view: NodeView, siblings: Siblings): number {
  let count = 0
  for (const other of view.pods) {
    if (other.metadata.namespace !== pod.metadata.namespace || other.metadata.deletionTimestamp !== undefined) continue
    if (siblings.includes(other)) count++
  }
  return count
}

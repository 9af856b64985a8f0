import type { Pod } from '#api/core/v1/pod.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import { mostScore } from '#scheduler/plugins/normalize.ts'
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

/** Finds which pods count as siblings of a pod; undefined when nothing selects it. */
export type SiblingsOf = (pod: Pod) => ((other: Pod) => boolean) | undefined

/** Prefers domains with fewer siblings, for pods that bring no constraints of their own. */
export function defaultSpreading(siblingsOf: SiblingsOf): Plugin<readonly Spread[]> {
  return {
    name: 'PodTopologySpread',
    prepare(pod, cluster) {
      if ((pod.spec.topologySpreadConstraints ?? []).length > 0) return 'skip'
      const isSibling = siblingsOf(pod)
      return isSibling === undefined ? 'skip' : spreadsOf(pod, cluster, isSibling)
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

function spreadsOf(pod: Pod, cluster: ClusterView, isSibling: (other: Pod) => boolean): readonly Spread[] {
  return constraints.map(({ topologyKey, maxSkew }) => {
    const counts = new Map<string, number>()
    for (const view of cluster.nodes) {
      const domain = view.node.metadata.labels?.[topologyKey]
      if (domain === undefined) continue
      counts.set(domain, (counts.get(domain) ?? 0) + countSiblings(pod, view, isSibling))
    }
    return { topologyKey, maxSkew, counts, weight: Math.log(counts.size + 2) }
  })
}

function countSiblings(pod: Pod, view: NodeView, isSibling: (other: Pod) => boolean): number {
  let count = 0
  for (const other of view.pods) {
    if (other.metadata.namespace !== pod.metadata.namespace || other.metadata.deletionTimestamp !== undefined) continue
    if (isSibling(other)) count++
  }
  return count
}

import { matchesNodeSelectors, matchesNodeTerm, type NodeTerm } from '#machinery/nodeSelector.ts'
import type { Plugin } from '#scheduler/plugin.ts'
import { normalizeScores } from './normalize.ts'

type Preferences = readonly { readonly weight: number; readonly preference: NodeTerm }[]

/** Places pods by `nodeSelector` and node affinity: what is required filters, what is preferred scores. */
export const nodeAffinity: Plugin<Preferences> = {
  name: 'NodeAffinity',
  looksAt: ({ spec }) => [spec.nodeSelector, spec.affinity?.nodeAffinity],
  prepare: (pod) => pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [],
  filter(pod, { node }) {
    if (matchesNodeSelectors(pod, node)) return undefined
    return { reason: "node(s) didn't match Pod's node affinity/selector", forever: true, cause: { kind: 'selector' } }
  },
  score(_pod, { node }, preferences) {
    let score = 0
    for (const { weight, preference } of preferences) if (matchesPreference(preference, node)) score += weight
    return score
  },
  normalize: (scores) => normalizeScores(scores),
  wakesOn: [
    { event: { resource: 'nodes', action: 'add' }, helps: ({ pod, node }) => matchesNodeSelectors(pod, node!) },
    {
      event: { resource: 'nodes', action: 'update' },
      helps: ({ pod, node, oldNode }) =>
        matchesNodeSelectors(pod, node!) && (oldNode === undefined || !matchesNodeSelectors(pod, oldNode)),
    },
  ],
}

/** A preference without requirements is one for every node, unlike a required term. */
function matchesPreference(term: NodeTerm, node: Parameters<typeof matchesNodeTerm>[1]): boolean {
  const empty = (term.matchExpressions ?? []).length === 0 && (term.matchFields ?? []).length === 0
  return empty || matchesNodeTerm(term, node)
}

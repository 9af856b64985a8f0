import type { NodeAffinity } from '#api/core/v1/affinity.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { matchesNodeSelectors, matchesNodeTerm, type NodeTerm } from '#machinery/nodeSelector.ts'
import type { Plugin, Rejection } from '#scheduler/plugin.ts'
import { normalizeScores } from './normalize.ts'

/** As in `NodeAffinityArgs` of a KubeSchedulerConfiguration. */
export interface NodeAffinityArguments {
  /** Holds for every pod of the profile, beside the pod's own. */
  readonly addedAffinity?: NodeAffinity
}

type Preferences = readonly { readonly weight: number; readonly preference: NodeTerm }[]

/** Places pods by `nodeSelector` and node affinity: what is required filters, what is preferred scores. */
export function nodeAffinity({ addedAffinity = {} }: NodeAffinityArguments = {}): Plugin<Preferences> {
  const enforced: Pick<Pod, 'spec'> = { spec: { containers: [], affinity: { nodeAffinity: addedAffinity } } }
  const enforces = addedAffinity.requiredDuringSchedulingIgnoredDuringExecution !== undefined
  const alwaysPreferred = preferencesOf(addedAffinity)
  return {
    name: 'NodeAffinity',
    looksAt: ({ spec }) => [spec.nodeSelector, spec.affinity?.nodeAffinity],
    names: (pod) => namedNodes(pod),
    prepare: (pod) =>
      (conflict(pod) as never) ?? [...alwaysPreferred, ...preferencesOf(pod.spec.affinity?.nodeAffinity)],
    filter(pod, { node }) {
      // Most pods ask for nothing, and this is asked of every node for every kind of pod.
      if (!enforces && pod.spec.nodeSelector === undefined && pod.spec.affinity?.nodeAffinity === undefined)
        return undefined
      if (!matchesNodeSelectors(enforced, node)) {
        return {
          reason: "node(s) didn't match scheduler-enforced node affinity",
          forever: true,
          cause: { kind: 'selector' },
        }
      }
      if (matchesNodeSelectors(pod, node)) return undefined
      return { reason: "node(s) didn't match Pod's node affinity/selector", forever: true, cause: { kind: 'selector' } }
    },
    score(_pod, { node }, preferences) {
      let score = 0
      for (const { weight, preference } of preferences) if (matchesNodeTerm(preference, node)) score += weight
      return score
    },
    normalize: (scores) => normalizeScores(scores),
    wakesOn: [
      {
        event: { resource: 'nodes', action: 'add' },
        helps: ({ pod, node }) => matchesNodeSelectors(enforced, node!) && matchesNodeSelectors(pod, node!),
      },
      {
        event: { resource: 'nodes', action: 'update' },
        helps: ({ pod, node, oldNode }) => {
          const matches = (each: NonNullable<typeof node>): boolean =>
            matchesNodeSelectors(enforced, each) && matchesNodeSelectors(pod, each)
          return matches(node!) && (oldNode === undefined || !matches(oldNode))
        },
      },
    ],
  }
}

/** Preferences that can say something: one without requirements is for no node (its weight counts as 0). */
function preferencesOf(affinity: NodeAffinity | undefined): Preferences {
  return affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
}

/** The nodes that all terms name by `metadata.name`; undefined when some term does not. */
function namedNodes({ spec }: Pod): ReadonlySet<string> | undefined {
  const terms = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? []
  let names: Set<string> | undefined
  for (const { matchFields = [] } of terms) {
    let ofTerm: readonly string[] | undefined
    for (const { key, operator, values = [] } of matchFields) {
      if (key !== 'metadata.name' || operator !== 'In') continue
      ofTerm = ofTerm === undefined ? values : ofTerm.filter((name) => values.includes(name))
    }
    if (ofTerm === undefined) return undefined
    names ??= new Set()
    for (const name of ofTerm) names.add(name)
  }
  return names
}

/** Turns down a pod whose terms each name several nodes that it should be on at once. */
function conflict(pod: Pod): Rejection | undefined {
  if (namedNodes(pod)?.size !== 0) return undefined
  return { reason: 'pod affinity terms conflict', forever: true, cause: { kind: 'selector' } }
}

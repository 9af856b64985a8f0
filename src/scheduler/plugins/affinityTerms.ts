import type { PodAffinityTerm } from '#api/core/v1/affinity.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { matchesRequirements, requirementsOf, type LabelRequirements } from '#machinery/labelSelector.ts'
import type { Neighbour } from '#scheduler/snapshot.ts'

type Labels = Readonly<Record<string, string>>

/** What terms need to know of namespaces. */
export interface NamespaceLabels {
  /** Rises when a namespace comes or goes, or changes its labels. */
  readonly version: number
  readonly names: Iterable<string>
  labelsOf(namespace: string): Labels | undefined
}

/** A term of pod affinity or anti-affinity, ready to be matched. */
export interface Term {
  /** The same for terms that say the same. */
  readonly key: string
  readonly topologyKey: string
  readonly namespaces: readonly string[]
  /** Selects further namespaces; undefined selects none. */
  readonly namespaceSelector: LabelRequirements | undefined
  readonly selector: LabelRequirements
  /** The same for terms with the same selector. */
  readonly selectorKey: string
}

export interface WeightedTerm {
  readonly term: Term
  /** Below 0 for what is to be avoided. */
  readonly weight: number
}

/** What a pod says of its neighbours. */
export interface Terms {
  readonly required: readonly Term[]
  readonly forbidden: readonly Term[]
  readonly preferred: readonly WeightedTerm[]
}

const noTerms: Terms = { required: [], forbidden: [], preferred: [] }
const known = new WeakMap<object, { readonly namespace: string; readonly terms: Terms }>()

/** Whether a pod says anything of its neighbours. */
function holdsTerms({ spec: { affinity } }: Pod): boolean {
  return affinity !== undefined && (affinity.podAffinity ?? affinity.podAntiAffinity) !== undefined
}

/** The terms of a pod. Computed once for each affinity object. */
export function termsOf(pod: Pod): Terms {
  const {
    metadata,
    spec: { affinity },
  } = pod
  if (affinity === undefined || !holdsTerms(pod)) return noTerms
  const namespace = metadata.namespace ?? ''
  const before = known.get(affinity)
  if (before?.namespace === namespace) return before.terms
  const { podAffinity = {}, podAntiAffinity = {} } = affinity
  const read = (term: PodAffinityTerm): Term => readTerm(term, namespace)
  const terms: Terms = {
    required: (podAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(read),
    forbidden: (podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(read),
    preferred: [
      ...(podAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({
        term: read(podAffinityTerm),
        weight,
      })),
      ...(podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ weight, podAffinityTerm }) => ({
        term: read(podAffinityTerm),
        weight: -weight,
      })),
    ],
  }
  known.set(affinity, { namespace, terms })
  return terms
}

/** A term of a pod in this namespace, which is what a term without any namespaces means. */
function readTerm(
  { labelSelector, namespaces = [], namespaceSelector, topologyKey }: PodAffinityTerm,
  own: string,
): Term {
  const named = namespaces.length === 0 && namespaceSelector === undefined ? [own] : [...new Set(namespaces)].sort()
  const selectorKey = JSON.stringify(labelSelector) ?? ''
  return {
    key: JSON.stringify([topologyKey, named, namespaceSelector, selectorKey]),
    topologyKey,
    namespaces: named,
    namespaceSelector: namespaceSelector === undefined ? undefined : requirementsOf(namespaceSelector),
    selector: requirementsOf(labelSelector),
    selectorKey,
  }
}

/** Whether a term is about a pod, in a namespace with these labels. */
export function isAbout(term: Term, { metadata }: Neighbour, namespaceLabels: Labels | undefined): boolean {
  return (
    (term.namespaces.includes(metadata.namespace ?? '') ||
      (term.namespaceSelector !== undefined && matchesRequirements(term.namespaceSelector, namespaceLabels))) &&
    matchesRequirements(term.selector, metadata.labels)
  )
}

/** The namespaces that a term reaches at this moment. */
export interface Reach {
  /** The same for the same namespaces. */
  readonly key: string
  includes(namespace: string): boolean
}

const everywhere: Reach = { key: '*', includes: () => true }
/** For so many terms it is remembered which namespaces they reach. */
const mostRemembered = 64

/** Finds which namespaces terms reach; selectors are asked again only when a namespace changed. */
export function reachFinder(namespaces: NamespaceLabels): (term: Term) => Reach {
  const reaches = new RecentMap<string, { readonly version: number; readonly reach: Reach }>(mostRemembered)
  return ({ namespaces: named, namespaceSelector }) => {
    if (namespaceSelector === undefined) return reachOf(named)
    if (namespaceSelector.length === 0) return everywhere
    const key = JSON.stringify([named, namespaceSelector])
    const before = reaches.get(key)
    if (before?.version === namespaces.version) return before.reach
    const names = new Set(named)
    for (const name of namespaces.names) {
      if (matchesRequirements(namespaceSelector, namespaces.labelsOf(name))) names.add(name)
    }
    const reach = reachOf([...names].sort())
    reaches.set(key, { version: namespaces.version, reach })
    return reach
  }
}

function reachOf(names: readonly string[]): Reach {
  if (names.length === 1) return { key: names[0]!, includes: (namespace) => namespace === names[0] }
  const set = new Set(names)
  return { key: names.join(','), includes: (namespace) => set.has(namespace) }
}

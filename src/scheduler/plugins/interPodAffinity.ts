import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { matchesRequirements } from '#machinery/labelSelector.ts'
import { HeldTerms, type HeldTerm } from '#scheduler/counts/heldTerms.ts'
import { PodTable } from '#scheduler/counts/podTable.ts'
import { noDomain, Topologies, type Topology } from '#scheduler/counts/topology.ts'
import type { NodeGroups, Plugin, PodsOfNodeChange, Rejection, WakeChange } from '#scheduler/plugin.ts'
import type { ClusterView } from '#scheduler/snapshot.ts'
import { isAbout, reachFinder, termsOf, type NamespaceLabels, type Term } from './affinityTerms.ts'
import { mostScore } from './normalize.ts'

/** As in `InterPodAffinityArgs` of a KubeSchedulerConfiguration. */
export interface InterPodAffinityArguments {
  /** Points that a pod's required affinity gives to the pods it is about; 0 to 100, 1 by default. */
  readonly hardPodAffinityWeight?: number
  /** Leaves the preferences of pods on nodes out of the score of a pod without preferences. */
  readonly ignorePreferredTermsOfExistingPods?: boolean
}

/** A term, with pods by domain of its topology. */
interface TermTable {
  readonly term: Term
  /** What is counted, as text. */
  readonly key: string
  readonly table: PodTable
}

/** Pods that a pod wants near or, with a weight below 0, far. */
interface Preference extends TermTable {
  readonly weight: number
}

/** What a pod's neighbours mean for it. */
interface Neighbours {
  /** Of each required term; the tables count the pods that all of these terms are about. */
  readonly required: readonly TermTable[]
  /** Whether the pod's own required terms are about itself: then the first of its kind needs no neighbour. */
  readonly isOwnNeighbour: boolean
  /** Of each term of required anti-affinity. */
  readonly forbidden: readonly TermTable[]
  /** Terms of pods on nodes that forbid the pod. */
  readonly forbidding: readonly HeldTerm[]
  readonly preferred: readonly Preference[]
  /** Terms of pods on nodes that want the pod near or far. */
  readonly wanting: readonly HeldTerm[]
  /** What `adjust` added; absent as long as there is nothing. */
  readonly added?: Added
}

/** Differences from what the tables say, by table and domain, and by domain (key and value as JSON) for forbidding pods. */
interface Added {
  readonly pods: ReadonlyMap<PodTable, ReadonlyMap<number, number>>
  readonly forbidding: ReadonlyMap<string, number>
}

/** For so many sorts of pods the counts are remembered; those of others are counted anew when they are needed. */
const mostRemembered = 256

/** Keeps pods near the pods they need and away from those they must not meet, and prefers what they and others prefer. */
export function interPodAffinity(
  namespaces: NamespaceLabels,
  { hardPodAffinityWeight = 1, ignorePreferredTermsOfExistingPods = false }: InterPodAffinityArguments = {},
): Plugin<Neighbours> {
  const topologies = new Topologies()
  const held = new HeldTerms(topologies, namespaces, hardPodAffinityWeight)
  const tables = new RecentMap<string, PodTable>(mostRemembered)
  const reachOf = reachFinder(namespaces)
  const labelsOf = ({ metadata }: Pod): Readonly<Record<string, string>> | undefined =>
    namespaces.labelsOf(metadata.namespace ?? '')
  const isAboutPod = (term: Term, pod: Pod): boolean => isAbout(term, pod, labelsOf(pod))
  const areAllAbout = (terms: readonly Term[], pod: Pod): boolean =>
    terms.length > 0 && terms.every((term) => isAboutPod(term, pod))

  const isOwnNeighbour = (pod: Pod): boolean => areAllAbout(termsOf(pod).required, pod)

  /** Counts, by a topology, the pods that all the terms are about. */
  const tableOf = (term: Term, terms: readonly Term[], cluster: ClusterView): TermTable => {
    const { topologyKey } = term
    const topology = topologies.of(topologyKey, cluster)
    const reached = terms.map((term) => ({ reach: reachOf(term), selector: term.selector }))
    const key = JSON.stringify([
      topologyKey,
      ...terms.map(({ selectorKey }, i) => [reached[i]!.reach.key, selectorKey]),
    ])
    const table = tables.getOrMake(
      key,
      () =>
        new PodTable(topology, {
          includes: ({ metadata }) =>
            reached.every(
              ({ reach, selector }) =>
                reach.includes(metadata.namespace ?? '') && matchesRequirements(selector, metadata.labels),
            ),
        }),
    )
    table.follow(cluster)
    return { term, key, table }
  }

  return {
    name: 'InterPodAffinity',
    prepare(pod, cluster) {
      held.follow(cluster)
      const { required, forbidden, preferred } = termsOf(pod)
      const about = held.about(pod)
      if (required.length + forbidden.length + preferred.length + about.length === 0) return 'skip'
      const ignoresWishes = ignorePreferredTermsOfExistingPods && preferred.length === 0
      return {
        required: required.map((term) => tableOf(term, required, cluster)),
        isOwnNeighbour: isOwnNeighbour(pod),
        forbidden: forbidden.map((term) => tableOf(term, [term], cluster)),
        forbidding: about.filter(({ weight }) => weight === 'forbids'),
        preferred: preferred
          .map(({ term, weight }) => ({ ...tableOf(term, [term], cluster), weight }))
          .filter(({ table }) => !table.topology.isOneDomain),
        wanting: ignoresWishes
          ? []
          : about.filter(({ weight, topology }) => weight !== 'forbids' && !topology.isOneDomain),
      }
    },
    adjust: (state, pod, { node }, change) => adjusted(state, pod, node, change, isAboutPod),
    filter: (_pod, { node }, state) =>
      lacksNeighbour(state, node) ?? meetsForbidden(state, node) ?? isForbidden(state, node),
    mayReject: ({ required, forbidden, forbidding }) => required.length + forbidden.length + forbidding.length > 0,
    sieve(_pod, { nodes }, state, rejected) {
      const { required, isOwnNeighbour, forbidden, forbidding } = state
      const anyLabelled = isOwnNeighbour && !hasNeighbours(state)
      for (const { table } of required) {
        const { domains, counts } = table
        if (anyLabelled) {
          for (let at = 0; at < nodes.length; at++) rejected[at]! |= Number(domains[at] === noDomain)
        } else for (let at = 0; at < nodes.length; at++) rejected[at]! |= Number(counts[domains[at]!] === 0)
      }
      for (const { table } of forbidden) {
        if (table.total === 0) continue
        const { domains, counts } = table
        for (let at = 0; at < nodes.length; at++) rejected[at]! |= Number(counts[domains[at]!]! > 0)
      }
      for (const { topology, holders } of forbidding) {
        const counts = holders.table()
        const domains = topology.ofNode
        for (let at = 0; at < nodes.length; at++) rejected[at]! |= Number(counts[domains[at]!]! > 0)
      }
    },
    tellsApart: ({ preferred, wanting }) => preferred.length > 0 || wanting.length > 0,
    scoreAll(_pod, _cluster, { preferred, wanting }, { positions }, scores) {
      if (preferred.length === 0 && wanting.length === 0) return false
      scores.fill(0)
      for (const { table, weight } of preferred) {
        if (table.total === 0) continue
        const { domains, counts } = table
        for (let i = 0; i < positions.length; i++) scores[i]! += counts[domains[positions[i]!]!]! * weight
      }
      for (const { topology, holders, weight } of wanting) {
        const counts = holders.table()
        const domains = topology.ofNode
        const points = weight as number
        for (let i = 0; i < positions.length; i++) scores[i]! += counts[domains[positions[i]!]!]! * points
      }
      return stretch(scores)
    },
    groups: groupsOf,
    wakesOn: [
      {
        event: { resource: 'pods', action: 'add' },
        helps: ({ pod, changedPod }) => isNeeded(pod, changedPod, areAllAbout),
      },
      {
        event: { resource: 'pods', action: 'update' },
        helps: ({ pod, changedPod, oldChangedPod }) =>
          (isNeeded(pod, changedPod, areAllAbout) && !isNeeded(pod, oldChangedPod, areAllAbout)) ||
          (isNeeded(pod, oldChangedPod, areAllAbout) &&
            !isNeeded(pod, changedPod, areAllAbout) &&
            isOwnNeighbour(pod)) ||
          (isPlaced(oldChangedPod) &&
            termsOf(pod).forbidden.some(
              (term) => isAboutPod(term, oldChangedPod) && !(isPlaced(changedPod) && isAboutPod(term, changedPod)),
            )),
      },
      {
        event: { resource: 'pods', action: 'delete' },
        // Once the last neighbour is gone, a pod that its own terms are about may be the first again.
        helps: ({ pod, oldChangedPod }) =>
          isUnwanted(pod, oldChangedPod, isAboutPod) ||
          (isNeeded(pod, oldChangedPod, areAllAbout) && isOwnNeighbour(pod)),
      },
      { event: { resource: 'nodes', action: 'add' }, helps: nodeHelps },
      { event: { resource: 'nodes', action: 'update' }, helps: nodeHelps },
    ],
  }
}

/** Whether any pod is a neighbour by all required terms, anywhere with one of their labels. */
function hasNeighbours({ required, added }: Neighbours): boolean {
  return required.some(({ table }) => {
    let { total } = table
    for (const count of added?.pods.get(table)?.values() ?? []) total += count
    return total > 0
  })
}

function countAt(table: PodTable, node: Node, added: Added | undefined): number | undefined {
  const count = table.countAt(node)
  const more = count === undefined ? undefined : added?.pods.get(table)?.get(table.topology.of(node))
  return count === undefined || more === undefined ? count : count + more
}

function lacksNeighbour(state: Neighbours, node: Node): Rejection | undefined {
  let missing: Term | undefined
  const rejection = (term: Term): Rejection => {
    const value = node.metadata.labels?.[term.topologyKey]
    const { topologyKey } = term
    return {
      reason: "node(s) didn't match pod affinity rules",
      forever: true,
      cause: { kind: 'affinity', topologyKey, ...(value === undefined ? {} : { value }) },
    }
  }
  for (const { term, table } of state.required) {
    const count = countAt(table, node, state.added)
    if (count === undefined) return rejection(term)
    if (count <= 0) missing ??= term
  }
  if (missing === undefined || (state.isOwnNeighbour && !hasNeighbours(state))) return undefined
  return rejection(missing)
}

function meetsForbidden({ forbidden, added }: Neighbours, node: Node): Rejection | undefined {
  for (const { term, table } of forbidden) {
    const pods = countAt(table, node, added) ?? 0
    if (pods <= 0) continue
    const { topologyKey } = term
    const value = node.metadata.labels![topologyKey]!
    return {
      reason: "node(s) didn't match pod anti-affinity rules",
      cause: { kind: 'antiAffinity', topologyKey, value, pods, existing: false },
    }
  }
  return undefined
}

function isForbidden({ forbidding, added }: Neighbours, node: Node): Rejection | undefined {
  const keys = new Set(forbidding.map(({ topology }) => topology.key))
  for (const pair of added?.forbidding.keys() ?? []) keys.add((JSON.parse(pair) as [string, string])[0])
  for (const topologyKey of keys) {
    const value = node.metadata.labels?.[topologyKey]
    if (value === undefined) continue
    let pods = added?.forbidding.get(JSON.stringify([topologyKey, value])) ?? 0
    for (const { topology, holders } of forbidding) {
      if (topology.key === topologyKey) pods += holders.get(topology.of(node))
    }
    if (pods <= 0) continue
    return {
      reason: "node(s) didn't satisfy existing pods anti-affinity rules",
      cause: { kind: 'antiAffinity', topologyKey, value, pods, existing: true },
    }
  }
  return undefined
}

function adjusted(
  state: Neighbours,
  pod: Pod,
  node: Node,
  { added: coming, removed: leaving }: PodsOfNodeChange,
  isAboutPod: (term: Term, pod: Pod) => boolean,
): Neighbours {
  // Terms that say the same share a table, which has each pod once.
  const tables = new Set([...state.required, ...state.forbidden].map(({ table }) => table))
  const pods = new Map([...(state.added?.pods ?? [])].map(([table, counts]) => [table, new Map(counts)]))
  const forbidding = new Map(state.added?.forbidding)
  const count = (table: PodTable, step: number): void => {
    const domain = table.topology.of(node)
    if (domain === noDomain) return
    let counts = pods.get(table)
    if (counts === undefined) pods.set(table, (counts = new Map()))
    counts.set(domain, (counts.get(domain) ?? 0) + step)
  }
  const take = (other: Pod, step: number): void => {
    for (const table of tables) if (table.includes(other)) count(table, step)
    for (const term of termsOf(other).forbidden) {
      const value = node.metadata.labels?.[term.topologyKey]
      if (value === undefined || !isAboutPod(term, pod)) continue
      const pair = JSON.stringify([term.topologyKey, value])
      forbidding.set(pair, (forbidding.get(pair) ?? 0) + step)
    }
  }
  for (const other of leaving) take(other, -1)
  for (const other of coming) take(other, 1)
  return { ...state, added: { pods, forbidding } }
}

/**
 * Nodes with as many of the pods that count in their domains. Where each domain is a node, only a change of the node itself
 * changes how many there are; other domains are told apart by their numbers.
 */
function groupsOf({ preferred, wanting }: Neighbours): NodeGroups {
  let rule = ''
  const [own, shared]: [((at: number) => number)[], Topology[]] = [[], []]
  const take = (topology: Topology, key: string, pointsAt: (at: number) => number): void => {
    rule += `${topology.hasOwnDomains} ${key} `
    if (topology.hasOwnDomains) own.push(pointsAt)
    else shared.push(topology)
  }
  for (const { table, key, weight } of preferred) {
    take(table.topology, `${key} ${weight}`, (at) => table.counts[table.domains[at]!]! * weight)
  }
  for (const { topology, key, holders, weight } of wanting) {
    take(topology, key, (at) => holders.get(topology.ofNode[at]!) * (weight as number))
  }
  return {
    rule,
    keyAt(at) {
      let points = 0
      for (const pointsAt of own) points += pointsAt(at)
      let key = String(points)
      for (const { ofNode } of shared) key += ` ${ofNode[at]}`
      return key
    },
  }
}

/** Stretches sums so that the least becomes 0 and the most 100; false when all are equal. */
function stretch(scores: Float64Array): boolean {
  let [least, most] = [Infinity, -Infinity]
  for (let i = 0; i < scores.length; i++) {
    const score = scores[i]!
    if (score < least) least = score
    if (score > most) most = score
  }
  const range = most - least
  if (!(range > 0)) return false
  for (let i = 0; i < scores.length; i++) scores[i] = Math.trunc(mostScore * ((scores[i]! - least) / range))
  return true
}

function isPlaced(pod: Pod | undefined): pod is Pod {
  return pod !== undefined && ((pod.spec.nodeName ?? '') !== '' || (pod.status?.nominatedNodeName ?? '') !== '')
}

function isNeeded(
  pod: Pod,
  other: Pod | undefined,
  areAllAbout: (terms: readonly Term[], pod: Pod) => boolean,
): boolean {
  return isPlaced(other) && areAllAbout(termsOf(pod).required, other)
}

/** Whether one of the two avoids the other. Upstream only asks whether all terms of the waiting pod are about the other. */
function isUnwanted(pod: Pod, other: Pod | undefined, isAboutPod: (term: Term, pod: Pod) => boolean): boolean {
  return (
    isPlaced(other) &&
    (termsOf(pod).forbidden.some((term) => isAboutPod(term, other)) ||
      termsOf(other).forbidden.some((term) => isAboutPod(term, pod)))
  )
}

/**
 * Whether a node that came, or moved to another domain, may be one with a wanted neighbour or without an unwanted one. The
 * terms of pods on nodes are not looked up here, nor what is left in a domain that a node left: any change of labels may help.
 */
function nodeHelps({ pod, node, oldNode }: WakeChange): boolean {
  const labels = node?.metadata.labels ?? {}
  if (oldNode !== undefined) return !sameJson(labels, oldNode.metadata.labels ?? {})
  const { required } = termsOf(pod)
  return required.length === 0 || required.some(({ topologyKey }) => topologyKey in labels)
}

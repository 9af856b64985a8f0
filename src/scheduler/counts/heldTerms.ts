import type { Pod } from '#api/core/v1/pod.ts'
import { RecentMap } from '#lib/collections/recentMap.ts'
import { isAbout, type NamespaceLabels, type Term } from '#scheduler/plugins/affinityTerms.ts'
import type { ClusterView, NodeView } from '#scheduler/snapshot.ts'
import { DomainCounts } from './domainCounts.ts'
import { Follower, type NodeCounter } from './follower.ts'
import { noDomain, type Topologies, type Topology } from './topology.ts'

/** A term that pods on nodes hold, with the domains where they do. */
export interface HeldTerm {
  /** The same for terms that say the same with the same weight. */
  readonly key: string
  readonly term: Term
  readonly topology: Topology
  /** Points for each pod that holds it, below 0 to be avoided; `forbids` for required anti-affinity. */
  readonly weight: number | 'forbids'
  /** How many pods hold it, by domain. */
  readonly holders: DomainCounts
}

interface Held {
  readonly term: HeldTerm
  readonly domain: number
  /** So many pods of a node hold it. */
  readonly count: number
}

/** For so many kinds of pods it is remembered which terms are about them. */
const mostRemembered = 256
/** So many terms that nobody holds any longer are kept before all are sorted out. */
const mostUnheld = 256

/**
 * The affinity terms of pods on nodes, as they bear on a pod that comes: terms that say the same are counted together, by
 * domain, so that a decision looks at as many terms as there are templates and not at every pod.
 *
 *     term                                     weight      holders
 *     zone, app=web in default                 forbids     {east: 3, west: 1}
 *     hostname, app=db in default              10          {node-7: 1}
 */
export class HeldTerms implements NodeCounter {
  readonly #follower = new Follower()
  readonly #topologies: Topologies
  readonly #namespaces: NamespaceLabels
  readonly #hardWeight: number
  readonly #byKey = new Map<string, HeldTerm>()
  /** In the order in which they were first seen. */
  #terms: HeldTerm[] = []
  /** How many of them nobody holds. */
  #unheld = 0
  #epoch = 0
  readonly #about = new RecentMap<string, { epoch: number; looked: number; terms: HeldTerm[] }>(mostRemembered)
  /** By position. */
  readonly #onNode: (readonly Held[])[] = []
  #cluster!: ClusterView

  /** `hardWeight`: points that a required affinity gives to the pods it is about. */
  constructor(topologies: Topologies, namespaces: NamespaceLabels, hardWeight: number) {
    this.#topologies = topologies
    this.#namespaces = namespaces
    this.#hardWeight = hardWeight
  }

  follow(cluster: ClusterView): void {
    this.#cluster = cluster
    this.#topologies.follow(cluster)
    this.#follower.follow(cluster, this)
    if (this.#unheld > mostUnheld) this.#sortOut()
  }

  /** The terms that are about a pod and that some pod holds. */
  about(pod: Pod): readonly HeldTerm[] {
    if (this.#terms.length === this.#unheld) return nothing
    const namespaceLabels = this.#namespaces.labelsOf(pod.metadata.namespace ?? '')
    const likeness = JSON.stringify([pod.metadata.namespace, namespaceLabels, pod.metadata.labels])
    const known = this.#about.getOrMake(likeness, () => ({ epoch: this.#epoch, looked: 0, terms: [] }))
    if (known.epoch !== this.#epoch) Object.assign(known, { epoch: this.#epoch, looked: 0, terms: [] })
    for (; known.looked < this.#terms.length; known.looked++) {
      const held = this.#terms[known.looked]!
      if (isAbout(held.term, pod, namespaceLabels)) known.terms.push(held)
    }
    return known.terms.filter(({ holders }) => holders.size > 0)
  }

  enter(at: number, view: NodeView): void {
    let held: Held[] | undefined
    for (const { terms, count } of view.alikePods) {
      const { required, forbidden, preferred } = terms
      if (required.length === 0 && forbidden.length === 0 && preferred.length === 0) continue
      held ??= []
      for (const term of forbidden) this.#add(at, held, term, 'forbids', count)
      if (this.#hardWeight > 0) for (const term of required) this.#add(at, held, term, this.#hardWeight, count)
      for (const { term, weight } of preferred) this.#add(at, held, term, weight, count)
    }
    while (this.#onNode.length <= at) this.#onNode.push(nothing)
    this.#onNode[at] = held ?? nothing
  }

  leave(at: number): void {
    for (const { term, domain, count } of this.#onNode[at]!) {
      term.holders.add(domain, -count)
      if (term.holders.size === 0) this.#unheld++
    }
    this.#onNode[at] = nothing
  }

  #sortOut(): void {
    for (const [key, { holders }] of this.#byKey) if (holders.size === 0) this.#byKey.delete(key)
    this.#terms = [...this.#byKey.values()]
    this.#unheld = 0
    this.#epoch++
  }

  #add(at: number, held: Held[], term: Term, weight: HeldTerm['weight'], count: number): void {
    const key = keyOf(term, weight)
    let known = this.#byKey.get(key)
    const topology = known?.topology ?? this.#topologies.of(term.topologyKey, this.#cluster)
    const domain = topology.ofNode[at]!
    if (domain === noDomain) return
    if (known === undefined) {
      known = { key, term, topology, weight, holders: new DomainCounts(topology) }
      this.#byKey.set(key, known)
      this.#terms.push(known)
      this.#unheld++
    }
    if (known.holders.size === 0) this.#unheld--
    known.holders.add(domain, count)
    held.push({ term: known, domain, count })
  }
}

const nothing: readonly never[] = []

function keyOf({ key }: Term, weight: HeldTerm['weight']): string {
  return `${weight} ${key}`
}

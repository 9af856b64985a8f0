import type { Node } from '#api/core/v1/node.ts'
import type { ClusterView, Neighbour, NodeView } from '#scheduler/snapshot.ts'
import { Follower, type NodeCounter } from './follower.ts'
import { grown } from './grown.ts'
import { noDomain, type Topology } from './topology.ts'

/** Which pods a table counts, and on which nodes. */
export interface Counted {
  includes(pod: Neighbour): boolean
  /** Nodes whose pods count in their domain, and which make a domain one at all; absent: all. */
  takesPart?(node: NodeView): boolean
}

/**
 * How many pods of one sort are in each domain of a topology, kept up to date by counting changed nodes anew.
 *
 *     position   0   1   2   3
 *     domains    1   2   1   -
 *     onNode     2   1   0   4        domain   -   1   2
 *                                     counts   0   2   1
 *                                     nodes    0   2   1      that take part
 */
export class PodTable implements NodeCounter {
  readonly topology: Topology
  /** Domains by position, `noDomain` without the label. */
  domains: Int32Array = new Int32Array()
  /** Pods by position, whether or not the node takes part. */
  onNode: Int32Array = new Int32Array()
  /** Pods by domain, for every number of the topology. */
  counts: Int32Array = new Int32Array(1)
  readonly #counted: Counted
  readonly #follower = new Follower()
  /** By position: whether the node takes part. */
  #takesPart: Int32Array = new Int32Array()
  /** By domain: how many nodes take part. */
  #nodes: Int32Array = new Int32Array(1)
  /** How many domains have so many pods, of those with a node that takes part. */
  readonly #spread = new Map<number, number>()
  #domainCount = 0
  #total = 0

  constructor(topology: Topology, counted: Counted) {
    this.topology = topology
    this.#counted = counted
  }

  /** The topology must have followed this moment already. */
  follow(cluster: ClusterView): void {
    this.#follower.follow(cluster, this)
  }

  /** Whether a pod is of the sort that is counted. */
  includes(pod: Neighbour): boolean {
    return this.#counted.includes(pod)
  }

  /** Pods in all domains. */
  get total(): number {
    return this.#total
  }

  /** How many domains have a node that takes part. */
  get domainCount(): number {
    return this.#domainCount
  }

  /** Pods in the domain of a node; undefined without the label. */
  countAt(node: Node): number | undefined {
    const domain = this.topology.of(node)
    return domain === noDomain ? undefined : (this.counts[domain] ?? 0)
  }

  /** Pods in the emptiest domain, if some domains had other counts than they have; Infinity without a domain. */
  leastWith(other: ReadonlyMap<number, number> = noChanges): number {
    let changed: Map<number, number> | undefined
    for (const [domain, count] of other) {
      if ((this.#nodes[domain] ?? 0) === 0) continue
      changed ??= new Map(this.#spread)
      changed.set(this.counts[domain]!, changed.get(this.counts[domain]!)! - 1)
      changed.set(count, (changed.get(count) ?? 0) + 1)
    }
    let least = Infinity
    for (const [count, domains] of changed ?? this.#spread) if (domains > 0 && count < least) least = count
    return least
  }

  enter(at: number, view: NodeView): void {
    let count = 0
    for (const alike of view.alikePods) if (this.#counted.includes(alike.each)) count += alike.count
    const takesPart = this.#counted.takesPart?.(view) ?? true
    const domain = this.topology.ofNode[at]!
    this.domains = grown(this.domains, at + 1)
    this.onNode = grown(this.onNode, at + 1)
    this.#takesPart = grown(this.#takesPart, at + 1)
    this.counts = grown(this.counts, domain + 1)
    this.#nodes = grown(this.#nodes, domain + 1)
    this.domains[at] = domain
    this.onNode[at] = count
    this.#takesPart[at] = Number(takesPart)
    if (domain === noDomain || !takesPart) return
    this.#put(domain, this.#nodes[domain]! + 1, this.counts[domain]! + count)
  }

  leave(at: number): void {
    const domain = this.domains[at]!
    if (domain !== noDomain && this.#takesPart[at] === 1) {
      this.#put(domain, this.#nodes[domain]! - 1, this.counts[domain]! - this.onNode[at]!)
    }
    this.domains[at] = noDomain
    this.onNode[at] = 0
    this.#takesPart[at] = 0
  }

  #put(domain: number, nodes: number, count: number): void {
    const [nodesBefore, countBefore] = [this.#nodes[domain]!, this.counts[domain]!]
    this.#nodes[domain] = nodes
    this.counts[domain] = count
    this.#total += count - countBefore
    if (nodesBefore > 0) {
      const others = this.#spread.get(countBefore)! - 1
      if (others > 0) this.#spread.set(countBefore, others)
      else this.#spread.delete(countBefore)
    }
    if (nodes > 0) this.#spread.set(count, (this.#spread.get(count) ?? 0) + 1)
    this.#domainCount += Number(nodes > 0) - Number(nodesBefore > 0)
  }
}

const noChanges: ReadonlyMap<number, number> = new Map()

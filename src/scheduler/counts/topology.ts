import type { Node } from '#api/core/v1/node.ts'
import type { ClusterView, NodeView } from '#scheduler/snapshot.ts'
import { Follower, type NodeCounter } from './follower.ts'
import { grown } from './grown.ts'

/** The number of a node without the label, which no domain has. Nothing counts there, so loops need not ask. */
export const noDomain = 0

/**
 * The domains of one topology key, such as zones, as small numbers by which tables count. A number is given again once no
 * node is in its domain; a table that follows the same cluster has then forgotten it too.
 *
 *     node        a       b       c       d
 *     zone        east    west    east    –
 *     number      1       2       1       noDomain
 */
export class Topology implements NodeCounter {
  readonly key: string
  /** The domain of each node by position. */
  ofNode: Int32Array = new Int32Array()
  readonly #follower = new Follower()
  readonly #numbers = new Map<string, number>()
  /** By number. */
  readonly #values: string[] = ['']
  readonly #nodes: number[] = [0]
  readonly #free: number[] = []
  #labelled = 0
  #unlabelled = 0

  constructor(key: string) {
    this.key = key
  }

  follow(cluster: ClusterView): void {
    this.#follower.follow(cluster, this)
  }

  /** How many domains there are. */
  get domainCount(): number {
    return this.#numbers.size
  }

  /** How many nodes are in none. */
  get unlabelled(): number {
    return this.#unlabelled
  }

  /** Whether all nodes are in one and the same. */
  get isOneDomain(): boolean {
    return this.#numbers.size === 1 && this.#unlabelled === 0
  }

  /** Whether no node shares its domain with another. */
  get hasOwnDomains(): boolean {
    return this.#numbers.size === this.#labelled
  }

  /** Every number is below this. */
  get size(): number {
    return this.#values.length
  }

  /** The domain of a node, as its labels say. */
  of({ metadata }: Node): number {
    const { labels } = metadata
    if (labels === undefined || !Object.hasOwn(labels, this.key)) return noDomain
    return this.#numbers.get(labels[this.key]!) ?? noDomain
  }

  enter(at: number, { node }: NodeView): void {
    const { labels } = node.metadata
    this.ofNode = grown(this.ofNode, at + 1)
    if (labels === undefined || !Object.hasOwn(labels, this.key)) {
      this.ofNode[at] = noDomain
      this.#unlabelled++
      return
    }
    const value = labels[this.key]!
    let number = this.#numbers.get(value)
    if (number === undefined) {
      number = this.#free.pop() ?? this.#values.length
      this.#numbers.set(value, number)
      this.#values[number] = value
      this.#nodes[number] = 0
    }
    this.#nodes[number]!++
    this.#labelled++
    this.ofNode[at] = number
  }

  leave(at: number): void {
    const number = this.ofNode[at]!
    if (number === noDomain) {
      this.#unlabelled--
      return
    }
    this.ofNode[at] = noDomain
    this.#labelled--
    if (--this.#nodes[number]! > 0) return
    this.#numbers.delete(this.#values[number]!)
    this.#free.push(number)
  }
}

/** The topologies that somebody counts by, each made once. */
export class Topologies {
  readonly #byKey = new Map<string, Topology>()

  /** The topology of a key, as of this moment. */
  of(key: string, cluster: ClusterView): Topology {
    let topology = this.#byKey.get(key)
    if (topology === undefined) this.#byKey.set(key, (topology = new Topology(key)))
    topology.follow(cluster)
    return topology
  }

  /** Brings all of them to this moment. */
  follow(cluster: ClusterView): void {
    for (const topology of this.#byKey.values()) topology.follow(cluster)
  }
}

import type { Node } from '#api/core/v1/node.ts'
import type { ClusterView, NodeView } from '#scheduler/snapshot.ts'
import { Follower, type NodeCounter } from './follower.ts'

/** The number of a node without the label. */
export const noDomain = -1

/**
 * The domains of one topology key, such as zones, as small numbers by which tables count. A number is given again once no
 * node is in its domain; a table that follows the same cluster has then forgotten it too.
 *
 *     node        a       b       c       d
 *     zone        east    west    east    –
 *     number      0       1       0       noDomain
 */
export class Topology implements NodeCounter {
  readonly key: string
  /** The domain of each node by position. */
  readonly ofNode: number[] = []
  readonly #follower = new Follower()
  readonly #numbers = new Map<string, number>()
  /** By number. */
  readonly #values: string[] = []
  readonly #nodes: number[] = []
  readonly #free: number[] = []

  constructor(key: string) {
    this.key = key
  }

  follow(cluster: ClusterView): void {
    this.#follower.follow(cluster, this)
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
    while (this.ofNode.length <= at) this.ofNode.push(noDomain)
    if (labels === undefined || !Object.hasOwn(labels, this.key)) {
      this.ofNode[at] = noDomain
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
    this.ofNode[at] = number
  }

  leave(at: number): void {
    const number = this.ofNode[at]!
    if (number === noDomain) return
    this.ofNode[at] = noDomain
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

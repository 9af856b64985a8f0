import type { ClusterView } from '#scheduler/snapshot.ts'
import { Follower } from './follower.ts'
import { grown } from './grown.ts'

interface Group {
  readonly key: string
  readonly number: number
  /** How many nodes it has. */
  size: number
  /** Where one of them is; -1 when that has to be looked for. */
  at: number
}

/** The number of no group. */
const nowhere = 0

/**
 * Nodes in groups that are scored alike, kept up to date as single nodes change: of thousands of nodes, often only a handful
 * differ in anything that counts.
 *
 *     key        [ 140   135   140   - ]        140: 2 nodes, such as 0      135: 1 node, 1
 *     groupOf    [ 1     2     1     0 ]
 */
export class AlikeNodes {
  readonly #follower = new Follower()
  /** By position. */
  #groupOf: Int32Array = new Int32Array()
  readonly #byKey = new Map<string, Group>()
  /** Numbers that are given again. */
  readonly #free: number[] = []
  /** By number. */
  readonly #groups: Group[] = []

  /** Brings the groups to this moment. Nodes with the same key are alike; without one a node is in no group. */
  follow(cluster: ClusterView, keyAt: (at: number) => string | undefined): void {
    this.#follower.follow(cluster, {
      enter: (at) => {
        this.#groupOf = grown(this.#groupOf, at + 1)
        const key = keyAt(at)
        this.#groupOf[at] = key === undefined ? nowhere : this.#join(key, at)
      },
      leave: (at) => this.#leave(at),
    })
  }

  /** How many groups there are. */
  get count(): number {
    return this.#byKey.size
  }

  /** Lists, in no order, the position of one node of each group and the size of the group. */
  list(positions: Int32Array, sizes: Int32Array): void {
    let count = 0
    for (const group of this.#byKey.values()) {
      if (group.at < 0) group.at = this.#groupOf.indexOf(group.number)
      positions[count] = group.at
      sizes[count++] = group.size
    }
  }

  /** The position of so many-th, from 0 on, of the nodes that are alike to one of those at `positions`. */
  pick(positions: Int32Array, rest: number): number {
    const isPicked = new Uint8Array(this.#groups.length)
    for (const at of positions) isPicked[this.#groupOf[at]!] = 1
    for (let at = 0; ; at++) if (isPicked[this.#groupOf[at]!] === 1 && rest-- === 0) return at
  }

  #join(key: string, at: number): number {
    let group = this.#byKey.get(key)
    if (group === undefined) {
      const number = this.#free.pop() ?? this.#byKey.size + 1
      this.#byKey.set(key, (group = { key, number, size: 0, at }))
      this.#groups[number] = group
    }
    group.size++
    return group.number
  }

  #leave(at: number): void {
    const number = this.#groupOf[at]!
    if (number === nowhere) return
    this.#groupOf[at] = nowhere
    const group = this.#groups[number]!
    if (group.at === at) group.at = -1
    if (--group.size > 0) return
    this.#byKey.delete(group.key)
    this.#free.push(number)
  }
}

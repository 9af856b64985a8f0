import type { Rejection } from '#scheduler/plugin.ts'
import { grown } from './grown.ts'

/** Rejections of nodes that say the same, figures aside. */
export interface RejectionKind {
  readonly plugin: string
  readonly rejection: Rejection
  readonly count: number
}

interface Kind {
  readonly key: string
  readonly number: number
  readonly plugin: string
  /** One of them. */
  readonly rejection: Rejection
  count: number
}

/** The number of no kind. */
const accepted = 0

/**
 * Which nodes are rejected for the same reasons, kept up to date as single nodes change: of thousands of full nodes it is
 * known without a look at each how many of them lack what.
 *
 *     kindOf   [ 1   0   1   2 ]        1: Insufficient cpu, 2 nodes      2: node(s) were unschedulable, 1 node
 */
export class RejectionKinds {
  /** By position. */
  #kindOf: Int32Array = new Int32Array()
  readonly #byKey = new Map<string, Kind>()
  /** Numbers that are given again. */
  readonly #free: number[] = []
  /** By number. */
  readonly #kinds: Kind[] = []
  /** Where the nodes are that were listed last. */
  #listed: Int32Array = new Int32Array()

  /** Takes in what a plugin says of a node at a position where nothing was said. */
  enter(at: number, plugin: string, rejection: Rejection): void {
    const { reason, furtherReasons = nothing, forever = false } = rejection
    const key = `${plugin} ${forever} ${reason} ${furtherReasons.join()}`
    let kind = this.#byKey.get(key)
    if (kind === undefined) {
      const number = this.#free.pop() ?? this.#byKey.size + 1
      this.#byKey.set(key, (kind = { key, number, plugin, rejection, count: 0 }))
      this.#kinds[number] = kind
    }
    kind.count++
    this.#kindOf = grown(this.#kindOf, at + 1)
    this.#kindOf[at] = kind.number
  }

  /** Takes back what was said of the node at a position, if anything was. */
  leave(at: number): void {
    const number = this.#kindOf[at] ?? accepted
    if (number === accepted) return
    this.#kindOf[at] = accepted
    const kind = this.#kinds[number]!
    if (--kind.count > 0) return
    this.#byKey.delete(kind.key)
    this.#free.push(number)
  }

  /** Each kind once. */
  get list(): readonly RejectionKind[] {
    return [...this.#byKey.values()].map(({ plugin, rejection, count }) => ({ plugin, rejection, count }))
  }

  /**
   * Where the nodes are, of so many, that are rejected, but not for ever, and those that are `also`; ascending. The list is
   * good until the next is asked for.
   */
  notForever(nodes: number, also: ReadonlySet<number>): Int32Array {
    // A kind for the moment: nodes that no plugin rejects have none.
    const further = this.#kinds.length + 1
    const isIn = new Uint8Array(further + 1)
    for (const { number, rejection } of this.#byKey.values()) isIn[number] = Number(rejection.forever !== true)
    isIn[further] = 1
    const kindOf = (this.#kindOf = grown(this.#kindOf, nodes))
    const lent = [...also].filter((at) => kindOf[at] === accepted)
    for (const at of lent) kindOf[at] = further
    const positions = (this.#listed = grown(this.#listed, nodes + 1))
    let count = 0
    for (let at = 0; at < nodes; at++) {
      // Without a branch, which would be guessed wrong as often as not.
      positions[count] = at
      count += isIn[kindOf[at]!]!
    }
    for (const at of lent) kindOf[at] = accepted
    return positions.subarray(0, count)
  }
}

const nothing: readonly string[] = []

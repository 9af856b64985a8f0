import { grown } from './grown.ts'
import type { Topology } from './topology.ts'

/** With more domains than this a table by domain is smaller and quicker than a map. */
const mostSparse = 64

let scratch: Int32Array = new Int32Array()

/** Whole numbers by domain of a topology, small while few domains have one: most templates are in few places. */
export class DomainCounts {
  readonly #topology: Topology
  #sparse: Map<number, number> | undefined = new Map()
  #dense = scratch
  #size = 0

  constructor(topology: Topology) {
    this.#topology = topology
  }

  /** How many domains have another number than 0. */
  get size(): number {
    return this.#size
  }

  get(domain: number): number {
    return (this.#sparse === undefined ? this.#dense[domain] : this.#sparse.get(domain)) ?? 0
  }

  add(domain: number, step: number): void {
    const before = this.get(domain)
    const after = before + step
    this.#size += Number(after !== 0) - Number(before !== 0)
    if (this.#sparse === undefined) {
      this.#dense = grown(this.#dense, domain + 1)
      this.#dense[domain] = after
    } else if (after === 0) this.#sparse.delete(domain)
    else {
      this.#sparse.set(domain, after)
      if (this.#sparse.size > mostSparse) this.#makeDense(this.#sparse)
    }
  }

  /** The numbers by domain, for all domains that the topology has; to be read before this is asked of any other counts. */
  table(): Int32Array {
    const { size } = this.#topology
    if (this.#sparse === undefined) {
      this.#dense = grown(this.#dense, size)
      return this.#dense
    }
    if (scratch.length < size) scratch = new Int32Array(2 * size)
    scratch.fill(0, 0, size)
    for (const [domain, count] of this.#sparse) scratch[domain] = count
    return scratch
  }

  #makeDense(sparse: ReadonlyMap<number, number>): void {
    this.#dense = new Int32Array(Math.max(this.#topology.size, ...sparse.keys()) + 1)
    for (const [domain, count] of sparse) this.#dense[domain] = count
    this.#sparse = undefined
  }
}

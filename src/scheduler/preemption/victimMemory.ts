import type { Nominations } from '#scheduler/nominations.ts'
import type { ClusterView } from '#scheduler/snapshot.ts'
import type { Candidate, NoVictims } from './victims.ts'

/**
 * Which victims were found for single nodes, for pods of one kind. By position in the cluster's list of nodes:
 *
 *     [ {a, b}   -   refused   {c} ]
 *
 * What changed is forgotten, the node or whom it is promised to, so that most of thousands are known without a look at them.
 */
export class VictimMemory {
  #found: (Candidate | NoVictims | undefined)[] = []
  #source: object | undefined
  #generation = -1
  /** Of the promises. */
  #promises = -1

  /** Forgets what changed until now. */
  follow({ nodes, source, generation, changedSince, positionOf }: ClusterView, nominations: Nominations): void {
    const changed = this.#source === source ? changedSince(this.#generation) : undefined
    const promised = nominations.changedSince(this.#promises)
    if (changed === undefined || promised === undefined) this.#found = []
    else {
      for (const at of changed) this.#forget(at)
      for (const name of promised) this.#forget(positionOf(name))
    }
    while (this.#found.length < nodes.length) this.#found.push(undefined)
    this.#source = source
    this.#generation = generation
    this.#promises = nominations.generation
  }

  get(at: number): Candidate | NoVictims | undefined {
    return this.#found[at]
  }

  set(at: number, found: Candidate | NoVictims): void {
    this.#found[at] = found
  }

  #forget(at: number | undefined): void {
    if (at !== undefined && at < this.#found.length) this.#found[at] = undefined
  }
}

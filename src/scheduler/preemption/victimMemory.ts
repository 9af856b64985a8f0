import type { PodDisruptionBudget } from '#api/policy/v1/podDisruptionBudget.ts'
import type { Nominations } from '#scheduler/nominations.ts'
import type { ClusterView } from '#scheduler/snapshot.ts'
import type { Candidate, NoVictims } from './victims.ts'

/**
 * Which victims were found for single nodes, for pods of one kind. By position in the cluster's list of nodes:
 *
 *     [ {a, b}   -   refused   {c} ]
 *
 * What changed is forgotten, the node or whom it is promised to, so that most of thousands are known without a look at them;
 * where a disruption budget changed, everything is.
 */
export class VictimMemory {
  #found: (Candidate | NoVictims | undefined)[] = []
  #source: object | undefined
  #generation = -1
  /** Of the promises. */
  #promises = -1
  #budgets: readonly PodDisruptionBudget[] = []

  /** Forgets what changed until now. */
  follow(cluster: ClusterView, nominations: Nominations, budgets: readonly PodDisruptionBudget[]): void {
    const { nodes, source, generation, changedSince, positionOf } = cluster
    const changed = this.#source === source ? changedSince(this.#generation) : undefined
    const promised = nominations.changedSince(this.#promises)
    const areSame = budgets.length === this.#budgets.length && budgets.every((each, i) => each === this.#budgets[i])
    if (changed === undefined || promised === undefined || !areSame) this.#found = []
    else {
      for (const at of changed) this.#forget(at)
      for (const name of promised) this.#forget(positionOf(name))
    }
    while (this.#found.length < nodes.length) this.#found.push(undefined)
    this.#source = source
    this.#generation = generation
    this.#promises = nominations.generation
    this.#budgets = budgets
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

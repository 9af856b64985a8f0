import type { Pod } from '#api/core/v1/pod.ts'
import { ChangeLog } from './changeLog.ts'
import { priorityOf } from './preemption/importance.ts'

/**
 * Which pods are promised a node that is being freed for them. The promise is known here from the moment it is made; the
 * pod's `status.nominatedNodeName` follows when it is written.
 */
export class Nominations {
  /** A list is never changed, but replaced by another. */
  readonly #byNode = new Map<string, readonly Pod[]>()
  /** The node of each promised pod, by uid. */
  readonly #nodes = new Map<string, string>()
  /** The names of nodes whose promises changed. */
  readonly #log = new ChangeLog<string>()

  /** How often promises changed. */
  get generation(): number {
    return this.#log.length
  }

  /** The names of nodes, some of them several times, whose promises changed since then; undefined when that is too long ago to say. */
  changedSince(generation: number): readonly string[] | undefined {
    return this.#log.since(generation)
  }

  get isEmpty(): boolean {
    return this.#nodes.size === 0
  }

  /** The promised nodes, by name, with the pods that they are promised to. */
  get byNode(): ReadonlyMap<string, readonly Pod[]> {
    return this.#byNode
  }

  /** Promises a node to a pod; without a node takes a promise back. */
  set(pod: Pod, node: string | undefined): void {
    this.remove(pod)
    if (node === undefined || node === '') return
    const uid = pod.metadata.uid!
    this.#nodes.set(uid, node)
    this.#byNode.set(node, [...this.of(node), pod])
    this.#log.add(node)
  }

  /** Takes in a newer state of a pod that waits. While it says nothing of a node, a promise that was made here stands. */
  follow(before: Pod | undefined, pod: Pod): void {
    const said = pod.status?.nominatedNodeName ?? ''
    const saidBefore = before?.status?.nominatedNodeName ?? ''
    this.set(pod, said === '' && saidBefore === '' ? this.#nodes.get(pod.metadata.uid!) : said)
  }

  remove({ metadata }: Pod): void {
    const uid = metadata.uid!
    const node = this.#nodes.get(uid)
    if (node === undefined) return
    this.#nodes.delete(uid)
    const rest = this.of(node).filter((pod) => pod.metadata.uid !== uid)
    if (rest.length === 0) this.#byNode.delete(node)
    else this.#byNode.set(node, rest)
    this.#log.add(node)
  }

  /** Where a pod is promised to be. */
  nodeOf({ metadata }: Pod): string | undefined {
    return this.#nodes.get(metadata.uid!)
  }

  /** The pods that a node is promised to; the same list as long as they are the same. */
  of(node: string): readonly Pod[] {
    return this.#byNode.get(node) ?? nobody
  }

  /** The pods that a node is promised to and that do not give way to this one: of the same priority or a higher one. */
  ahead(pod: Pod, node: string): readonly Pod[] {
    const least = priorityOf(pod)
    return this.#others(pod, node, (other) => priorityOf(other) >= least)
  }

  /** The pods of lower priority that a node is promised to. */
  behind(pod: Pod, node: string): readonly Pod[] {
    const priority = priorityOf(pod)
    return this.#others(pod, node, (other) => priorityOf(other) < priority)
  }

  #others(pod: Pod, node: string, counts: (other: Pod) => boolean): readonly Pod[] {
    const promised = this.of(node)
    if (promised.length === 0) return nobody
    return promised.filter((other) => other.metadata.uid !== pod.metadata.uid && counts(other))
  }
}

const nobody: readonly Pod[] = []

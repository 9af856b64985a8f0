import type { ClusterView, NodeView } from '#scheduler/snapshot.ts'

/** Something that is counted of every node. */
export interface NodeCounter {
  /** Takes in the node that now stands at a position where none was. */
  enter(at: number, node: NodeView): void
  /** Takes back what was counted of the node at a position. */
  leave(at: number): void
}

/** Keeps counts up to date with a cluster at the cost of what changed since it was last asked. */
export class Follower {
  /** Of the views that are counted, by position; 0 for none. */
  readonly #versions: number[] = []
  #source: object | undefined
  #generation = -1

  /** Brings the counts to this moment of the cluster. */
  follow({ nodes, source, generation, changedSince }: ClusterView, counter: NodeCounter): void {
    const versions = this.#versions
    const isKnown = this.#source === source
    if (isKnown && this.#generation === generation && versions.length === nodes.length) return
    const changed = isKnown ? changedSince(this.#generation) : undefined
    for (let at = versions.length - 1; at >= nodes.length; at--) {
      if (versions.pop() !== 0) counter.leave(at)
    }
    while (versions.length < nodes.length) versions.push(0)
    const look = (at: number): void => {
      const view = nodes[at]!
      if (versions[at] === view.version) return
      if (versions[at] !== 0) counter.leave(at)
      versions[at] = view.version
      counter.enter(at, view)
    }
    if (changed === undefined) for (let at = 0; at < nodes.length; at++) look(at)
    else for (const at of changed) if (at < nodes.length) look(at)
    this.#source = source
    this.#generation = generation
  }
}

import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import type { PodResources } from '#machinery/podResources.ts'
import type { Terms } from '#scheduler/plugins/affinityTerms.ts'

/** What of a pod says whether others count it. */
export interface Neighbour {
  readonly metadata: {
    readonly namespace?: string | undefined
    readonly labels?: Readonly<Record<string, string>> | undefined
    /** It counts only whether there is one. */
    readonly deletionTimestamp?: string | undefined
  }
}

/** Pods of one node that are the same to others, and say the same of them; there may be more such beside them. */
export interface AlikePods {
  readonly each: Neighbour
  readonly terms: Terms
  readonly count: number
}

/**
 * A node as the plugins see it: immutable, and the same object until something about the node changes. In its place among
 * `pods` a pod may be replaced by a later state of itself that differs in nothing which plugins look at.
 */
export interface NodeView {
  readonly name: string
  /** No other view, of this or another node, has the same. */
  readonly version: number
  readonly node: Node
  /** Pods bound or assumed here that still use resources. A list is made when it is first asked for. */
  readonly pods: readonly Pod[]
  readonly podCount: number
  /** The same pods for who asks only what they are to others: as many groups as there are templates, whatever their number. */
  readonly alikePods: readonly AlikePods[]
  /** What those pods ask for, summed. */
  readonly requested: PodResources
  /** The same, with a floor for containers that ask for nothing; only scores use it. */
  readonly requestedForScore: { readonly milliCpu: number; readonly memory: number }
  readonly allocatable: PodResources
  /** How many pods the node takes. */
  readonly podLimit: number
  /** Host ports in use, as `protocol/port` with the addresses they are bound to. */
  readonly hostPorts: ReadonlyMap<string, ReadonlySet<string>>
  /** Sizes in bytes of the images on the node, by each of their names. */
  readonly images: ReadonlyMap<string, number>
}

/**
 * All nodes at one moment, until the next is asked for. A node keeps its position in `nodes` for as long as it is there, but for the last one, which
 * moves to the place of one that is removed.
 */
export interface ClusterView {
  readonly nodes: readonly NodeView[]
  /** Stands for the cluster of which this is a moment: generations of different sources have nothing to do with each other. */
  readonly source: object
  /** How many changes there were before this moment. */
  readonly generation: number
  /**
   * The positions, in no order and some of them several times, at which the views of an earlier generation, or the states of
   * their pods, may differ from those of now; positions beyond either list of nodes may be among them. Undefined when that is too long ago to say.
   */
  changedSince(generation: number): readonly number[] | undefined
  /** Where the node of this name stands in `nodes`. */
  positionOf(name: string): number | undefined
  /** How many nodes hold an image of this name. */
  nodesWithImage(name: string): number
}

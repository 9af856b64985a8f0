import type { Node } from '#api/core/v1/node.ts'
import type { Pod, PodSpec } from '#api/core/v1/pod.ts'
import {
  addResources,
  podRequestsOnNode,
  podRequestsOnNodeForScore,
  readResources,
  noResources,
  sameResources,
  subtractResources,
  type PodResources,
} from '#machinery/podResources.ts'
import { quantityValue } from '#machinery/quantity.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import { ChangeLog } from './changeLog.ts'
import type { ClusterView, NodeView } from './snapshot.ts'
import { ListedView, NodePods, type NodeFacts } from './views.ts'

/** What is known of one node: the node itself may come later, or go earlier, than its pods. */
interface Entry {
  node: Node | undefined
  /** What the node says of itself, in the form that plugins read; of `node`. */
  facts: NodeFacts
  readonly pods: NodePods
  requested: PodResources
  forScore: { milliCpu: number; memory: number }
  /** Where it stands in the list of nodes, as long as it has a node. */
  position: number
  /** Made when somebody looks, thrown away when something changes. */
  view: ListedView | undefined
}

/**
 * The scheduler's picture of the cluster, kept up to date change by change. A pod counts against its node from the
 * moment it is assumed there, so that the next decision sees it although the binding is still on its way.
 */
export class SchedulerCache {
  readonly #entries = new Map<string, Entry>()
  /** Where each known pod is, by uid. */
  readonly #places = new Map<string, string>()
  readonly #assumed = new Set<string>()
  readonly #imageNodes = new Map<string, number>()
  #snapshot: ClusterView | undefined
  /** Of the newest snapshot; all snapshots share it. */
  readonly #nodes: NodeView[] = []
  /** The entries that have a node, by position. */
  readonly #placed: Entry[] = []
  /** What changed since the newest snapshot. */
  readonly #changed = new Set<Entry>()
  /** The positions that changed. */
  readonly #log = new ChangeLog<number>()
  /** What snapshots have in common. */
  readonly #shared: Omit<ClusterView, 'generation'> = {
    nodes: this.#nodes,
    source: this,
    changedSince: (generation) => this.#log.since(generation),
    positionOf: (name) => {
      const entry = this.#entries.get(name)
      // What was added since does not show.
      return entry?.node !== undefined && this.#nodes[entry.position]?.name === name ? entry.position : undefined
    },
    nodesWithImage: (name) => this.#imageNodes.get(name) ?? 0,
  }

  /** Takes in a node as it now is. */
  setNode(node: Node): void {
    const entry = this.#entry(node.metadata.name!)
    this.#countImages(entry.node, -1)
    this.#countImages(node, 1)
    if (entry.node === undefined) entry.position = this.#placed.push(entry) - 1
    entry.node = node
    entry.facts = factsOf(node)
    this.#touch(entry)
  }

  removeNode(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#countImages(entry.node, -1)
    if (entry.node !== undefined) {
      const last = this.#placed.pop()!
      if (last !== entry) {
        this.#placed[entry.position] = last
        last.position = entry.position
        this.#touch(last)
      }
    }
    entry.node = undefined
    this.#touch(entry)
    if (entry.pods.size === 0) this.#entries.delete(name)
  }

  /** Counts a pod against a node before its binding is written. */
  assume(pod: Pod, node: string): void {
    this.#assumed.add(pod.metadata.uid!)
    this.#place(pod, node)
  }

  /** Takes back an assumption whose binding failed. */
  forget(pod: Pod): void {
    if (this.#assumed.delete(pod.metadata.uid!)) this.#unplace(pod.metadata.uid!)
  }

  /** How many nodes and pods are known, and how many of those are assumed. */
  counts(): { readonly nodes: number; readonly pods: number; readonly assumed: number } {
    return { nodes: this.#placed.length, pods: this.#places.size, assumed: this.#assumed.size }
  }

  isAssumed(pod: Pod): boolean {
    return this.#assumed.has(pod.metadata.uid!)
  }

  /** What is known of a pod that is on a node, or assumed there. */
  get({ metadata }: Pod): Pod | undefined {
    const node = this.#places.get(metadata.uid!)
    return node === undefined ? undefined : this.#entries.get(node)!.pods.get(metadata.uid!)
  }

  /** Takes in a bound pod as it now is; it replaces an assumption. */
  setPod(pod: Pod): void {
    this.#assumed.delete(pod.metadata.uid!)
    this.#place(pod, pod.spec.nodeName!)
  }

  removePod(pod: Pod): void {
    this.#assumed.delete(pod.metadata.uid!)
    this.#unplace(pod.metadata.uid!)
  }

  /** The cluster at this moment. Later changes do not show in it before the next is asked for, which takes its place. */
  snapshot(): ClusterView {
    if (this.#snapshot !== undefined) return this.#snapshot
    const nodes = this.#nodes
    nodes.length = Math.min(nodes.length, this.#placed.length)
    for (const entry of this.#changed) {
      if (entry.node === undefined) continue
      // An entry may have moved, and a position may be new: the places between are those of other changed entries.
      while (nodes.length <= entry.position) nodes.push(undefined as never)
      nodes[entry.position] = entry.view ??= viewOf(entry.node, entry)
      this.#log.add(entry.position)
    }
    this.#changed.clear()
    const { length: generation } = this.#log
    this.#snapshot = { ...this.#shared, generation }
    return this.#snapshot
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      entry = {
        node: undefined,
        facts: noFacts,
        pods: new NodePods(),
        requested: noResources,
        forScore: { milliCpu: 0, memory: 0 },
        position: -1,
        view: undefined,
      }
      this.#entries.set(name, entry)
    }
    return entry
  }

  #touch(entry: Entry): void {
    entry.view = undefined
    this.#changed.add(entry)
    this.#snapshot = undefined
  }

  #place(pod: Pod, node: string): void {
    const uid = pod.metadata.uid!
    const before = this.#places.get(uid)
    if (before === node && this.#replace(node, pod)) return
    if (before !== undefined) this.#unplace(uid)
    const entry = this.#entry(node)
    entry.pods.add(pod)
    entry.requested = addResources(entry.requested, podRequestsOnNode(pod))
    const forScore = podRequestsOnNodeForScore(pod)
    entry.forScore = {
      milliCpu: entry.forScore.milliCpu + forScore.milliCpu,
      memory: entry.forScore.memory + forScore.memory,
    }
    this.#places.set(uid, node)
    this.#touch(entry)
  }

  /** Puts a later state in the place of a pod where that makes no difference to any plugin: most changes are of a status. */
  #replace(node: string, pod: Pod): boolean {
    const entry = this.#entries.get(node)!
    const { pods, view } = entry
    if (!isAlike(pods.get(pod.metadata.uid!)!, pod)) return false
    const at = pods.replace(pod)
    view?.replaced(at, pod)
    this.#changed.add(entry)
    this.#snapshot = undefined
    return true
  }

  #unplace(uid: string): void {
    const name = this.#places.get(uid)
    if (name === undefined) return
    this.#places.delete(uid)
    const entry = this.#entries.get(name)!
    const pod = entry.pods.remove(uid)
    entry.requested = subtractResources(entry.requested, podRequestsOnNode(pod))
    const forScore = podRequestsOnNodeForScore(pod)
    entry.forScore = {
      milliCpu: entry.forScore.milliCpu - forScore.milliCpu,
      memory: entry.forScore.memory - forScore.memory,
    }
    this.#touch(entry)
    if (entry.node === undefined && entry.pods.size === 0) this.#entries.delete(name)
  }

  #countImages(node: Node | undefined, step: 1 | -1): void {
    for (const image of node?.status?.images ?? []) {
      for (const name of image.names ?? []) {
        const count = (this.#imageNodes.get(name) ?? 0) + step
        if (count > 0) this.#imageNodes.set(name, count)
        else this.#imageNodes.delete(name)
      }
    }
  }
}

const noFacts: NodeFacts = { allocatable: noResources, podLimit: 0, images: new Map() }

function factsOf({ status }: Node): NodeFacts {
  const images = new Map<string, number>()
  for (const image of status?.images ?? []) {
    for (const imageName of image.names ?? []) images.set(imageName, image.sizeBytes ?? 0)
  }
  const pods = status?.allocatable?.['pods']
  return {
    allocatable: readResources(status?.allocatable),
    podLimit: pods === undefined ? 0 : quantityValue(String(pods)),
    images,
  }
}

function viewOf(node: Node, { pods, requested, forScore, facts }: Entry): ListedView {
  return new ListedView({ name: node.metadata.name, node, requested, requestedForScore: forScore, facts, pods })
}

/** Whether two states of a placed pod are the same in all that plugins look at: not in its status beside what it takes. */
function isAlike(before: Pod, after: Pod): boolean {
  return (
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
    sameJson(before.metadata.labels, after.metadata.labels) &&
    isSameSpec(before.spec, after.spec) &&
    takesSame(before, after)
  )
}

function isSameSpec(before: PodSpec, after: PodSpec): boolean {
  const isSame = (name: keyof PodSpec): boolean => name === 'nodeName' || sameJson(before[name], after[name])
  for (const name in before) if (!isSame(name as keyof PodSpec)) return false
  for (const name in after) if (!(name in before) && !isSame(name as keyof PodSpec)) return false
  return true
}

/** Whether a pod takes as much of its node as before; most are not being resized. */
function takesSame(before: Pod, after: Pod): boolean {
  const [one, other] = [podRequestsOnNode(before), podRequestsOnNode(after)]
  return one === other || sameResources(one, other)
}

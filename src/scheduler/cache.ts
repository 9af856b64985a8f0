import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import {
  addResources,
  podRequests,
  podRequestsForScore,
  readResources,
  noResources,
  subtractResources,
  type PodResources,
} from '#machinery/podResources.ts'
import { quantityValue } from '#machinery/quantity.ts'
import { hostPortsOf } from '#scheduler/plugins/ports.ts'
import type { ClusterView, NodeView } from './snapshot.ts'

/** What is known of one node: the node itself may come later, or go earlier, than its pods. */
interface Entry {
  node: Node | undefined
  readonly pods: Map<string, Pod>
  requested: PodResources
  forScore: { milliCpu: number; memory: number }
  /** Made when somebody looks, thrown away when something changes. */
  view: NodeView | undefined
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

  /** Takes in a node as it now is. */
  setNode(node: Node): void {
    const entry = this.#entry(node.metadata.name!)
    this.#countImages(entry.node, -1)
    this.#countImages(node, 1)
    entry.node = node
    this.#touch(entry)
  }

  removeNode(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#countImages(entry.node, -1)
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

  isAssumed(pod: Pod): boolean {
    return this.#assumed.has(pod.metadata.uid!)
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

  /** The cluster at this moment. Later changes do not show in it. */
  snapshot(): ClusterView {
    if (this.#snapshot !== undefined) return this.#snapshot
    const nodes: NodeView[] = []
    const byName = new Map<string, NodeView>()
    for (const [name, entry] of this.#entries) {
      if (entry.node === undefined) continue
      entry.view ??= viewOf(name, entry.node, entry)
      nodes.push(entry.view)
      byName.set(name, entry.view)
    }
    const imageNodes = this.#imageNodes
    this.#snapshot = { nodes, byName, nodesWithImage: (name) => imageNodes.get(name) ?? 0 }
    return this.#snapshot
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      entry = {
        node: undefined,
        pods: new Map(),
        requested: noResources,
        forScore: { milliCpu: 0, memory: 0 },
        view: undefined,
      }
      this.#entries.set(name, entry)
    }
    return entry
  }

  #touch(entry: Entry): void {
    entry.view = undefined
    this.#snapshot = undefined
  }

  #place(pod: Pod, node: string): void {
    const uid = pod.metadata.uid!
    const before = this.#places.get(uid)
    if (before !== undefined) this.#unplace(uid)
    const entry = this.#entry(node)
    entry.pods.set(uid, pod)
    entry.requested = addResources(entry.requested, podRequests(pod))
    const forScore = podRequestsForScore(pod)
    entry.forScore = {
      milliCpu: entry.forScore.milliCpu + forScore.milliCpu,
      memory: entry.forScore.memory + forScore.memory,
    }
    this.#places.set(uid, node)
    this.#touch(entry)
  }

  #unplace(uid: string): void {
    const name = this.#places.get(uid)
    if (name === undefined) return
    this.#places.delete(uid)
    const entry = this.#entries.get(name)!
    const pod = entry.pods.get(uid)!
    entry.pods.delete(uid)
    entry.requested = subtractResources(entry.requested, podRequests(pod))
    const forScore = podRequestsForScore(pod)
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

function viewOf(name: string, node: Node, entry: Entry): NodeView {
  const hostPorts = new Map<string, Set<string>>()
  for (const pod of entry.pods.values()) {
    for (const { key, address } of hostPortsOf(pod)) {
      const addresses = hostPorts.get(key)
      if (addresses === undefined) hostPorts.set(key, new Set([address]))
      else addresses.add(address)
    }
  }
  const images = new Map<string, number>()
  for (const image of node.status?.images ?? []) {
    for (const imageName of image.names ?? []) images.set(imageName, image.sizeBytes ?? 0)
  }
  const allocatable = node.status?.allocatable
  return {
    name,
    node,
    pods: [...entry.pods.values()],
    requested: entry.requested,
    requestedForScore: entry.forScore,
    allocatable: readResources(allocatable),
    podLimit: allocatable?.['pods'] === undefined ? 0 : quantityValue(String(allocatable['pods'])),
    hostPorts,
    images,
  }
}

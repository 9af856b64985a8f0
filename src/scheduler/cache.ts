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
import { sameJson } from '#lib/encoding/sameJson.ts'
import { hostPortsOf } from '#scheduler/plugins/ports.ts'
import type { PodsOfNodeChange } from './plugin.ts'
import type { ClusterView, NodeView } from './snapshot.ts'

/** What is known of one node: the node itself may come later, or go earlier, than its pods. */
interface Entry {
  node: Node | undefined
  /** What the node says of itself, in the form that plugins read; of `node`. */
  facts: NodeFacts
  readonly pods: Map<string, Pod>
  requested: PodResources
  forScore: { milliCpu: number; memory: number }
  /** How many of its pods take ports of the node. */
  portTakers: number
  /** Where it stands in the list of nodes, as long as it has a node. */
  position: number
  /** Made when somebody looks, thrown away when something changes. */
  view: NodeView | undefined
}

type NodeFacts = Pick<NodeView, 'allocatable' | 'podLimit' | 'images'>

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
  /** Of the newest snapshot. */
  #nodes: readonly NodeView[] = []
  /** The entries that have a node, by position. */
  readonly #placed: Entry[] = []
  /** What changed since the newest snapshot. */
  readonly #changed = new Set<Entry>()
  readonly #log = new ChangeLog()

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
    const nodes = this.#nodes.slice(0, this.#placed.length)
    for (const entry of this.#changed) {
      if (entry.node === undefined) continue
      // An entry may have moved, and a position may be new: the places between are those of other changed entries.
      while (nodes.length <= entry.position) nodes.push(undefined as never)
      nodes[entry.position] = entry.view ??= viewOf(entry.node, entry)
      this.#log.add(entry.position)
    }
    this.#changed.clear()
    this.#nodes = nodes
    const imageNodes = this.#imageNodes
    const log = this.#log
    this.#snapshot = {
      nodes,
      source: this,
      generation: log.length,
      changedSince: (generation) => log.since(generation),
      positionOf: (name) => {
        const entry = this.#entries.get(name)
        // What was added since does not show.
        return entry?.node !== undefined && nodes[entry.position]?.name === name ? entry.position : undefined
      },
      nodesWithImage: (name) => imageNodes.get(name) ?? 0,
    }
    return this.#snapshot
  }

  #entry(name: string): Entry {
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      entry = {
        node: undefined,
        facts: noFacts,
        pods: new Map(),
        requested: noResources,
        forScore: { milliCpu: 0, memory: 0 },
        portTakers: 0,
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
    entry.pods.set(uid, pod)
    if (hostPortsOf(pod).length > 0) entry.portTakers++
    entry.requested = addResources(entry.requested, podRequests(pod))
    const forScore = podRequestsForScore(pod)
    entry.forScore = {
      milliCpu: entry.forScore.milliCpu + forScore.milliCpu,
      memory: entry.forScore.memory + forScore.memory,
    }
    this.#places.set(uid, node)
    this.#touch(entry)
  }

  /** Puts a later state in the place of a pod where that makes no difference to any plugin: most changes are of a status. */
  #replace(node: string, pod: Pod): boolean {
    const uid = pod.metadata.uid!
    const { pods, view } = this.#entries.get(node)!
    const before = pods.get(uid)!
    if (!isAlike(before, pod)) return false
    pods.set(uid, pod)
    const listed = view?.pods as Pod[] | undefined
    const at = listed?.indexOf(before) ?? -1
    if (at >= 0) listed![at] = pod
    return true
  }

  #unplace(uid: string): void {
    const name = this.#places.get(uid)
    if (name === undefined) return
    this.#places.delete(uid)
    const entry = this.#entries.get(name)!
    const pod = entry.pods.get(uid)!
    entry.pods.delete(uid)
    if (hostPortsOf(pod).length > 0) entry.portTakers--
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

/** So many changes are kept at least, so that who looks rarely need not look at everything. */
const leastKept = 4_096

/** The positions that changed, in the order of the changes. */
class ChangeLog {
  #positions: number[] = []
  /** How many changes were dropped before the first that is kept. */
  #dropped = 0

  get length(): number {
    return this.#dropped + this.#positions.length
  }

  add(position: number): void {
    this.#positions.push(position)
    if (this.#positions.length < 2 * leastKept) return
    this.#dropped += leastKept
    this.#positions = this.#positions.slice(leastKept)
  }

  since(generation: number): readonly number[] | undefined {
    if (generation < this.#dropped || generation > this.length) return undefined
    return this.#positions.slice(generation - this.#dropped)
  }
}

const noPorts: NodeView['hostPorts'] = new Map()
const noFacts: NodeFacts = { allocatable: noResources, podLimit: 0, images: new Map() }
let viewsMade = 0

function viewOf(node: Node, entry: Entry): NodeView {
  return {
    name: node.metadata.name,
    version: ++viewsMade,
    node,
    pods: [...entry.pods.values()],
    requested: entry.requested,
    requestedForScore: entry.forScore,
    hostPorts: entry.portTakers === 0 ? noPorts : portsOf(entry.pods.values()),
    ...entry.facts,
  }
}

/** The view of a node in a world in which some pods were there and others were not. */
export function changedView(view: NodeView, { added, removed }: PodsOfNodeChange): NodeView {
  let { requested } = view
  let { milliCpu, memory } = view.requestedForScore
  const takesPorts = (pod: Pod): boolean => hostPortsOf(pod).length > 0
  for (const pod of added) {
    requested = addResources(requested, podRequests(pod))
    const forScore = podRequestsForScore(pod)
    milliCpu += forScore.milliCpu
    memory += forScore.memory
  }
  for (const pod of removed) {
    requested = subtractResources(requested, podRequests(pod))
    const forScore = podRequestsForScore(pod)
    milliCpu -= forScore.milliCpu
    memory -= forScore.memory
  }
  const rest = removed.length === 0 ? view.pods : view.pods.filter((pod) => !removed.includes(pod))
  const pods = added.length === 0 ? rest : [...rest, ...added]
  const samePorts = !added.some(takesPorts) && !removed.some(takesPorts)
  return {
    name: view.name,
    version: ++viewsMade,
    node: view.node,
    pods,
    requested,
    requestedForScore: { milliCpu, memory },
    allocatable: view.allocatable,
    podLimit: view.podLimit,
    hostPorts: samePorts ? view.hostPorts : portsOf(pods),
    images: view.images,
  }
}

function portsOf(pods: Iterable<Pod>): NodeView['hostPorts'] {
  const hostPorts = new Map<string, Set<string>>()
  for (const pod of pods) {
    for (const { key, address } of hostPortsOf(pod)) {
      const addresses = hostPorts.get(key)
      if (addresses === undefined) hostPorts.set(key, new Set([address]))
      else addresses.add(address)
    }
  }
  return hostPorts
}

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

/** Whether two states of a placed pod are the same in everything but its status, its annotations and the node it names. */
function isAlike(before: Pod, after: Pod): boolean {
  return (
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
    sameJson(before.metadata.labels, after.metadata.labels) &&
    sameJson({ ...before.spec, nodeName: '' }, { ...after.spec, nodeName: '' })
  )
}

import type { Affinity } from '#api/core/v1/affinity.ts'
import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { sameJson } from '#lib/encoding/sameJson.ts'
import {
  addResources,
  podRequestsOnNode,
  podRequestsOnNodeForScore,
  subtractResources,
} from '#machinery/podResources.ts'
import { termsOf } from '#scheduler/plugins/affinityTerms.ts'
import { hostPortsOf } from '#scheduler/plugins/ports.ts'
import type { PodsOfNodeChange } from './plugin.ts'
import type { AlikePods, NodeView } from './snapshot.ts'

/** What a node says of itself, in the form that plugins read. */
export type NodeFacts = Pick<NodeView, 'allocatable' | 'podLimit' | 'images'>

/**
 * The pods of a node, in the order in which they came. As long as pods only come, all views of the node share one list, of
 * which each sees as many as there were when it was made: a node with thousands of pods is not copied for each that comes.
 *
 *     x, y come   list  x y       view of 2   x y
 *     z comes     list  x y z     view of 3   x y z
 *     y goes      a list of its own, x z; both views keep the other
 */
export class NodePods {
  #list: Pod[] = []
  readonly #byUid = new Map<string, Placed>()
  readonly #alike = new AlikePodGroups()
  #portTakers = 0

  get size(): number {
    return this.#list.length
  }

  /** To be read up to the present size. */
  get list(): readonly Pod[] {
    return this.#list
  }

  /** How many of the pods take ports of the node. */
  get portTakers(): number {
    return this.#portTakers
  }

  get alikePods(): readonly AlikePods[] {
    return this.#alike.list
  }

  get(uid: string): Pod | undefined {
    return this.#byUid.get(uid)?.pod
  }

  add(pod: Pod): void {
    this.#byUid.set(pod.metadata.uid!, { pod, group: this.#alike.join(pod) })
    this.#list.push(pod)
    if (hostPortsOf(pod).length > 0) this.#portTakers++
  }

  /** Puts a later state of a pod in its place, in all lists; returns the place. */
  replace(pod: Pod): number {
    const placed = this.#byUid.get(pod.metadata.uid!)!
    // Most are replaced soon after they came.
    const at = this.#list.lastIndexOf(placed.pod)
    this.#list[at] = pod
    placed.pod = pod
    return at
  }

  remove(uid: string): Pod {
    const { pod, group } = this.#byUid.get(uid)!
    this.#byUid.delete(uid)
    this.#list = this.#list.toSpliced(this.#list.indexOf(pod), 1)
    this.#alike.leave(group)
    if (hostPortsOf(pod).length > 0) this.#portTakers--
    return pod
  }
}

/** A pod of a node; a later state of it is in the same group. */
interface Placed {
  pod: Pod
  readonly group: Group
}

interface Group extends Omit<AlikePods, 'count'> {
  readonly affinity: Affinity | undefined
  count: number
}

/** A pod is compared with so many groups, the latest: of one that is like none of them it is not worth it to look further. */
const mostCompared = 8

/** The pods of a node in groups of which each is the same to others. */
class AlikePodGroups {
  readonly #groups: Group[] = []
  /** Made when somebody looks, and never changed. */
  #list: readonly AlikePods[] | undefined

  get list(): readonly AlikePods[] {
    return (this.#list ??= this.#groups.map(({ each, terms, count }) => ({ each, terms, count })))
  }

  join(pod: Pod): Group {
    this.#list = undefined
    const { length } = this.#groups
    for (let i = length - 1; i >= 0 && i >= length - mostCompared; i--) {
      const group = this.#groups[i]!
      if (!isAlike(group, pod)) continue
      group.count++
      return group
    }
    const { namespace, labels, deletionTimestamp } = pod.metadata
    const each = { metadata: { namespace, labels, deletionTimestamp } }
    const group = { each, terms: termsOf(pod), affinity: pod.spec.affinity, count: 1 }
    this.#groups.push(group)
    return group
  }

  leave(group: Group): void {
    this.#list = undefined
    if (--group.count === 0) this.#groups.splice(this.#groups.indexOf(group), 1)
  }
}

function isAlike({ each, affinity }: Group, { metadata, spec }: Pod): boolean {
  return (
    each.metadata.namespace === metadata.namespace &&
    (each.metadata.deletionTimestamp === undefined) === (metadata.deletionTimestamp === undefined) &&
    sameJson(each.metadata.labels, metadata.labels) &&
    sameJson(affinity, spec.affinity)
  )
}

interface ViewParts extends Pick<NodeView, 'name' | 'node' | 'requested' | 'requestedForScore'> {
  readonly facts: NodeFacts
  readonly pods: NodePods
}

const noPorts: NodeView['hostPorts'] = new Map()
let viewsMade = 0

/** The view of a node as it is. */
export class ListedView implements NodeView {
  readonly name: string
  readonly version = ++viewsMade
  readonly node: Node
  readonly podCount: number
  readonly alikePods: readonly AlikePods[]
  readonly requested: NodeView['requested']
  readonly requestedForScore: NodeView['requestedForScore']
  readonly allocatable: NodeView['allocatable']
  readonly podLimit: number
  readonly hostPorts: NodeView['hostPorts']
  readonly images: NodeView['images']
  readonly #list: readonly Pod[]
  #pods: Pod[] | undefined

  constructor({ name, node, requested, requestedForScore, facts, pods }: ViewParts) {
    this.name = name
    this.node = node
    this.podCount = pods.size
    this.alikePods = pods.alikePods
    this.requested = requested
    this.requestedForScore = requestedForScore
    this.allocatable = facts.allocatable
    this.podLimit = facts.podLimit
    this.hostPorts = pods.portTakers === 0 ? noPorts : portsOf(pods.list)
    this.images = facts.images
    this.#list = pods.list
  }

  get pods(): readonly Pod[] {
    return (this.#pods ??= this.#list.slice(0, this.podCount))
  }

  /** Takes in that a pod was replaced by a later state of itself. */
  replaced(at: number, pod: Pod): void {
    if (this.#pods !== undefined) this.#pods[at] = pod
  }
}

/** The view of a node in a world in which some pods were there and others were not. */
export function changedView(view: NodeView, { added, removed }: PodsOfNodeChange): NodeView {
  let { requested } = view
  let { milliCpu, memory } = view.requestedForScore
  const takesPorts = (pod: Pod): boolean => hostPortsOf(pod).length > 0
  for (const pod of added) {
    requested = addResources(requested, podRequestsOnNode(pod))
    const forScore = podRequestsOnNodeForScore(pod)
    milliCpu += forScore.milliCpu
    memory += forScore.memory
  }
  for (const pod of removed) {
    requested = subtractResources(requested, podRequestsOnNode(pod))
    const forScore = podRequestsOnNodeForScore(pod)
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
    podCount: pods.length,
    pods,
    get alikePods() {
      const groups = new AlikePodGroups()
      for (const pod of pods) groups.join(pod)
      return groups.list
    },
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

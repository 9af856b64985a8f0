import type { Node } from '#api/core/v1/node.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import {
  podRequests,
  podRequestsForScore,
  podRequestsOnNode,
  readResources,
  type PodResources,
} from '#machinery/podResources.ts'
import { quantityValue } from '#machinery/quantity.ts'
import type { Plugin, Rejection, WakeChange } from '#scheduler/plugin.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import { scorerOf, usageOf, type ResourceSpec, type ScoringStrategy } from './resourceScores.ts'
import { mostScore } from './normalize.ts'

/** As in `NodeResourcesFitArgs` of a KubeSchedulerConfiguration. */
export interface NodeResourcesFitArguments {
  /** Extended resources that are not tested. */
  readonly ignoredResources?: readonly string[]
  /** The same for all resources with this prefix, such as `example.com`. */
  readonly ignoredResourceGroups?: readonly string[]
  /** By default least allocated, of CPU and memory alike. */
  readonly scoringStrategy?: ScoringStrategy
}

/** As in `NodeResourcesBalancedAllocationArgs` of a KubeSchedulerConfiguration. */
export interface BalancedAllocationArguments {
  /** Whose use is to be balanced; CPU and memory by default. Weights do not count. */
  readonly resources?: readonly ResourceSpec[]
}

const cpuAndMemory: readonly ResourceSpec[] = [{ name: 'cpu' }, { name: 'memory' }]

/** Keeps pods off nodes without the room they ask for, and scores what is left by a strategy. */
export function resourcesFit({
  ignoredResources = [],
  ignoredResourceGroups = [],
  scoringStrategy = { type: 'LeastAllocated' },
}: NodeResourcesFitArguments = {}): Plugin<PodResources> {
  const isIgnored = (resource: string): boolean =>
    isExtended(resource) &&
    (ignoredResources.includes(resource) || ignoredResourceGroups.includes(resource.split('/', 1)[0]!))
  const testedOf = (pod: Pod): PodResources => {
    const requests = podRequests(pod)
    if (![...requests.others.keys()].some(isIgnored)) return requests
    return { ...requests, others: new Map([...requests.others].filter(([name]) => !isIgnored(name))) }
  }
  const resources = scoringStrategy.resources ?? cpuAndMemory
  const scoreOf = scorerOf(scoringStrategy)
  return {
    name: 'NodeResourcesFit',
    looksAt: requestsOf,
    prepare: testedOf,
    filter: (_pod, node, wanted) => (fits(wanted, node) ? undefined : rejectionOf(shortages(wanted, node))),
    score: (pod, node) => scoreOf(resources.map(({ name }) => usageOf(name, pod, node, 'forScore'))),
    wakesOn: [
      { event: { resource: 'pods', action: 'delete' }, helps: ({ oldChangedPod }) => heldRoom(oldChangedPod) },
      { event: { resource: 'pods', action: 'update' }, helps: scaledDown },
      {
        event: { resource: 'nodes', action: 'add' },
        helps: ({ pod, node }) => node !== undefined && couldHold(testedOf(pod), node),
      },
      {
        event: { resource: 'nodes', action: 'update' },
        helps: ({ pod, node, oldNode }) =>
          node !== undefined &&
          couldHold(testedOf(pod), node) &&
          (oldNode === undefined || offersMore(testedOf(pod), oldNode, node)),
      },
    ],
  }
}

/** Prefers nodes whose resources would be used in the same proportion. */
export function balancedAllocation({ resources = cpuAndMemory }: BalancedAllocationArguments = {}): Plugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    looksAt: requestsOf,
    prepare(pod) {
      const { milliCpu, memory, ephemeralStorage, others } = podRequests(pod)
      const asks = ({ name }: ResourceSpec): boolean =>
        (new Map([...others, ['cpu', milliCpu], ['memory', memory], ['ephemeral-storage', ephemeralStorage]]).get(
          name,
        ) ?? 0) > 0
      return resources.some(asks) ? undefined : 'skip'
    },
    score(pod, node) {
      const fractions: number[] = []
      for (const { name } of resources) {
        const { requested, allocatable } = usageOf(name, pod, node, 'exact')
        if (allocatable > 0) fractions.push(Math.min(1, requested / allocatable))
      }
      return Math.trunc((1 - deviationOf(fractions)) * mostScore)
    },
    wakesOn: [],
  }
}

function deviationOf(fractions: readonly number[]): number {
  if (fractions.length < 2) return 0
  if (fractions.length === 2) return Math.abs((fractions[0]! - fractions[1]!) / 2)
  const mean = fractions.reduce((sum, each) => sum + each, 0) / fractions.length
  const squares = fractions.reduce((sum, each) => sum + (each - mean) * (each - mean), 0)
  return Math.sqrt(squares / fractions.length)
}

/** All that both plugins here look at. */
function requestsOf(pod: Pod): unknown {
  const { others, ...requests } = podRequests(pod)
  return [requests, [...others], podRequestsForScore(pod)]
}

/** Whether a resource is one of somebody's own, such as `example.com/gpu`. */
function isExtended(resource: string): boolean {
  const [group] = resource.split('/', 1)
  return (
    resource.includes('/') &&
    group !== 'kubernetes.io' &&
    !group!.endsWith('.kubernetes.io') &&
    !resource.startsWith('requests.')
  )
}

/** Whether nothing falls short: the answer for most nodes, without a list of reasons. */
function fits({ milliCpu, memory, ephemeralStorage, others }: PodResources, node: NodeView): boolean {
  const { requested, allocatable } = node
  return (
    others.size === 0 &&
    node.podCount < node.podLimit &&
    (milliCpu === 0 || milliCpu <= allocatable.milliCpu - requested.milliCpu) &&
    (memory === 0 || memory <= allocatable.memory - requested.memory) &&
    (ephemeralStorage === 0 || ephemeralStorage <= allocatable.ephemeralStorage - requested.ephemeralStorage)
  )
}

interface Shortage {
  readonly resource: string
  readonly requested: number
  readonly free: number
  readonly capacity: number
}

/** The resources that a node lacks for `wanted`; none when the pod fits. */
function shortages(wanted: PodResources, node: NodeView): readonly Shortage[] {
  const short: Shortage[] = []
  const check = (resource: string, requested: number, used: number, capacity: number): void => {
    if (requested > 0 && requested > capacity - used)
      short.push({ resource, requested, free: capacity - used, capacity })
  }
  check('pods', 1, node.podCount, node.podLimit)
  check('cpu', wanted.milliCpu, node.requested.milliCpu, node.allocatable.milliCpu)
  check('memory', wanted.memory, node.requested.memory, node.allocatable.memory)
  check(
    'ephemeral-storage',
    wanted.ephemeralStorage,
    node.requested.ephemeralStorage,
    node.allocatable.ephemeralStorage,
  )
  for (const [name, amount] of wanted.others) {
    check(name, amount, node.requested.others.get(name) ?? 0, node.allocatable.others.get(name) ?? 0)
  }
  return short
}

/** The usual ones as the same text each time: thousands of nodes are counted by it. */
const usualReasons: ReadonlyMap<string, string> = new Map([
  ['pods', 'Too many pods'],
  ...['cpu', 'memory', 'ephemeral-storage'].map((resource) => [resource, `Insufficient ${resource}`] as const),
])

function rejectionOf(short: readonly Shortage[]): Rejection | undefined {
  if (short.length === 0) return undefined
  const reasons = short.map(({ resource }) => usualReasons.get(resource) ?? `Insufficient ${resource}`)
  const furtherCauses = short.slice(1).map((each) => ({ kind: 'resource', ...each }) as const)
  return {
    reason: reasons[0]!,
    ...(reasons.length > 1 ? { furtherReasons: reasons.slice(1) } : {}),
    forever: short.some(({ resource, requested, capacity }) => resource !== 'pods' && requested > capacity),
    cause: { kind: 'resource', ...short[0]! },
    ...(furtherCauses.length === 0 ? {} : { furtherCauses }),
  }
}

/** Whether a node could hold a pod that asks for this if it were empty. */
function couldHold(wanted: PodResources, { status }: Node): boolean {
  const size = readResources(status?.allocatable)
  return (
    podLimitOf(status) > 0 &&
    wanted.milliCpu <= size.milliCpu &&
    wanted.memory <= size.memory &&
    wanted.ephemeralStorage <= size.ephemeralStorage &&
    [...wanted.others].every(([name, amount]) => amount <= (size.others.get(name) ?? 0))
  )
}

function podLimitOf(status: Node['status']): number {
  const pods = status?.allocatable?.['pods']
  return pods === undefined ? 0 : quantityValue(String(pods))
}

/** Whether a node has more than before of something that is wanted. */
function offersMore(wanted: PodResources, { status: before }: Node, { status: after }: Node): boolean {
  return (
    podLimitOf(after) > podLimitOf(before) ||
    takesLess(wanted, readResources(after?.allocatable), readResources(before?.allocatable))
  )
}

/** Whether `less` is less than `more` in something that is wanted. */
function takesLess(wanted: PodResources, more: PodResources, less: PodResources): boolean {
  return (
    (wanted.milliCpu > 0 && less.milliCpu < more.milliCpu) ||
    (wanted.memory > 0 && less.memory < more.memory) ||
    (wanted.ephemeralStorage > 0 && less.ephemeralStorage < more.ephemeralStorage) ||
    [...wanted.others].some(
      ([name, amount]) => amount > 0 && (less.others.get(name) ?? 0) < (more.others.get(name) ?? 0),
    )
  )
}

function heldRoom(pod: Pod | undefined): boolean {
  return pod === undefined || (pod.spec.nodeName ?? '') !== '' || (pod.status?.nominatedNodeName ?? '') !== ''
}

/** Whether the waiting pod asks for less, or a pod on a node does of something that the waiting one asks for (KEP-1287). */
function scaledDown({ pod, changedPod, oldChangedPod }: WakeChange): boolean {
  if (changedPod === undefined || oldChangedPod === undefined) return true
  const [before, after] = [podRequestsOnNode(oldChangedPod), podRequestsOnNode(changedPod)]
  if (changedPod.metadata.uid === pod.metadata.uid) return takesLess(before, before, after)
  return (changedPod.spec.nodeName ?? '') !== '' && takesLess(podRequests(pod), before, after)
}

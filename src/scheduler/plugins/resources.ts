import type { Pod } from '#api/core/v1/pod.ts'
import { podRequests, podRequestsForScore, readResources, type PodResources } from '#machinery/podResources.ts'
import type { Plugin, Rejection } from '#scheduler/plugin.ts'
import { mostScore } from './normalize.ts'
import type { NodeView } from '#scheduler/snapshot.ts'

/** Keeps pods off nodes without the room they ask for, and prefers those with the most room left. */
export const resourcesFit: Plugin<PodResources> = {
  name: 'NodeResourcesFit',
  looksAt: requestsOf,
  prepare: (pod) => podRequests(pod),
  filter: (_pod, node, wanted) => (fits(wanted, node) ? undefined : rejectionOf(shortages(wanted, node))),
  score: (pod, node) => leastAllocated(pod, node),
  wakesOn: [
    { event: { resource: 'pods', action: 'delete' } },
    { event: { resource: 'pods', action: 'update' } },
    {
      event: { resource: 'nodes', action: 'add' },
      helps: ({ pod, node }) => couldHold(pod, node?.status?.allocatable),
    },
    {
      event: { resource: 'nodes', action: 'update' },
      helps: ({ pod, node }) => couldHold(pod, node?.status?.allocatable),
    },
  ],
}

/** Prefers nodes whose CPU and memory would be used in the same proportion. */
export const balancedAllocation: Plugin = {
  name: 'NodeResourcesBalancedAllocation',
  looksAt: requestsOf,
  prepare: (pod) => {
    const { milliCpu, memory } = podRequests(pod)
    return milliCpu === 0 && memory === 0 ? 'skip' : undefined
  },
  score(pod, node) {
    const wanted = podRequests(pod)
    const fractions: number[] = []
    const add = (requested: number, allocatable: number): void => {
      if (allocatable > 0) fractions.push(Math.min(1, requested / allocatable))
    }
    add(node.requested.milliCpu + wanted.milliCpu, node.allocatable.milliCpu)
    add(node.requested.memory + wanted.memory, node.allocatable.memory)
    const deviation = fractions.length === 2 ? Math.abs((fractions[0]! - fractions[1]!) / 2) : 0
    return Math.trunc((1 - deviation) * mostScore)
  },
}

/** All that both plugins here look at. */
function requestsOf(pod: Pod): unknown {
  const { others, ...requests } = podRequests(pod)
  return [requests, [...others], podRequestsForScore(pod)]
}

/** Whether nothing falls short: the answer for most nodes, without a list of reasons. */
function fits({ milliCpu, memory, ephemeralStorage, others }: PodResources, node: NodeView): boolean {
  const { requested, allocatable } = node
  return (
    others.size === 0 &&
    node.pods.length < node.podLimit &&
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
  check('pods', 1, node.pods.length, node.podLimit)
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

function rejectionOf(short: readonly Shortage[]): Rejection | undefined {
  if (short.length === 0) return undefined
  const reasons = short.map(({ resource }) => (resource === 'pods' ? 'Too many pods' : `Insufficient ${resource}`))
  return {
    reason: reasons[0]!,
    ...(reasons.length > 1 ? { furtherReasons: reasons.slice(1) } : {}),
    forever: short.some(({ resource, requested, capacity }) => resource !== 'pods' && requested > capacity),
    cause: { kind: 'resource', ...short[0]! },
  }
}

function leastAllocated(pod: Pod, node: NodeView): number {
  const wanted = podRequestsForScore(pod)
  const free = (requested: number, allocatable: number): number =>
    allocatable === 0 || requested > allocatable ? 0 : Math.trunc(((allocatable - requested) * mostScore) / allocatable)
  const cpu = free(node.requestedForScore.milliCpu + wanted.milliCpu, node.allocatable.milliCpu)
  const memory = free(node.requestedForScore.memory + wanted.memory, node.allocatable.memory)
  return Math.trunc((cpu + memory) / 2)
}

/** Whether a node of this size could hold the pod if it were empty. */
function couldHold(pod: Pod, allocatable: Parameters<typeof readResources>[0]): boolean {
  const wanted = podRequests(pod)
  const size = readResources(allocatable)
  return (
    wanted.milliCpu <= size.milliCpu && wanted.memory <= size.memory && wanted.ephemeralStorage <= size.ephemeralStorage
  )
}

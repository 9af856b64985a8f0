import type { Pod } from '#api/core/v1/pod.ts'
import { podRequests, podRequestsForScore } from '#machinery/podResources.ts'
import type { NodeView } from '#scheduler/snapshot.ts'
import { mostScore } from './normalize.ts'

/** A resource that counts for a score. */
export interface ResourceSpec {
  readonly name: string
  /** 1 by default. */
  readonly weight?: number
}

/** How the room on a node is scored, as in `scoringStrategy` of `NodeResourcesFitArgs`. */
export interface ScoringStrategy {
  readonly type: 'LeastAllocated' | 'MostAllocated' | 'RequestedToCapacityRatio'
  /** CPU and memory by default. */
  readonly resources?: readonly ResourceSpec[]
  /** For `RequestedToCapacityRatio`: scores of 0 to 10 at ascending utilizations of 0 to 100. */
  readonly requestedToCapacityRatio?: {
    readonly shape: readonly { readonly utilization: number; readonly score: number }[]
  }
}

/** What would be taken of a resource with the pod, and what there is; nothing of either where it does not count. */
export interface Usage {
  readonly requested: number
  readonly allocatable: number
}

const noUsage: Usage = { requested: 0, allocatable: 0 }

/** The use of a resource on a node if the pod were there; `forScore` with a floor for containers that ask for nothing. */
export function usageOf(resource: string, pod: Pod, node: NodeView, floor: 'exact' | 'forScore'): Usage {
  const { requested, allocatable, requestedForScore } = node
  const exact = podRequests(pod)
  const [taken, wanted] = floor === 'exact' ? [requested, exact] : [requestedForScore, podRequestsForScore(pod)]
  switch (resource) {
    case 'cpu':
      return { requested: taken.milliCpu + wanted.milliCpu, allocatable: allocatable.milliCpu }
    case 'memory':
      return { requested: taken.memory + wanted.memory, allocatable: allocatable.memory }
    case 'ephemeral-storage':
      return {
        requested: requested.ephemeralStorage + exact.ephemeralStorage,
        allocatable: allocatable.ephemeralStorage,
      }
    default: {
      const own = exact.others.get(resource) ?? 0
      if (own === 0) return noUsage
      return {
        requested: (requested.others.get(resource) ?? 0) + own,
        allocatable: allocatable.others.get(resource) ?? 0,
      }
    }
  }
}

/** The score of a node, 0 to 100, for the use of the strategy's resources in order. */
export function scorerOf({
  type,
  resources,
  requestedToCapacityRatio,
}: ScoringStrategy): (usages: readonly Usage[]) => number {
  const weights = resources?.map(({ weight = 1 }) => weight)
  const ofOne = {
    LeastAllocated: leastAllocated,
    MostAllocated: mostAllocated,
    RequestedToCapacityRatio: byShape(requestedToCapacityRatio?.shape ?? []),
  }[type]
  const isRatio = type === 'RequestedToCapacityRatio'
  return (usages) => {
    let [sum, weightSum] = [0, 0]
    for (const [i, usage] of usages.entries()) {
      if (usage.allocatable === 0) continue
      const score = ofOne(usage)
      // A ratio that scores nothing does not count at all, which raises the average of the others.
      if (isRatio && score <= 0) continue
      const weight = weights?.[i] ?? 1
      sum += score * weight
      weightSum += weight
    }
    if (weightSum === 0) return 0
    return isRatio ? Math.round(sum / weightSum) : Math.trunc(sum / weightSum)
  }
}

function leastAllocated({ requested, allocatable }: Usage): number {
  return requested > allocatable ? 0 : Math.trunc(((allocatable - requested) * mostScore) / allocatable)
}

function mostAllocated({ requested, allocatable }: Usage): number {
  return Math.trunc((Math.min(requested, allocatable) * mostScore) / allocatable)
}

/** The highest score of a point of a shape; what is scored goes up to 100. */
const mostOfPoint = 10

/** A broken line through the points. */
function byShape(
  points: readonly { readonly utilization: number; readonly score: number }[],
): (usage: Usage) => number {
  const shape = points.map(({ utilization, score }) => ({ utilization, score: score * (mostScore / mostOfPoint) }))
  return ({ requested, allocatable }) => {
    const utilization = requested > allocatable ? 100 : Math.trunc((requested * 100) / allocatable)
    const next = shape.findIndex((point) => utilization <= point.utilization)
    if (next < 0) return shape.at(-1)?.score ?? 0
    const [left, right] = [shape[next - 1], shape[next]!]
    if (left === undefined) return right.score
    const rise = (right.score - left.score) * (utilization - left.utilization)
    return left.score + Math.trunc(rise / (right.utilization - left.utilization))
  }
}

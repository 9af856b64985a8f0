import type { Pod } from '#api/core/v1/pod.ts'
import type { PodQOSClass } from '#api/core/v1/podStatus.ts'
import { compareQuantities } from './quantity.ts'

/**
 * How much a pod may count on its node: `Guaranteed` when every container has equal requests and limits for CPU and
 * memory, `BestEffort` when none asks for either, `Burstable` otherwise.
 */
export function qosClassOf({ spec }: Pod): PodQOSClass {
  const all = spec.resources === undefined ? [...spec.containers, ...(spec.initContainers ?? [])] : [spec]
  let asks = false
  let guaranteed = true
  for (const { resources } of all) {
    for (const name of ['cpu', 'memory']) {
      const [request, limit] = [positive(resources?.requests?.[name]), positive(resources?.limits?.[name])]
      if (request !== undefined || limit !== undefined) asks = true
      if (limit === undefined || compareQuantities(request ?? limit, limit) !== 0) guaranteed = false
    }
  }
  return !asks ? 'BestEffort' : guaranteed ? 'Guaranteed' : 'Burstable'
}

function positive(amount: string | undefined): string | undefined {
  return amount !== undefined && compareQuantities(amount, '0') > 0 ? amount : undefined
}

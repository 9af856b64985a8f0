import type { Container } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { podRequests } from '#machinery/podResources.ts'
import { quantityMilliValue } from '#machinery/quantity.ts'

/** What was measured of one pod: an amount in thousandths, at the end of a span of time. Times are in milliseconds. */
export interface PodMeasure {
  readonly milli: number
  readonly at: number
  readonly window: number
}

/** What was measured of pods, by their names. */
export type PodMeasures = ReadonlyMap<string, PodMeasure>

/** Why something could not be found out, in the words that events and conditions use. */
export interface Problem {
  readonly problem: string
}

/** What came of measuring for one entry of `spec.metrics`: of each pod, or one amount in thousandths. */
export type Measured = { readonly pods: PodMeasures } | { readonly milli: number } | Problem

export function isProblem(value: object): value is Problem {
  return 'problem' in value
}

/**
 * How much of a resource each pod requests, in thousandths; of one container when it is named. A request for the pod as a
 * whole goes before those of its containers (KEP-2837). Every container has to have one.
 */
export function requestsOf(
  pods: readonly Pod[],
  resource: string,
  container: string | undefined,
): ReadonlyMap<string, number> | Problem {
  const requests = new Map<string, number>()
  for (const pod of pods) {
    const request = requestOf(pod, resource, container)
    if (typeof request !== 'number') return request
    requests.set(pod.metadata.name, request)
  }
  return requests
}

function requestOf(pod: Pod, resource: string, container: string | undefined): number | Problem {
  const { name } = pod.metadata
  const { requests } = pod.spec.resources ?? {}
  if (container === undefined && requests !== undefined && Object.keys(requests).length > 0) {
    const whole = podRequests(pod)
    if (resource === 'cpu') return whole.milliCpu
    if (resource === 'memory') return whole.memory * 1000
    return { problem: `missing pod-level request for ${resource} in Pod ${name}` }
  }
  let sum = 0
  let found = false
  for (const each of runningOn(pod)) {
    if (container !== undefined && each.name !== container) continue
    found = true
    const request = each.resources?.requests?.[resource]
    if (request === undefined) {
      return { problem: `missing request for ${resource} in container ${each.name} of Pod ${name}` }
    }
    sum += quantityMilliValue(String(request))
  }
  if (container !== undefined && !found) return { problem: `container ${container} not found in Pod ${name}` }
  return sum
}

/** Containers and sidecars: what does not end by itself. */
function runningOn({ spec }: Pod): readonly Container[] {
  const sidecars = spec.initContainers?.filter(({ restartPolicy }) => restartPolicy === 'Always') ?? []
  return sidecars.length === 0 ? spec.containers : [...spec.containers, ...sidecars]
}

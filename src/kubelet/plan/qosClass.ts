import type { Pod } from '#api/core/v1/pod.ts'
import type { PodQOSClass } from '#api/core/v1/podStatus.ts'
import type { ResourceList } from '#api/core/v1/container.ts'
import { quantityMilliValue } from '#machinery/quantity.ts'

const counted = ['cpu', 'memory']

/** How well a pod is protected when its node runs short: by whether its requests for CPU and memory equal its limits. */
export function computeQosClass(pod: Pod): PodQOSClass {
  const whole = pod.spec.resources
  const sources =
    whole === undefined
      ? [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map((container) => container.resources ?? {})
      : [whole]
  let anything = false
  let guaranteed = true
  for (const { requests = {}, limits = {} } of sources) {
    for (const name of counted) {
      const [request, limit] = [amountOf(requests, name), amountOf(limits, name)]
      if (request > 0 || limit > 0) anything = true
      if (limit === 0 || (request !== 0 && request !== limit)) guaranteed = false
    }
  }
  if (!anything) return 'BestEffort'
  return guaranteed ? 'Guaranteed' : 'Burstable'
}

function amountOf(list: ResourceList, name: string): number {
  const quantity = list[name]
  return quantity === undefined ? 0 : quantityMilliValue(String(quantity))
}

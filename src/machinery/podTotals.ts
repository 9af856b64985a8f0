// What a pod asks for and may use in all, exactly and of every resource: for quotas and limit ranges. The scheduler has
// its own arithmetic (podResources.ts), which is about speed.
import type { Container, ResourceList } from '#api/core/v1/container.ts'
import type { PodSpec } from '#api/core/v1/pod.ts'
import { addResourceLists, maximumResourceList } from './resourceLists.ts'

/** What can be asked for by a pod as a whole. */
function isPodLevel(name: string): boolean {
  return name === 'cpu' || name === 'memory' || name.startsWith('hugepages-')
}

/**
 * The requests or limits of a pod: of its containers together, or of the init container that needs more than they do.
 * Init containers that keep running count with everything that comes after them. What the pod asks for as a whole
 * replaces the sum. Overhead is not part of it.
 */
export function podTotal(spec: PodSpec, which: 'requests' | 'limits'): ResourceList {
  const own = (container: Container): ResourceList => container.resources?.[which] ?? {}
  let total: ResourceList = {}
  for (const container of spec.containers) total = addResourceLists(total, own(container))
  let sidecars: ResourceList = {}
  let peak: ResourceList = {}
  for (const container of spec.initContainers ?? []) {
    if (container.restartPolicy === 'Always') {
      total = addResourceLists(total, own(container))
      sidecars = addResourceLists(sidecars, own(container))
      peak = maximumResourceList(peak, sidecars)
    } else peak = maximumResourceList(peak, addResourceLists(sidecars, own(container)))
  }
  total = maximumResourceList(total, peak)
  for (const [name, amount] of Object.entries(spec.resources?.[which] ?? {})) {
    if (isPodLevel(name)) total[name] = amount
  }
  return total
}

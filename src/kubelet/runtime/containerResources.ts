import type { Container, ResourceRequirements } from '#api/core/v1/container.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { quantityMilliValue, quantityValue } from '#machinery/quantity.ts'
import { qosClassOf } from '#machinery/qosClass.ts'
import type { LinuxContainerResources } from './criMessages.ts'

const period = 100_000
/** The kernel refuses less. */
const leastQuota = 1_000
const leastShares = 2
const mostShares = 262_144

/** Shares of processor time for a request in thousandths of a processor. */
export function sharesOf(milliCpu: number): number {
  if (milliCpu === 0) return leastShares
  return Math.min(mostShares, Math.max(leastShares, Math.trunc((milliCpu * 1024) / 1000)))
}

/** Microseconds of processor time per 100 ms for a limit; undefined without one. */
export function quotaOf(milliCpu: number): number | undefined {
  return milliCpu === 0 ? undefined : Math.max(leastQuota, Math.trunc((milliCpu * period) / 1000))
}

const cpuOf = (quantity: string | undefined): number => (quantity === undefined ? 0 : quantityMilliValue(quantity))
const bytesOf = (quantity: string | undefined): number => (quantity === undefined ? 0 : quantityValue(quantity))

/** What the kernel shall enforce for a container. */
export function computeContainerResources(
  pod: Pod,
  container: Container,
  node: { readonly memoryBytes: number; readonly canLowerOomScore: boolean },
): LinuxContainerResources {
  const { requests = {}, limits = {} }: ResourceRequirements = container.resources ?? {}
  const limit = cpuOf(limits['cpu'])
  // A limit alone is a request too.
  const request = requests['cpu'] === undefined ? limit : cpuOf(requests['cpu'])
  const quota = quotaOf(limit)
  const memory = bytesOf(limits['memory'])
  const score = computeOomScore(pod, container, node.memoryBytes)
  return {
    cpuPeriod: period,
    cpuShares: sharesOf(request),
    ...(quota === undefined ? {} : { cpuQuota: quota }),
    ...(memory === 0 ? {} : { memoryLimitInBytes: memory }),
    oomScoreAdj: node.canLowerOomScore ? score : Math.max(0, score),
  }
}

/** Priority of pods that the node cannot do without (system-node-critical). */
const nodeCritical = 2_000_001_000

/** How soon the kernel kills the container when memory runs out: the less it asked for, the sooner. */
export function computeOomScore(pod: Pod, container: Container, nodeMemory: number): number {
  if ((pod.spec.priority ?? 0) >= nodeCritical) return -997
  const qos = qosClassOf(pod)
  if (qos === 'Guaranteed') return -997
  if (qos === 'BestEffort') return 1000
  const request = bytesOf(container.resources?.requests?.['memory'] ?? container.resources?.limits?.['memory'])
  const score = 1000 - Math.trunc((1000 * request) / Math.max(1, nodeMemory))
  // Above guaranteed pods, and never as high as best-effort ones.
  return Math.min(999, Math.max(3, score))
}

import type { Pod } from '#api/core/v1/pod.ts'
import { compareQuantities, QuantitySum, quantityValue } from '#machinery/quantity.ts'
import { isSidecar } from './podView.ts'

/** What a pod has written, in bytes. */
export interface WrittenBytes {
  /** By the names of its empty folders, those in memory too. */
  readonly volumes: ReadonlyMap<string, number>
  /** By container: what it wrote beside volumes, and its logs. */
  readonly containers: ReadonlyMap<string, number>
}

const storage = 'ephemeral-storage'

/** Pods of this priority and above are critical (`system-cluster-critical`, `system-node-critical`). */
const leastCritical = 2_000_000_000

/** Whether the cluster or the node needs the pod: such pods never have to leave, and always may come. */
export function isCritical({ spec }: Pod): boolean {
  return (spec.priority ?? 0) >= leastCritical
}

/** Whether the pod says how much it may write, so that what it has written must be looked at. */
export function limitsStorage(pod: Pod): boolean {
  if (isCritical(pod)) return false
  const { spec } = pod
  const limitsFolder = (spec.volumes ?? []).some(({ emptyDir }) => isLimit(emptyDir?.sizeLimit))
  return (
    limitsFolder || [...(spec.initContainers ?? []), ...spec.containers].some((each) => limitOf(each) !== undefined)
  )
}

function isLimit(quantity: string | undefined): quantity is string {
  return quantity !== undefined && compareQuantities(quantity, '0') > 0
}

function limitOf({ resources }: Pod['spec']['containers'][number]): string | undefined {
  const limit = resources?.limits?.[storage]
  return isLimit(limit) ? limit : undefined
}

/** Which limit a pod does not keep, as metrics name it, and the same for people in upstream's words. */
export interface BrokenLimit {
  readonly signal: 'emptydirfs.limit' | 'ephemeralpodfs.limit' | 'ephemeralcontainerfs.limit'
  readonly message: string
}

/** Why a pod that has written more than it may is evicted; undefined when it may stay. */
export function planEviction(pod: Pod, written: WrittenBytes): BrokenLimit | undefined {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    const limit = emptyDir?.sizeLimit
    if (isLimit(limit) && (written.volumes.get(name) ?? 0) > quantityValue(limit)) {
      const message = `Usage of EmptyDir volume "${name}" exceeds the limit "${limit}". `
      return { signal: 'emptydirfs.limit', message }
    }
  }
  const whole = limitOfPod(pod)
  const onDisk = (pod.spec.volumes ?? []).filter(
    ({ emptyDir }) => emptyDir !== undefined && emptyDir.medium !== 'Memory',
  )
  const all = [...onDisk.map(({ name }) => written.volumes.get(name) ?? 0), ...written.containers.values()]
  if (whole !== undefined && all.reduce((sum, each) => sum + each, 0) > quantityValue(whole)) {
    const message = `Pod ephemeral local storage usage exceeds the total limit of containers ${whole}. `
    return { signal: 'ephemeralpodfs.limit', message }
  }
  for (const container of pod.spec.containers) {
    const limit = limitOf(container)
    if (limit !== undefined && (written.containers.get(container.name) ?? 0) > quantityValue(limit)) {
      const message = `Container ${container.name} exceeded its local ephemeral storage limit "${limit}". `
      return { signal: 'ephemeralcontainerfs.limit', message }
    }
  }
  return undefined
}

/** Of its containers and sidecars together, or of an init container beside the sidecars before it if that is more. */
function limitOfPod({ spec }: Pod): string | undefined {
  const sumOf = (limits: readonly (string | undefined)[]): string | undefined => {
    const known = limits.filter((limit) => limit !== undefined)
    if (known.length === 0) return undefined
    const sum = new QuantitySum()
    for (const limit of known) sum.add(limit)
    return sum.text
  }
  const init = spec.initContainers ?? []
  const moments = [
    [...init.filter(isSidecar), ...spec.containers],
    ...init.map((container, index) => [...init.slice(0, index).filter(isSidecar), container]),
  ]
  const sums = moments.map((containers) => sumOf(containers.map(limitOf))).filter((sum) => sum !== undefined)
  return sums.toSorted((a, b) => compareQuantities(b, a))[0]
}

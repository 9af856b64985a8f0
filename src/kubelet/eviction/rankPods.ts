import type { Pod } from '#api/core/v1/pod.ts'
import { quantityOf, quantityValue } from '#machinery/quantity.ts'
import { podRequests } from '#machinery/podResources.ts'
import type { DiskUse } from '../runtime/containerRuntime.ts'
import { signals, type Observations, type SignalName } from './signals.ts'
import { amountText, type Threshold } from './thresholds.ts'

/** What one container uses: its memory, what it wrote beside volumes, and its logs. */
export interface ContainerUse {
  readonly name: string
  readonly memoryBytes: number
  readonly root: DiskUse
  readonly logs: DiskUse
}

/** What a pod uses. */
export interface PodUse {
  readonly memoryBytes: number
  readonly processes: number
  readonly containers: readonly ContainerUse[]
  /** In volumes that are on the disk of the node and end with the pod. */
  readonly volumes: DiskUse
}

/** A pod that might leave; nothing is known of the use of one that has not begun. */
export interface Candidate {
  readonly pod: Pod
  readonly use: PodUse | undefined
}

/**
 * The pods in the order in which they have to leave for the sake of a signal: those of which nothing is known, those that
 * use more than they asked for, those of lower priority, and those that use most beyond what they asked for.
 * `hasImageDisk`: images and what containers write are on a disk of their own.
 */
export function rankPods<C extends Candidate>(
  candidates: readonly C[],
  signal: SignalName,
  hasImageDisk: boolean,
): readonly C[] {
  const { resource } = signals[signal]
  const ranked = candidates.map((candidate) => {
    const { pod, use } = candidate
    const used = use === undefined ? 0 : usedOf(use, signal, hasImageDisk)
    const { memory, ephemeralStorage } = podRequests(pod)
    const [asked, counted]: readonly [number, number] = (
      {
        memory: [memory, memory],
        'ephemeral-storage': [ephemeralStorage, ephemeralStorage],
        // Nobody asks for inodes, but upstream counts what was asked of the disk against them.
        inodes: [0, ephemeralStorage],
        // Processes are not asked for: only priority comes before their number.
        pids: [Infinity, 0],
      } as const
    )[resource]
    return { candidate, isUnknown: use === undefined, exceeds: used > asked, beyond: used - counted }
  })
  const isFirst = (a: boolean, b: boolean): number => Number(b) - Number(a)
  return ranked
    .toSorted(
      (a, b) =>
        (resource === 'pids' ? 0 : isFirst(a.isUnknown, b.isUnknown)) ||
        isFirst(a.exceeds, b.exceeds) ||
        (a.candidate.pod.spec.priority ?? 0) - (b.candidate.pod.spec.priority ?? 0) ||
        isFirst(a.isUnknown, b.isUnknown) ||
        b.beyond - a.beyond,
    )
    .map(({ candidate }) => candidate)
}

function usedOf(
  { memoryBytes, processes, containers, volumes }: PodUse,
  signal: SignalName,
  hasImageDisk: boolean,
): number {
  const { resource } = signals[signal]
  if (resource === 'memory') return memoryBytes
  if (resource === 'pids') return processes
  const isImageDisk = signal.startsWith('imagefs')
  const parts = containers.flatMap(({ root, logs }) => {
    if (!hasImageDisk) return [root, logs]
    return isImageDisk ? [root] : [logs]
  })
  if (!hasImageDisk || !isImageDisk) parts.push(volumes)
  const unit = resource === 'inodes' ? 'inodes' : 'bytes'
  return parts.reduce((sum, part) => sum + part[unit], 0)
}

/** Why a pod has to leave, in upstream's words, and the same for programs as the annotations of the event. */
export interface EvictionReason {
  readonly message: string
  readonly annotations: Readonly<Record<string, string>>
}

/** `acting`: the thresholds that are met; the first one for the same resource as `threshold` is told. */
export function evictionReason(
  { pod, use }: Candidate,
  threshold: Threshold,
  acting: readonly Threshold[],
  seen: Observations,
): EvictionReason {
  const { resource } = signals[threshold.signal]
  const told = acting.find(({ signal }) => signals[signal].resource === resource && seen.has(signal))
  const parts = [`The node was low on resource: ${resource}. `]
  if (told !== undefined) {
    const { capacity, available } = seen.get(told.signal)!
    const left = quantityOf(
      available,
      resource === 'memory' || resource === 'ephemeral-storage' ? 'BinarySI' : 'DecimalSI',
    )
    parts.push(`Threshold quantity: ${amountText(told.value, capacity)}, available: ${left}. `)
  }
  if (use === undefined) return { message: parts.join(''), annotations: {} }
  const annotations: Record<string, string> = {}
  const podRequest = resource === 'memory' ? pod.spec.resources?.requests?.['memory'] : undefined
  if (podRequest !== undefined) {
    const using = quantityOf(use.memoryBytes, 'BinarySI')
    parts.push(largerConsumption('Pod', pod.metadata.name, using, podRequest, resource))
    annotations['offending_pod'] = pod.metadata.name
    annotations['offending_pod_usage'] = using
  }
  const offending: (readonly [string, string])[] = []
  for (const { name, memoryBytes, root, logs } of use.containers) {
    const container = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find((each) => each.name === name)
    if (container === undefined || (resource !== 'memory' && resource !== 'ephemeral-storage')) continue
    const request = container.resources?.requests?.[resource] ?? '0'
    const used = resource === 'memory' ? memoryBytes : root.bytes + logs.bytes
    if (used <= quantityValue(request)) continue
    const using = quantityOf(used, 'BinarySI')
    parts.push(largerConsumption('Container', name, using, request, resource))
    offending.push([name, using])
  }
  annotations['offending_containers'] = offending.map(([name]) => name).join(',')
  annotations['offending_containers_usage'] = offending.map(([, using]) => using).join(',')
  annotations['starved_resource'] = resource
  return { message: parts.join(''), annotations }
}

function largerConsumption(
  what: 'Pod' | 'Container',
  name: string,
  using: string,
  request: string,
  of: string,
): string {
  return `${what} ${name} was using ${using}, request is ${request}, has larger consumption of ${of}. `
}

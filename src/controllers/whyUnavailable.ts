import type { ContainerStatus } from '#api/core/v1/containerStatus.ts'
import type { Pod } from '#api/core/v1/pod.ts'
import { conditionOf } from '#machinery/conditions.ts'
import { isReady } from './podAvailability.ts'

/** What every start goes through. */
const starting = new Set(['ContainerCreating', 'PodInitializing'])

/** Why a pod does not count as available, for people: what keeps it, down to the container and its cause. */
export function whyUnavailable(pod: Pod): string {
  const { metadata, status = {} } = pod
  if (metadata.deletionTimestamp !== undefined) return 'it is being deleted'
  const scheduled = conditionOf(status.conditions, 'PodScheduled')
  if (scheduled?.status === 'False') return `it has no node: ${scheduled.message ?? scheduled.reason ?? 'not placed'}`
  if (isReady(pod)) return 'it has not been ready for long enough'
  const containers = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])]
  const told = containers.map(troubleOf).find((trouble) => trouble !== undefined)
  if (told !== undefined) return told
  const unready = (status.containerStatuses ?? []).find(({ ready }) => !ready)
  return unready === undefined ? 'it is not ready' : `container "${unready.name}" is not ready`
}

function troubleOf({ name, state, lastState }: ContainerStatus): string | undefined {
  const { waiting, terminated } = state ?? {}
  const waitsFor = waiting?.reason ?? ''
  if (waitsFor !== '' && !starting.has(waitsFor)) {
    const ended = lastState?.terminated
    const before = ended === undefined ? waiting?.message : `last ended with ${ended.reason} (${ended.exitCode})`
    return `container "${name}" waits: ${waitsFor}${before === undefined || before === '' ? '' : `: ${before}`}`
  }
  if (terminated === undefined || terminated.exitCode === 0) return undefined
  return `container "${name}" ended with ${terminated.reason} (${terminated.exitCode})`
}

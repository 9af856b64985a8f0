import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimStatus } from '#api/core/v1/persistentVolumeClaim.ts'
import { localProvisioner } from '#machinery/localVolumes.ts'
import { compareQuantities } from '#machinery/quantity.ts'
import { capacityOf, provisionedBy, requestOf } from '#machinery/volumeBinding.ts'

export type ExpandPlan =
  | { readonly do: 'nothing' }
  /** Say that the volume is larger, then the claim. */
  | { readonly do: 'grow'; readonly storage: string; readonly volume: PersistentVolume }
  /** Somebody outside makes such volumes, and makes them larger. */
  | { readonly do: 'wait' }

/** What to do for a claim that asks for more than it has. */
export function planExpansion(claim: PersistentVolumeClaim, volume: PersistentVolume | undefined): ExpandPlan {
  const { phase, capacity } = claim.status ?? {}
  if (phase !== 'Bound' || volume === undefined || volume.spec.claimRef?.uid !== claim.metadata.uid) {
    return { do: 'nothing' }
  }
  const storage = requestOf(claim)
  if (compareQuantities(storage, capacity?.['storage'] ?? '0') <= 0) return { do: 'nothing' }
  if (volume.metadata.annotations?.[provisionedBy] !== localProvisioner) return { do: 'wait' }
  return { do: 'grow', storage, volume }
}

/** Whether the volume itself has yet to be said to be larger. */
export const isSmaller = (volume: PersistentVolume, storage: string): boolean =>
  compareQuantities(capacityOf(volume), storage) < 0

/** The status of a claim whose volume has grown, with nothing left to do on a node. */
export function grownStatus({ status = {} }: PersistentVolumeClaim, storage: string): PersistentVolumeClaimStatus {
  const { allocatedResourceStatuses = {}, conditions = [], ...rest } = status
  const { storage: _done, ...statuses } = allocatedResourceStatuses
  const left = conditions.filter(({ type }) => !resizing.has(type))
  return {
    ...rest,
    capacity: { ...status.capacity, storage },
    allocatedResources: { ...status.allocatedResources, storage },
    ...(Object.keys(statuses).length === 0 ? {} : { allocatedResourceStatuses: statuses }),
    ...(left.length === 0 ? {} : { conditions: left }),
  }
}

const resizing: ReadonlySet<string> = new Set([
  'Resizing',
  'FileSystemResizePending',
  'ControllerResizeError',
  'NodeResizeError',
])

import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim, PersistentVolumeClaimStatus } from '#api/core/v1/persistentVolumeClaim.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import {
  bindCompleted,
  boundByController,
  classOfClaim,
  findVolume,
  isReservedFor,
  mismatchOf,
  namesClass,
  selectedNode,
  type Candidates,
} from '#machinery/volumeBinding.ts'
import type { Note } from '../telling.ts'
import { provisionerOf } from './provisioners.ts'

/** What to do next for a claim. */
export type ClaimPlan =
  /** Bind it to this volume, or finish doing so. */
  | { readonly do: 'bind'; readonly volume: PersistentVolume }
  | { readonly do: 'setClass'; readonly storageClass: string }
  /** Name the provisioner that shall make a volume, and wait for it. */
  | { readonly do: 'handOver'; readonly provisioner: string; readonly note: Note }
  /** Only say how it stands; without a phase that stays as it is. */
  | { readonly do: 'tell'; readonly phase?: 'Pending' | 'Lost'; readonly note: Note; readonly remedy?: string }

/** What there is beside the claim. */
export interface ClaimSurroundings extends Pick<Candidates, 'reserved' | 'free'> {
  /** The volume that the claim names. */
  readonly named: PersistentVolume | undefined
  /** The class that the claim names. */
  readonly storageClass: StorageClass | undefined
  /** The class of claims that name none. */
  readonly defaultClass: StorageClass | undefined
  /** Names of pods that use the claim and have no node yet. */
  readonly waitingPods: readonly string[]
}

/** Decides what becomes of a claim. */
export function planClaim(claim: PersistentVolumeClaim, around: ClaimSurroundings): ClaimPlan {
  if (claim.metadata.annotations?.[bindCompleted] !== undefined) return planBound(claim, around)
  return (claim.spec.volumeName ?? '') === '' ? planUnbound(claim, around) : planNamed(claim, around)
}

function planUnbound(claim: PersistentVolumeClaim, around: ClaimSurroundings): ClaimPlan {
  const { storageClass, defaultClass, reserved, free } = around
  const waits = storageClass?.volumeBindingMode === 'WaitForFirstConsumer'
  // Where the volume must be near a pod, the scheduler chooses among those that are nobody's.
  const volume = findVolume(claim, { reserved, free: waits ? [] : free })
  if (volume !== undefined) return { do: 'bind', volume }
  if (!namesClass(claim) && defaultClass !== undefined) {
    return { do: 'setClass', storageClass: defaultClass.metadata.name }
  }
  if (waits && claim.metadata.annotations?.[selectedNode] === undefined) {
    return { do: 'tell', phase: 'Pending', note: waitingNote(around.waitingPods) }
  }
  const name = classOfClaim(claim)
  if (name === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set'
    const remedy = 'Create a persistent volume that fits, or name a storage class in the claim'
    return { do: 'tell', phase: 'Pending', note: { type: 'Normal', reason: 'FailedBinding', message }, remedy }
  }
  return planProvisioning(name, storageClass)
}

function planProvisioning(name: string, storageClass: StorageClass | undefined): ClaimPlan {
  const failed = (message: string, remedy: string): ClaimPlan => ({
    do: 'tell',
    note: { type: 'Warning', reason: 'ProvisioningFailed', message },
    remedy,
  })
  if (storageClass === undefined) {
    return failed(
      `storageclass.storage.k8s.io "${name}" not found`,
      `Create the storage class "${name}", or a persistent volume of this class that fits`,
    )
  }
  const provisioner = provisionerOf(storageClass)
  if (provisioner === undefined) {
    return failed(
      `no volume plugin matched name: ${storageClass.provisioner}`,
      `Create a persistent volume of the class "${name}" that fits: no program makes them`,
    )
  }
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the ` +
    'system administrator. If volume creation is delayed, please verify that the provisioner is running and ' +
    'correctly registered.'
  return { do: 'handOver', provisioner, note: { type: 'Normal', reason: 'ExternalProvisioning', message } }
}

function waitingNote(pods: readonly string[]): Note {
  if (pods.length === 0) {
    const message = 'waiting for first consumer to be created before binding'
    return { type: 'Normal', reason: 'WaitForFirstConsumer', message }
  }
  const message = `waiting for ${pods.length === 1 ? 'pod' : 'pods'} ${pods.join(',')} to be scheduled`
  return { type: 'Normal', reason: 'WaitForPodScheduled', message }
}

/** A claim that names its volume. */
function planNamed(claim: PersistentVolumeClaim, { named }: ClaimSurroundings): ClaimPlan {
  const pending = (reason: string, message: string, remedy: string): ClaimPlan => ({
    do: 'tell',
    phase: 'Pending',
    note: { type: 'Warning', reason, message },
    remedy,
  })
  const name = JSON.stringify(claim.spec.volumeName)
  if (named === undefined) {
    return pending('FailedBinding', `volume ${name} not found`, `Create the persistent volume ${name}`)
  }
  if (isReservedFor(named, claim)) return { do: 'bind', volume: named }
  if (named.spec.claimRef !== undefined) {
    const message = `volume ${name} already bound to a different claim.`
    return pending('FailedBinding', message, 'Make a claim that names another volume, or none')
  }
  const mismatch = mismatchOf(named, claim)
  if (mismatch === undefined) return { do: 'bind', volume: named }
  const message = `Cannot bind to requested volume ${name}: ${mismatch}`
  return pending('VolumeMismatch', message, 'Make a claim that fits the volume')
}

/** A claim that was bound once: what it had must still be there. */
function planBound(claim: PersistentVolumeClaim, { named }: ClaimSurroundings): ClaimPlan {
  const lost = (reason: string, message: string): ClaimPlan => ({
    do: 'tell',
    phase: 'Lost',
    note: { type: 'Warning', reason, message },
  })
  if ((claim.spec.volumeName ?? '') === '') {
    return lost('ClaimLost', 'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!')
  }
  if (named === undefined) {
    return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!')
  }
  const { claimRef } = named.spec
  if (claimRef === undefined || claimRef.uid === claim.metadata.uid) return { do: 'bind', volume: named }
  return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly')
}

/** The claim with what says that it has this volume; the same object when it says so already. */
export function boundClaim(claim: PersistentVolumeClaim, volume: PersistentVolume): PersistentVolumeClaim {
  const { name } = volume.metadata
  const { annotations = {} } = claim.metadata
  const isNamed = claim.spec.volumeName === name
  if (isNamed && annotations[bindCompleted] !== undefined) return claim
  const added = { ...(isNamed ? {} : { [boundByController]: 'yes' }), [bindCompleted]: 'yes' }
  return {
    ...claim,
    metadata: { ...claim.metadata, annotations: { ...added, ...annotations } },
    spec: { ...claim.spec, volumeName: name },
  }
}

/** On a volume that grows: how much it held before, which is what its file system still has. */
const sizeBeforeGrowth = 'volume.alpha.kubernetes.io/pre-resize-capacity'

/** The status of a claim that has this volume, or none. */
export function claimStatus(
  { status = {} }: PersistentVolumeClaim,
  phase: 'Pending' | 'Bound' | 'Lost',
  volume?: PersistentVolume,
): PersistentVolumeClaimStatus {
  const { accessModes: _modes, capacity, ...rest } = status
  if (volume === undefined) return { ...rest, phase }
  const { accessModes, volumeAttributesClassName } = volume.spec
  const modes = accessModes === undefined ? {} : { accessModes }
  // Once it is bound, a difference of sizes means that the file system has yet to grow; a change of the attributes is
  // the driver's to tell.
  if (status.phase === phase) return { ...rest, ...modes, ...(capacity === undefined ? {} : { capacity }), phase }
  const before = volume.metadata.annotations?.[sizeBeforeGrowth]
  return {
    ...rest,
    ...modes,
    capacity: before === undefined ? { ...volume.spec.capacity } : { ...capacity, storage: before },
    ...(volumeAttributesClassName === undefined ? {} : { currentVolumeAttributesClassName: volumeAttributesClassName }),
    phase,
  }
}

import type { PersistentVolume, PersistentVolumePhase } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import { boundByController, differInMode, isReservedFor, provisionedBy } from '#machinery/volumeBinding.ts'
import type { Note } from '../telling.ts'
import { isDeletedByOthers } from './provisioners.ts'

/** What to do next for a volume. */
export type VolumePlan =
  | { readonly do: 'nothing' }
  /** Write how it stands; the note is told when that is new. */
  | { readonly do: 'setPhase'; readonly phase: PersistentVolumePhase; readonly note?: Note; readonly remedy?: string }
  /** It is of no use to anybody any more. */
  | { readonly do: 'delete' }
  /** Give it back: its claim has another one. */
  | { readonly do: 'unbind' }
  /** It is kept for a claim that cannot have it. */
  | { readonly do: 'tell'; readonly note: Note; readonly claimNote: Note }
  /** It waits, and says why. */
  | { readonly do: 'wait'; readonly note: Note }

/** Decides what becomes of a volume. `claim` is the one that its `claimRef` names, if that is there. */
export function planVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
  usingPods: readonly string[],
): VolumePlan {
  const { claimRef } = volume.spec
  if ((claimRef?.uid ?? '') === '') return setPhase(volume, 'Available')
  if (claim === undefined || claim.metadata.uid !== claimRef!.uid) return planReleased(volume, claim, usingPods)
  const { name } = volume.metadata
  const { volumeName = '' } = claim.spec
  if (volumeName === name) return setPhase(volume, 'Bound')
  if (volumeName === '') return differInMode(volume, claim) ? modeNotes(volume, claim) : { do: 'nothing' }
  const isMadeForClaim = volume.metadata.annotations?.[provisionedBy] !== undefined
  return isMadeForClaim && volume.spec.persistentVolumeReclaimPolicy === 'Delete'
    ? planReleased(volume, claim, usingPods)
    : { do: 'unbind' }
}

/** Whether `planVolume` would give up the claim: before that the claim is looked up where it cannot be stale. */
export function givesUpClaim({ spec, status }: PersistentVolume, claim: PersistentVolumeClaim | undefined): boolean {
  const { claimRef } = spec
  if ((claimRef?.uid ?? '') === '') return false
  return claim?.metadata.uid !== claimRef!.uid && !isGivenUp(status?.phase)
}

const isGivenUp = (phase: PersistentVolumePhase | undefined): boolean => phase === 'Released' || phase === 'Failed'

function setPhase({ status }: PersistentVolume, phase: PersistentVolumePhase): VolumePlan {
  return status?.phase === phase ? { do: 'nothing' } : { do: 'setPhase', phase }
}

function modeNotes(volume: PersistentVolume, claim: PersistentVolumeClaim): VolumePlan {
  const note = (message: string): Note => ({ type: 'Warning', reason: 'VolumeMismatch', message })
  const [of, to] = [JSON.stringify(volume.metadata.name), JSON.stringify(claim.metadata.name)]
  return {
    do: 'tell',
    note: note(`Cannot bind PersistentVolume to requested PersistentVolumeClaim ${to} due to incompatible volumeMode.`),
    claimNote: note(
      `Cannot bind PersistentVolume ${of} to requested PersistentVolumeClaim due to incompatible volumeMode.`,
    ),
  }
}

/** A volume whose claim is gone: what its policy asks for. First it is Released, for all to see; then that is done. */
function planReleased(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
  usingPods: readonly string[],
): VolumePlan {
  if (!isGivenUp(volume.status?.phase)) return { do: 'setPhase', phase: 'Released' }
  const failed = (reason: string, message: string, remedy: string): VolumePlan =>
    volume.status?.phase === 'Failed'
      ? { do: 'nothing' }
      : { do: 'setPhase', phase: 'Failed', note: { type: 'Warning', reason, message }, remedy }
  const policy: string = volume.spec.persistentVolumeReclaimPolicy ?? 'Retain'
  switch (policy) {
    case 'Retain':
      return { do: 'nothing' }
    case 'Delete': {
      if (isDeletedByOthers(volume)) return { do: 'nothing' }
      const problem = deletionProblem(volume)
      if (problem === undefined) return { do: 'delete' }
      return failed('VolumeFailedDelete', problem, 'Take away what the volume stands for, then delete the volume')
    }
    case 'Recycle': {
      // Pods of a claim that came after it under its name use that one's volume.
      if (usingPods.length > 0 && claim === undefined) {
        const message = `Volume is used by pods: ${usingPods.join(',')}`
        return { do: 'wait', note: { type: 'Normal', reason: 'VolumeFailedRecycle', message } }
      }
      return failed(
        'VolumeFailedRecycle',
        'No recycler plugin found for the volume!',
        'Empty the volume and remove its spec.claimRef, or use a storage class with a provisioner',
      )
    }
    default:
      return failed(
        'VolumeUnknownReclaimPolicy',
        'Volume has unrecognized PersistentVolumeReclaimPolicy',
        'Set spec.persistentVolumeReclaimPolicy to Retain or Delete',
      )
  }
}

/**
 * Why nobody takes away what a volume stands for. Paths below /tmp are left to what empties /tmp on their nodes: their
 * volumes go, as those of a Kubernetes whose controllers run in a container do.
 */
function deletionProblem({ metadata, spec }: PersistentVolume): string | undefined {
  if (spec.hostPath === undefined) {
    const of = JSON.stringify(metadata.name)
    return `error getting deleter volume plugin for volume ${of}: no deletable volume plugin matched`
  }
  const { path } = spec.hostPath
  return /\/tmp\/./.test(path) ? undefined : `host_path deleter only supports /tmp/.+ but received provided ${path}`
}

/** The volume with what says that this claim has it; the same object when it says so already. */
export function boundVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
  reference: ObjectReference,
): PersistentVolume {
  const isReserved = isReservedFor(volume, claim)
  if (isReserved && volume.spec.claimRef?.uid === claim.metadata.uid) return volume
  const metadata = isReserved ? volume.metadata : withAnnotation(volume.metadata, boundByController)
  return { ...volume, metadata, spec: { ...volume.spec, claimRef: reference } }
}

function withAnnotation(metadata: PersistentVolume['metadata'], key: string): PersistentVolume['metadata'] {
  return { ...metadata, annotations: { [key]: 'yes', ...metadata.annotations } }
}

/** The volume as nobody's again; one that a person reserved for a claim stays reserved. */
export function unboundVolume(volume: PersistentVolume): PersistentVolume {
  const { [boundByController]: isOurs, ...annotations } = volume.metadata.annotations ?? {}
  const { claimRef, ...spec } = volume.spec
  if (isOurs === undefined) {
    const { uid: _uid, ...reservation } = claimRef ?? {}
    return { ...volume, spec: { ...spec, claimRef: reservation } }
  }
  const { annotations: _annotations, ...metadata } = volume.metadata
  const left = Object.keys(annotations).length === 0 ? {} : { annotations }
  return { ...volume, metadata: { ...metadata, ...left }, spec }
}

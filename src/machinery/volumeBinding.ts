// What volumes and claims say of each other, and which volume fits which claim. The binder and the scheduler decide by
// the same rules, so that one never undoes what the other did.
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import { compareQuantities } from './quantity.ts'
import { matchesLabelSelector } from './labelSelector.ts'
import { matchesNodeTerm } from './nodeSelector.ts'

/** On a claim: it was bound once, so what is missing now is lost. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed'
/** On a claim or volume: it was bound by a component and not by a person. */
export const boundByController = 'pv.kubernetes.io/bound-by-controller'
/** On a claim: the node of its first pod, for which a volume shall be made. */
export const selectedNode = 'volume.kubernetes.io/selected-node'
/** On a volume: the provisioner that made it, and takes it away. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by'
/** On a volume: the CSI driver that took over from a plugin of Kubernetes' own. */
export const migratedTo = 'pv.kubernetes.io/migrated-to'
/** On a claim: the provisioner that shall make its volume, under the name of today and that of before v1.23. */
export const storageProvisioner = 'volume.kubernetes.io/storage-provisioner'
export const betaStorageProvisioner = 'volume.beta.kubernetes.io/storage-provisioner'
/** How claims and volumes named their class before there was a field for it. */
export const betaStorageClass = 'volume.beta.kubernetes.io/storage-class'
/** The finalizer by which provisioners keep a volume until what it stands for is gone. */
export const provisionerFinalizer = 'external-provisioner.volume.kubernetes.io/finalizer'
/** The provisioner of classes whose volumes are all made by hand. */
export const noProvisioner = 'kubernetes.io/no-provisioner'

/** The class that a claim asks for; empty for none. */
export function classOfClaim({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.[betaStorageClass] ?? spec.storageClassName ?? ''
}

/** Whether a claim says anything of its class, be it that it wants none. */
export function namesClass({ metadata, spec }: PersistentVolumeClaim): boolean {
  return metadata.annotations?.[betaStorageClass] !== undefined || spec.storageClassName !== undefined
}

/** The class that a volume is of; empty for none. */
export function classOfVolume({ metadata, spec }: PersistentVolume): string {
  return metadata.annotations?.[betaStorageClass] ?? spec.storageClassName ?? ''
}

/** Whether a volume is for this claim, already or by the wish of whoever made it. */
export function isReservedFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const { name, namespace, uid = '' } = spec.claimRef ?? {}
  return name === metadata.name && namespace === metadata.namespace && (uid === '' || uid === metadata.uid)
}

/** Whether pods on a node with these labels can use the volume. */
export function isUsableFrom({ spec }: PersistentVolume, labels: Readonly<Record<string, string>> = {}): boolean {
  const required = spec.nodeAffinity?.required
  return (
    required === undefined || required.nodeSelectorTerms.some((term) => matchesNodeTerm(term, { metadata: { labels } }))
  )
}

/** How much a claim asks for. */
export const requestOf = ({ spec }: PersistentVolumeClaim): string => spec.resources?.requests?.['storage'] ?? '0'

/** How much a volume holds. */
export const capacityOf = ({ spec }: PersistentVolume): string => spec.capacity?.['storage'] ?? '0'

export const differInMode = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec.volumeMode ?? 'Filesystem') !== (claim.spec.volumeMode ?? 'Filesystem')

const differInAttributes = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (volume.spec.volumeAttributesClassName ?? '') !== (claim.spec.volumeAttributesClassName ?? '')

const allowsAccess = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  (claim.spec.accessModes ?? []).every((mode) => volume.spec.accessModes?.includes(mode) === true)

/** Why the volume that a claim names cannot be bound to it, in Kubernetes' words; undefined when it can. */
export function mismatchOf(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (volume.metadata.deletionTimestamp !== undefined) {
    return `the volume is marked for deletion ${JSON.stringify(volume.metadata.name)}`
  }
  if (compareQuantities(capacityOf(volume), requestOf(claim)) < 0) return 'requested PV is too small'
  if (classOfVolume(volume) !== classOfClaim(claim)) return 'storageClassName does not match'
  if (differInAttributes(volume, claim)) return 'volumeAttributesClassName does not match'
  if (differInMode(volume, claim)) return 'incompatible volumeMode'
  return allowsAccess(volume, claim) ? undefined : 'incompatible accessMode'
}

export interface Candidates {
  /** Volumes whose `claimRef` names the claim. */
  readonly reserved: readonly PersistentVolume[]
  /** Volumes of the claim's class that are nobody's. */
  readonly free: readonly PersistentVolume[]
  /** Labels of the node that a pod of the claim would run on; absent: any node will do. */
  readonly nodeLabels?: Readonly<Record<string, string>>
}

/**
 * The volume that a claim should get: one that is reserved for it, else the smallest that fits. While no node is chosen,
 * volumes with few access modes come before those that can do more.
 */
export function findVolume(claim: PersistentVolumeClaim, candidates: Candidates): PersistentVolume | undefined {
  const { reserved, free, nodeLabels } = candidates
  const isReachable = (volume: PersistentVolume): boolean =>
    nodeLabels === undefined || isUsableFrom(volume, nodeLabels)
  const own = reserved.find((volume) => isReservedFor(volume, claim) && isLargeEnough(volume, claim))
  if (own !== undefined) return isReachable(own) ? own : undefined
  let best: PersistentVolume | undefined
  for (const volume of free) {
    if (!isFree(volume) || classOfVolume(volume) !== classOfClaim(claim)) continue
    if (!isLargeEnough(volume, claim) || (best !== undefined && !isBetter(volume, best, nodeLabels === undefined))) {
      continue
    }
    if (!matchesLabelsOf(volume, claim) || !isReachable(volume)) continue
    best = volume
  }
  return best
}

/** Whether a volume waits for a claim, whichever. */
export function isFree({ metadata, spec, status }: PersistentVolume): boolean {
  return spec.claimRef === undefined && status?.phase === 'Available' && metadata.deletionTimestamp === undefined
}

/** The key of the claim that a volume names, as values of an index; none for a volume that names none. */
export function reservingClaims({ spec: { claimRef } }: PersistentVolume): readonly string[] {
  return claimRef === undefined ? [] : [`${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`]
}

/** The class in which a volume waits for a claim, as values of an index; none for one that does not wait. */
export function freeClasses(volume: PersistentVolume): readonly string[] {
  return isFree(volume) ? [classOfVolume(volume)] : []
}

function isLargeEnough(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (
    compareQuantities(capacityOf(volume), requestOf(claim)) >= 0 &&
    !differInMode(volume, claim) &&
    !differInAttributes(volume, claim) &&
    allowsAccess(volume, claim) &&
    volume.metadata.deletionTimestamp === undefined
  )
}

function isBetter(volume: PersistentVolume, other: PersistentVolume, sparesModes: boolean): boolean {
  const modes = (each: PersistentVolume): number => each.spec.accessModes?.length ?? 0
  if (sparesModes && modes(volume) !== modes(other)) return modes(volume) < modes(other)
  return compareQuantities(capacityOf(volume), capacityOf(other)) < 0
}

function matchesLabelsOf(volume: PersistentVolume, { spec }: PersistentVolumeClaim): boolean {
  return spec.selector === undefined || matchesLabelSelector(spec.selector, volume.metadata.labels)
}

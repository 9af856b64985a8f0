import type { Node } from '#api/core/v1/node.ts'
import { persistentVolumeClaims, type PersistentVolumeClaim } from '#api/core/v1/persistentVolumeClaim.ts'
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import type { StorageClass } from '#api/storage/v1/storageClass.ts'
import type { Draft } from '#client/client.ts'
import { referenceTo } from '#client/events.ts'
import {
  directoryOf,
  directoryRemoved,
  hostnameLabel,
  isProvisionedDirectory,
  localProvisioner,
  nodeAnnotation,
  nodeOfDirectory,
} from '#machinery/localVolumes.ts'
import {
  provisionedBy,
  provisionerFinalizer,
  requestOf,
  selectedNode,
  storageProvisioner,
} from '#machinery/volumeBinding.ts'

export type ProvisionPlan =
  | { readonly do: 'nothing' }
  | { readonly do: 'create'; readonly volume: Draft<PersistentVolume> }
  /** It cannot be made. `reschedule`: another node may do. */
  | { readonly do: 'refuse'; readonly problem: string; readonly remedy: string; readonly reschedule?: true }

/** What there is beside a claim. */
export interface ProvisionSurroundings {
  readonly storageClass: StorageClass | undefined
  nodeOf(name: string): Node | undefined
  /** The folder for the directories of a node. */
  folderOf(node: string): string
}

/** The name of the volume that is made for a claim: always the same one, so that it is made once. */
export const volumeNameFor = ({ metadata }: PersistentVolumeClaim): string => `pvc-${metadata.uid ?? ''}`

/** Whether this provisioner shall make a volume for a claim. */
export function isAskedFor({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (
    metadata.annotations?.[storageProvisioner] === localProvisioner &&
    (spec.volumeName ?? '') === '' &&
    metadata.deletionTimestamp === undefined
  )
}

/** Decides about the directory for a claim. */
export function planProvisioning(claim: PersistentVolumeClaim, around: ProvisionSurroundings): ProvisionPlan {
  const { storageClass } = around
  if (!isAskedFor(claim) || storageClass?.provisioner !== localProvisioner) return { do: 'nothing' }
  const refusal = refusalOf(claim)
  if (refusal !== undefined) return { do: 'refuse', ...refusal }
  const nodeName = claim.metadata.annotations?.[selectedNode]
  if (nodeName === undefined) {
    // The scheduler chooses again.
    if (storageClass.volumeBindingMode === 'WaitForFirstConsumer') return { do: 'nothing' }
    return {
      do: 'refuse',
      problem: 'no node was chosen, and a directory belongs to one',
      remedy: 'Use a storage class with volumeBindingMode: WaitForFirstConsumer',
    }
  }
  const node = around.nodeOf(nodeName)
  if (node === undefined) {
    const problem = `failed to get target node: nodes ${JSON.stringify(nodeName)} not found`
    return { do: 'refuse', problem, remedy: 'Wait until the pod is given another node', reschedule: true }
  }
  return { do: 'create', volume: volumeFor(claim, storageClass, node, around.folderOf(nodeName)) }
}

const accessModes: ReadonlySet<string> = new Set(['ReadWriteOnce', 'ReadWriteOncePod'])

function refusalOf({ spec }: PersistentVolumeClaim): { readonly problem: string; readonly remedy: string } | undefined {
  if (spec.volumeMode === 'Block') {
    return {
      problem: `${localProvisioner} makes directories and no block devices`,
      remedy: 'Make a claim with volumeMode: Filesystem',
    }
  }
  if (spec.accessModes?.some((mode) => !accessModes.has(mode))) {
    return {
      problem: `${localProvisioner} only supports the access modes ReadWriteOnce and ReadWriteOncePod`,
      remedy: 'Make a claim with one of these modes, or use another storage class',
    }
  }
  if (spec.selector !== undefined) {
    return { problem: 'claim.spec.selector is not supported', remedy: 'Make a claim without a selector' }
  }
  if (spec.dataSource === undefined && spec.dataSourceRef === undefined) return undefined
  return {
    problem: `${localProvisioner} makes empty directories and cannot fill them from a data source`,
    remedy: 'Make a claim without a data source',
  }
}

function volumeFor(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  node: Node,
  folder: string,
): Draft<PersistentVolume> {
  const name = volumeNameFor(claim)
  const { reclaimPolicy = 'Delete', mountOptions } = storageClass
  const hostname = node.metadata.labels?.[hostnameLabel] ?? node.metadata.name
  return {
    metadata: {
      name,
      annotations: { [provisionedBy]: localProvisioner, [nodeAnnotation]: node.metadata.name },
      ...(reclaimPolicy === 'Delete' ? { finalizers: [provisionerFinalizer] } : {}),
    },
    spec: {
      accessModes: [...(claim.spec.accessModes ?? [])],
      capacity: { storage: requestOf(claim) },
      claimRef: referenceTo(persistentVolumeClaims, claim),
      local: { path: directoryOf(folder, { metadata: { name } }) },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: hostnameLabel, operator: 'In', values: [hostname] }] }],
        },
      },
      persistentVolumeReclaimPolicy: reclaimPolicy,
      storageClassName: storageClass.metadata.name,
      volumeMode: 'Filesystem',
      ...(mountOptions === undefined ? {} : { mountOptions }),
    },
  }
}

export type ReclaimPlan =
  | { readonly do: 'nothing' }
  /** Its directory shall outlive it, or shall not any more: it is kept back accordingly. */
  | { readonly do: 'setFinalizers'; readonly finalizers: readonly string[] }
  /** The directory is gone, and so the volume may be. */
  | { readonly do: 'delete' }
  /** Nobody can remove the directory. */
  | { readonly do: 'lament'; readonly node: string }

/** Decides about a volume that was made here. */
export function planReclaim(volume: PersistentVolume, isThere: (node: string) => boolean): ReclaimPlan {
  if (!isProvisionedDirectory(volume)) return { do: 'nothing' }
  const { finalizers = [], deletionTimestamp } = volume.metadata
  const isHeld = finalizers.includes(provisionerFinalizer)
  const others = finalizers.filter((each) => each !== provisionerFinalizer)
  if (volume.spec.persistentVolumeReclaimPolicy !== 'Delete') {
    return isHeld ? { do: 'setFinalizers', finalizers: others } : { do: 'nothing' }
  }
  const { phase, reason } = volume.status ?? {}
  const isRemoved = phase === 'Released' && reason === directoryRemoved
  if (isRemoved && deletionTimestamp === undefined) return { do: 'delete' }
  if (isRemoved) return isHeld ? { do: 'setFinalizers', finalizers: others } : { do: 'nothing' }
  if (!isHeld && deletionTimestamp === undefined) {
    return { do: 'setFinalizers', finalizers: [...finalizers, provisionerFinalizer] }
  }
  const node = nodeOfDirectory(volume)
  return phase === 'Released' && node !== undefined && !isThere(node) ? { do: 'lament', node } : { do: 'nothing' }
}

// Directories of nodes that are made for claims: what the provisioner, the kubelet and the part that removes them agree on.
import type { PersistentVolume } from '#api/core/v1/persistentVolume.ts'
import { provisionedBy } from './volumeBinding.ts'

/** The provisioner of directories on nodes. */
export const localProvisioner = 'k8ts.dev/local'

/** The class that every cluster begins with: a claim gets a directory of the node of its first pod. */
export const standardStorageClass = {
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: localProvisioner,
  reclaimPolicy: 'Delete',
  volumeBindingMode: 'WaitForFirstConsumer',
  // Directories have no limit of their own: a larger one is only said to be larger.
  allowVolumeExpansion: true,
} as const

export const hostnameLabel = 'kubernetes.io/hostname'

/** Noted in the status of a released volume by the node that had its directory: that is gone. */
export const directoryRemoved = 'DirectoryRemoved'

/** Whether a volume is a directory that was made for a claim. */
export function isProvisionedDirectory({ metadata, spec }: PersistentVolume): boolean {
  return metadata.annotations?.[provisionedBy] === localProvisioner && spec.local !== undefined
}

/** On such a volume: the name of the node that has the directory. Its host name stands in the volume's node affinity. */
export const nodeAnnotation = 'k8ts.dev/node'

/** The node that has the directory of a volume. */
export function nodeOfDirectory(volume: PersistentVolume): string | undefined {
  return isProvisionedDirectory(volume) ? volume.metadata.annotations?.[nodeAnnotation] : undefined
}

/** The folder for the directories of a node, where a cluster has none of its own. */
export const usualVolumeFolder = (node: string): string => `/var/lib/k8ts/volumes/${node}`

/** Where the directory of a volume must be, below the folder of its node: nothing else is made, and nothing else removed. */
export function directoryOf(folder: string, { metadata }: Pick<PersistentVolume, 'metadata'>): string {
  return `${folder}/${metadata.name}`
}

/** As whom the part of a node that removes directories acts: each node's is a user of its own, all are of one group. */
export const removerGroup = 'k8ts:node-volumes'

export const removerOf = (node: string): string => `${removerGroup}:${node}`

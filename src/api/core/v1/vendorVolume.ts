import type { int32 } from '#api/scalars.ts'
import type { LocalObjectReference, ObjectReference, SecretReference } from './reference.ts'

export interface AWSElasticBlockStoreVolumeSource {
  volumeID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  partition?: int32
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface GCEPersistentDiskVolumeSource {
  pdName: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  partition?: int32
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface AzureDiskVolumeSource {
  diskName: string
  diskURI: string
  /** @default ReadWrite */
  cachingMode?: AzureDataDiskCachingMode
  /** The file system to mount, such as `ext4`; the default depends on the driver. @default ext4 */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. @default false */
  readOnly?: boolean
  /** @default Shared */
  kind?: AzureDataDiskKind
}

export interface AzureFileVolumeSource {
  secretName: string
  shareName: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface AzureFilePersistentVolumeSource {
  secretName: string
  shareName: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  secretNamespace?: string
}

export interface CinderVolumeSource {
  volumeID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
}

export interface CinderPersistentVolumeSource {
  volumeID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
}

export interface VsphereVirtualDiskVolumeSource {
  /** Path that names the volume at the provider. */
  volumePath: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  storagePolicyName?: string
  storagePolicyID?: string
}

export interface PhotonPersistentDiskVolumeSource {
  pdID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
}

export interface PortworxVolumeSource {
  volumeID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface QuobyteVolumeSource {
  registry: string
  volume: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  user?: string
  group?: string
  tenant?: string
}

export interface FlockerVolumeSource {
  datasetName?: string
  datasetUUID?: string
}

export interface ScaleIOVolumeSource {
  gateway: string
  system: string
  /** The Secret with the credentials for the storage. */
  secretRef: LocalObjectReference
  sslEnabled?: boolean
  protectionDomain?: string
  storagePool?: string
  /** @default ThinProvisioned */
  storageMode?: string
  volumeName?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. @default xfs */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface ScaleIOPersistentVolumeSource {
  gateway: string
  system: string
  /** The Secret with the credentials for the storage. */
  secretRef: SecretReference
  sslEnabled?: boolean
  protectionDomain?: string
  storagePool?: string
  /** @default ThinProvisioned */
  storageMode?: string
  volumeName?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. @default xfs */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface StorageOSVolumeSource {
  volumeName?: string
  volumeNamespace?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
}

export interface StorageOSPersistentVolumeSource {
  volumeName?: string
  volumeNamespace?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: ObjectReference
}

export type AzureDataDiskCachingMode = 'None' | 'ReadOnly' | 'ReadWrite'

export type AzureDataDiskKind = 'Shared' | 'Dedicated' | 'Managed'

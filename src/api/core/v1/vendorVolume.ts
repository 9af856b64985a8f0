import type { int32 } from '#api/scalars.ts'
import type { LocalObjectReference, ObjectReference, SecretReference } from './reference.ts'

export interface AWSElasticBlockStoreVolumeSource {
  volumeID: string
  fsType?: string
  partition?: int32
  readOnly?: boolean
}

export interface GCEPersistentDiskVolumeSource {
  pdName: string
  fsType?: string
  partition?: int32
  readOnly?: boolean
}

export interface AzureDiskVolumeSource {
  diskName: string
  diskURI: string
  /** @default ReadWrite */
  cachingMode?: AzureDataDiskCachingMode
  /** @default ext4 */
  fsType?: string
  /** @default false */
  readOnly?: boolean
  /** @default Shared */
  kind?: AzureDataDiskKind
}

export interface AzureFileVolumeSource {
  secretName: string
  shareName: string
  readOnly?: boolean
}

export interface AzureFilePersistentVolumeSource {
  secretName: string
  shareName: string
  readOnly?: boolean
  secretNamespace?: string
}

export interface CinderVolumeSource {
  volumeID: string
  fsType?: string
  readOnly?: boolean
  secretRef?: LocalObjectReference
}

export interface CinderPersistentVolumeSource {
  volumeID: string
  fsType?: string
  readOnly?: boolean
  secretRef?: SecretReference
}

export interface VsphereVirtualDiskVolumeSource {
  volumePath: string
  fsType?: string
  storagePolicyName?: string
  storagePolicyID?: string
}

export interface PhotonPersistentDiskVolumeSource {
  pdID: string
  fsType?: string
}

export interface PortworxVolumeSource {
  volumeID: string
  fsType?: string
  readOnly?: boolean
}

export interface QuobyteVolumeSource {
  registry: string
  volume: string
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
  secretRef: LocalObjectReference
  sslEnabled?: boolean
  protectionDomain?: string
  storagePool?: string
  /** @default ThinProvisioned */
  storageMode?: string
  volumeName?: string
  /** @default xfs */
  fsType?: string
  readOnly?: boolean
}

export interface ScaleIOPersistentVolumeSource {
  gateway: string
  system: string
  secretRef: SecretReference
  sslEnabled?: boolean
  protectionDomain?: string
  storagePool?: string
  /** @default ThinProvisioned */
  storageMode?: string
  volumeName?: string
  /** @default xfs */
  fsType?: string
  readOnly?: boolean
}

export interface StorageOSVolumeSource {
  volumeName?: string
  volumeNamespace?: string
  fsType?: string
  readOnly?: boolean
  secretRef?: LocalObjectReference
}

export interface StorageOSPersistentVolumeSource {
  volumeName?: string
  volumeNamespace?: string
  fsType?: string
  readOnly?: boolean
  secretRef?: ObjectReference
}

export type AzureDataDiskCachingMode = 'None' | 'ReadOnly' | 'ReadWrite'

export type AzureDataDiskKind = 'Shared' | 'Dedicated' | 'Managed'

// Volumes of single providers. Nodes serve them through CSI drivers or not at all; the shapes stay so that objects remain valid.
import type { int32 } from '#api/scalars.ts'
import type { LocalObjectReference, ObjectReference, SecretReference } from './reference.ts'

/** A disk of Amazon EBS. */
export interface AWSElasticBlockStoreVolumeSource {
  /** The disk. */
  volumeID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The partition to mount; the whole disk when absent. */
  partition?: int32
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A disk of Google Compute Engine. */
export interface GCEPersistentDiskVolumeSource {
  /** The disk. */
  pdName: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The partition to mount; the whole disk when absent. */
  partition?: int32
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A disk of Azure. */
export interface AzureDiskVolumeSource {
  /** The disk. */
  diskName: string
  /** Its address in the storage. */
  diskURI: string
  /** What the host caches. @default ReadWrite */
  cachingMode?: AzureDataDiskCachingMode
  /** The file system to mount, such as `ext4`; the default depends on the driver. @default ext4 */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. @default false */
  readOnly?: boolean
  /** How the disk is kept. @default Shared */
  kind?: AzureDataDiskKind
}

/** A share of Azure Files, as a pod names it. */
export interface AzureFileVolumeSource {
  /** The Secret with account and key. */
  secretName: string
  /** The share. */
  shareName: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A share of Azure Files, as a PersistentVolume names it. */
export interface AzureFilePersistentVolumeSource {
  /** The Secret with account and key. */
  secretName: string
  /** The share. */
  shareName: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The namespace of the Secret; that of the claim when absent. */
  secretNamespace?: string
}

/** A disk of OpenStack Cinder, as a pod names it. */
export interface CinderVolumeSource {
  /** The disk. */
  volumeID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
}

/** A disk of OpenStack Cinder, as a PersistentVolume names it. */
export interface CinderPersistentVolumeSource {
  /** The disk. */
  volumeID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
}

/** A disk of vSphere. */
export interface VsphereVirtualDiskVolumeSource {
  /** The path of the disk in its datastore. */
  volumePath: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The storage policy by name. */
  storagePolicyName?: string
  /** The storage policy by id. */
  storagePolicyID?: string
}

/** A disk of Photon. */
export interface PhotonPersistentDiskVolumeSource {
  /** The disk. */
  pdID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
}

/** A volume of Portworx. */
export interface PortworxVolumeSource {
  /** The volume. */
  volumeID: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A volume of Quobyte. */
export interface QuobyteVolumeSource {
  /** The registry services, as addresses with ports, joined by commas. */
  registry: string
  /** The volume. */
  volume: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The user to mount as; that of the service when absent. */
  user?: string
  /** The group to mount as; none when absent. */
  group?: string
  /** The tenant that owns the volume. */
  tenant?: string
}

/** A dataset of Flocker. */
export interface FlockerVolumeSource {
  /** The dataset by name. */
  datasetName?: string
  /** The dataset by id. */
  datasetUUID?: string
}

/** A volume of ScaleIO, as a pod names it. */
export interface ScaleIOVolumeSource {
  /** The address of the gateway. */
  gateway: string
  /** The storage system. */
  system: string
  /** The Secret with the credentials for the storage. */
  secretRef: LocalObjectReference
  /** Talks to the gateway over TLS. */
  sslEnabled?: boolean
  /** The protection domain of the storage. */
  protectionDomain?: string
  /** The pool of the storage. */
  storagePool?: string
  /** Whether space is set aside at once: `ThickProvisioned` or `ThinProvisioned`. @default ThinProvisioned */
  storageMode?: string
  /** The volume. */
  volumeName?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. @default xfs */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A volume of ScaleIO, as a PersistentVolume names it. */
export interface ScaleIOPersistentVolumeSource {
  /** The address of the gateway. */
  gateway: string
  /** The storage system. */
  system: string
  /** The Secret with the credentials for the storage. */
  secretRef: SecretReference
  /** Talks to the gateway over TLS. */
  sslEnabled?: boolean
  /** The protection domain of the storage. */
  protectionDomain?: string
  /** The pool of the storage. */
  storagePool?: string
  /** Whether space is set aside at once: `ThickProvisioned` or `ThinProvisioned`. @default ThinProvisioned */
  storageMode?: string
  /** The volume. */
  volumeName?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. @default xfs */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A volume of StorageOS, as a pod names it. */
export interface StorageOSVolumeSource {
  /** The volume. */
  volumeName?: string
  /** The namespace of the volume in StorageOS; the pod's when absent. */
  volumeNamespace?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
}

/** A volume of StorageOS, as a PersistentVolume names it. */
export interface StorageOSPersistentVolumeSource {
  /** The volume. */
  volumeName?: string
  /** The namespace of the volume in StorageOS; the pod's when absent. */
  volumeNamespace?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: ObjectReference
}

/** What the host caches of a disk. */
export type AzureDataDiskCachingMode = 'None' | 'ReadOnly' | 'ReadWrite'

/** Whether disks share a storage account, have their own, or are managed. */
export type AzureDataDiskKind = 'Dedicated' | 'Managed' | 'Shared'

import type { int32 } from '#api/scalars.ts'
import type { LocalObjectReference, SecretReference } from './reference.ts'

export interface NFSVolumeSource {
  server: string
  path: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface ISCSIVolumeSource {
  targetPortal: string
  iqn: string
  lun: int32
  /** @default default */
  iscsiInterface?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  portals?: string[]
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
  initiatorName?: string
}

export interface ISCSIPersistentVolumeSource {
  targetPortal: string
  iqn: string
  lun: int32
  /** @default default */
  iscsiInterface?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  portals?: string[]
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
  initiatorName?: string
}

export interface FCVolumeSource {
  targetWWNs?: string[]
  lun?: int32
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  wwids?: string[]
}

export interface RBDVolumeSource {
  monitors: string[]
  image: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** @default rbd */
  pool?: string
  /** @default admin */
  user?: string
  /** @default /etc/ceph/keyring */
  keyring?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface RBDPersistentVolumeSource {
  monitors: string[]
  image: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** @default rbd */
  pool?: string
  /** @default admin */
  user?: string
  /** @default /etc/ceph/keyring */
  keyring?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface CephFSVolumeSource {
  monitors: string[]
  path?: string
  user?: string
  secretFile?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface CephFSPersistentVolumeSource {
  monitors: string[]
  path?: string
  user?: string
  secretFile?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface GlusterfsVolumeSource {
  endpoints: string
  path: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface GlusterfsPersistentVolumeSource {
  endpoints: string
  path: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  endpointsNamespace?: string
}

export interface FlexVolumeSource {
  driver: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  options?: Record<string, string>
}

export interface FlexPersistentVolumeSource {
  driver: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  options?: Record<string, string>
}

export interface GitRepoVolumeSource {
  repository: string
  revision?: string
  directory?: string
}

import type { int32 } from '#api/scalars.ts'
import type { LocalObjectReference, SecretReference } from './reference.ts'

export interface NFSVolumeSource {
  server: string
  path: string
  readOnly?: boolean
}

export interface ISCSIVolumeSource {
  targetPortal: string
  iqn: string
  lun: int32
  /** @default default */
  iscsiInterface?: string
  fsType?: string
  readOnly?: boolean
  portals?: string[]
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  secretRef?: LocalObjectReference
  initiatorName?: string
}

export interface ISCSIPersistentVolumeSource {
  targetPortal: string
  iqn: string
  lun: int32
  /** @default default */
  iscsiInterface?: string
  fsType?: string
  readOnly?: boolean
  portals?: string[]
  chapAuthDiscovery?: boolean
  chapAuthSession?: boolean
  secretRef?: SecretReference
  initiatorName?: string
}

export interface FCVolumeSource {
  targetWWNs?: string[]
  lun?: int32
  fsType?: string
  readOnly?: boolean
  wwids?: string[]
}

export interface RBDVolumeSource {
  monitors: string[]
  image: string
  fsType?: string
  /** @default rbd */
  pool?: string
  /** @default admin */
  user?: string
  /** @default /etc/ceph/keyring */
  keyring?: string
  secretRef?: LocalObjectReference
  readOnly?: boolean
}

export interface RBDPersistentVolumeSource {
  monitors: string[]
  image: string
  fsType?: string
  /** @default rbd */
  pool?: string
  /** @default admin */
  user?: string
  /** @default /etc/ceph/keyring */
  keyring?: string
  secretRef?: SecretReference
  readOnly?: boolean
}

export interface CephFSVolumeSource {
  monitors: string[]
  path?: string
  user?: string
  secretFile?: string
  secretRef?: LocalObjectReference
  readOnly?: boolean
}

export interface CephFSPersistentVolumeSource {
  monitors: string[]
  path?: string
  user?: string
  secretFile?: string
  secretRef?: SecretReference
  readOnly?: boolean
}

export interface GlusterfsVolumeSource {
  endpoints: string
  path: string
  readOnly?: boolean
}

export interface GlusterfsPersistentVolumeSource {
  endpoints: string
  path: string
  readOnly?: boolean
  endpointsNamespace?: string
}

export interface FlexVolumeSource {
  driver: string
  fsType?: string
  secretRef?: LocalObjectReference
  readOnly?: boolean
  options?: Record<string, string>
}

export interface FlexPersistentVolumeSource {
  driver: string
  fsType?: string
  secretRef?: SecretReference
  readOnly?: boolean
  options?: Record<string, string>
}

export interface GitRepoVolumeSource {
  repository: string
  revision?: string
  directory?: string
}

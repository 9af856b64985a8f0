// Volumes reached over the network with common protocols, and the sources of old plugins that work without a provider.
import type { int32 } from '#api/scalars.ts'
import type { LocalObjectReference, SecretReference } from './reference.ts'

/** A folder of an NFS server. */
export interface NFSVolumeSource {
  /** The server's host name or address. */
  server: string
  /** The folder that it exports. */
  path: string
  /** Mounts the folder without the right to write; false unless set. */
  readOnly?: boolean
}

/** A disk reached over iSCSI, as a pod names it. */
export interface ISCSIVolumeSource {
  /** The portal, as an address with an optional port. */
  targetPortal: string
  /** The name of the target. */
  iqn: string
  /** The number of the unit on the target. */
  lun: int32
  /** The interface to use; `default` means TCP. @default default */
  iscsiInterface?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** Further portals of the same target. */
  portals?: string[]
  /** Authenticates the discovery with CHAP. */
  chapAuthDiscovery?: boolean
  /** Authenticates the session with CHAP. */
  chapAuthSession?: boolean
  /** The Secret for CHAP. */
  secretRef?: LocalObjectReference
  /** Replaces the name of the initiator; makes an interface of its own. */
  initiatorName?: string
}

/** A disk reached over iSCSI, as a PersistentVolume names it. */
export interface ISCSIPersistentVolumeSource {
  /** The portal, as an address with an optional port. */
  targetPortal: string
  /** The name of the target. */
  iqn: string
  /** The number of the unit on the target. */
  lun: int32
  /** The interface to use; `default` means TCP. @default default */
  iscsiInterface?: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** Further portals of the same target. */
  portals?: string[]
  /** Authenticates the discovery with CHAP. */
  chapAuthDiscovery?: boolean
  /** Authenticates the session with CHAP. */
  chapAuthSession?: boolean
  /** The Secret for CHAP. */
  secretRef?: SecretReference
  /** Replaces the name of the initiator; makes an interface of its own. */
  initiatorName?: string
}

/** A disk reached over Fibre Channel, by target and unit or by world-wide id. */
export interface FCVolumeSource {
  /** World-wide names of the targets. */
  targetWWNs?: string[]
  /** The number of the unit on the target. */
  lun?: int32
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** World-wide ids of the disk; instead of target and unit. */
  wwids?: string[]
}

/** An image of Ceph RBD, as a pod names it. */
export interface RBDVolumeSource {
  /** Addresses of the Ceph monitors. */
  monitors: string[]
  /** The image. */
  image: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The pool of the image. @default rbd */
  pool?: string
  /** The Ceph user. @default admin */
  user?: string
  /** The key file of the user on the node; `secretRef` wins. @default /etc/ceph/keyring */
  keyring?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** An image of Ceph RBD, as a PersistentVolume names it. */
export interface RBDPersistentVolumeSource {
  /** Addresses of the Ceph monitors. */
  monitors: string[]
  /** The image. */
  image: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The pool of the image. @default rbd */
  pool?: string
  /** The Ceph user. @default admin */
  user?: string
  /** The key file of the user on the node; `secretRef` wins. @default /etc/ceph/keyring */
  keyring?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A folder of CephFS, as a pod names it. */
export interface CephFSVolumeSource {
  /** Addresses of the Ceph monitors. */
  monitors: string[]
  /** The folder to mount; the root when absent. */
  path?: string
  /** The Ceph user; `admin` when absent. */
  user?: string
  /** The key file of the user on the node. */
  secretFile?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A folder of CephFS, as a PersistentVolume names it. */
export interface CephFSPersistentVolumeSource {
  /** Addresses of the Ceph monitors. */
  monitors: string[]
  /** The folder to mount; the root when absent. */
  path?: string
  /** The Ceph user; `admin` when absent. */
  user?: string
  /** The key file of the user on the node. */
  secretFile?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A volume of Gluster, as a pod names it. */
export interface GlusterfsVolumeSource {
  /** The Endpoints object with the servers. */
  endpoints: string
  /** The volume. */
  path: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

/** A volume of Gluster, as a PersistentVolume names it. */
export interface GlusterfsPersistentVolumeSource {
  /** The Endpoints object with the servers. */
  endpoints: string
  /** The volume. */
  path: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The namespace of the Endpoints object; that of the claim when absent. */
  endpointsNamespace?: string
}

/** A volume of an exec-based plugin, as a pod names it. */
export interface FlexVolumeSource {
  /** The plugin. */
  driver: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: LocalObjectReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** Settings that the plugin knows. */
  options?: Record<string, string>
}

/** A volume of an exec-based plugin, as a PersistentVolume names it. */
export interface FlexPersistentVolumeSource {
  /** The plugin. */
  driver: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  /** The Secret with the credentials for the storage. */
  secretRef?: SecretReference
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** Settings that the plugin knows. */
  options?: Record<string, string>
}

/** A clone of a git repository. */
export interface GitRepoVolumeSource {
  /** Its address. */
  repository: string
  /** The commit to check out. */
  revision?: string
  /** The folder for the clone; `.` puts it into the volume itself. */
  directory?: string
}

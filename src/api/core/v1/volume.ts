import type { ObjectMeta } from '#api/meta/v1/objectMeta.ts'
import type { Quantity } from '#api/scalars.ts'
import type { PullPolicy } from './container.ts'
import type {
  CephFSVolumeSource,
  FCVolumeSource,
  FlexVolumeSource,
  GitRepoVolumeSource,
  GlusterfsVolumeSource,
  ISCSIVolumeSource,
  NFSVolumeSource,
  RBDVolumeSource,
} from './networkVolume.ts'
import type { PersistentVolumeClaimSpec } from './persistentVolumeClaim.ts'
import type {
  ConfigMapVolumeSource,
  DownwardAPIVolumeSource,
  ProjectedVolumeSource,
  SecretVolumeSource,
} from './projectedVolume.ts'
import type { LocalObjectReference } from './reference.ts'
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  AzureFileVolumeSource,
  CinderVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  ScaleIOVolumeSource,
  StorageOSVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from './vendorVolume.ts'

export interface Volume {
  name: string
  hostPath?: HostPathVolumeSource
  emptyDir?: EmptyDirVolumeSource
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  gitRepo?: GitRepoVolumeSource
  secret?: SecretVolumeSource
  nfs?: NFSVolumeSource
  iscsi?: ISCSIVolumeSource
  glusterfs?: GlusterfsVolumeSource
  persistentVolumeClaim?: PersistentVolumeClaimVolumeSource
  rbd?: RBDVolumeSource
  flexVolume?: FlexVolumeSource
  cinder?: CinderVolumeSource
  cephfs?: CephFSVolumeSource
  flocker?: FlockerVolumeSource
  downwardAPI?: DownwardAPIVolumeSource
  fc?: FCVolumeSource
  azureFile?: AzureFileVolumeSource
  configMap?: ConfigMapVolumeSource
  vsphereVolume?: VsphereVirtualDiskVolumeSource
  quobyte?: QuobyteVolumeSource
  azureDisk?: AzureDiskVolumeSource
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  projected?: ProjectedVolumeSource
  portworxVolume?: PortworxVolumeSource
  scaleIO?: ScaleIOVolumeSource
  storageos?: StorageOSVolumeSource
  csi?: CSIVolumeSource
  ephemeral?: EphemeralVolumeSource
  image?: ImageVolumeSource
}

export interface EmptyDirVolumeSource {
  medium?: string
  sizeLimit?: Quantity
}

export interface HostPathVolumeSource {
  path: string
  /** @default "" */
  type?: HostPathType
}

export interface PersistentVolumeClaimVolumeSource {
  claimName: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
}

export interface EphemeralVolumeSource {
  volumeClaimTemplate?: PersistentVolumeClaimTemplate
}

export interface PersistentVolumeClaimTemplate {
  /** Name, labels, owners and what else every object carries. */
  metadata?: Partial<ObjectMeta>
  /** @default {} */
  spec: PersistentVolumeClaimSpec
}

export interface ImageVolumeSource {
  reference?: string
  pullPolicy?: PullPolicy
}

export interface CSIVolumeSource {
  driver: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  volumeAttributes?: Record<string, string>
  nodePublishSecretRef?: LocalObjectReference
}

export type HostPathType =
  | ''
  | 'DirectoryOrCreate'
  | 'Directory'
  | 'FileOrCreate'
  | 'File'
  | 'Socket'
  | 'CharDevice'
  | 'BlockDevice'

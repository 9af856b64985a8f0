// The volumes of a pod: common sources here, files made from the API in projectedVolume.ts, storage systems in networkVolume.ts and vendorVolume.ts.
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

/** Storage that the containers of a pod can mount; exactly one source must be set, an empty folder when none is. */
export interface Volume {
  /** Unique in the pod; a DNS label. */
  name: string
  /** A file or folder of the node. */
  hostPath?: HostPathVolumeSource
  /** An empty folder that lives as long as the pod. */
  emptyDir?: EmptyDirVolumeSource
  /** A disk of Google Compute Engine; served through its CSI driver. */
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  /** A disk of Amazon EBS; served through its CSI driver. */
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  /** A clone of a git repository; no longer supported. */
  gitRepo?: GitRepoVolumeSource
  /** The entries of a Secret as files. */
  secret?: SecretVolumeSource
  /** A folder of an NFS server. */
  nfs?: NFSVolumeSource
  /** A disk reached over iSCSI. */
  iscsi?: ISCSIVolumeSource
  /** A volume of Gluster; no longer supported. */
  glusterfs?: GlusterfsVolumeSource
  /** A PersistentVolumeClaim in the pod's namespace. */
  persistentVolumeClaim?: PersistentVolumeClaimVolumeSource
  /** An image of Ceph RBD; no longer supported. */
  rbd?: RBDVolumeSource
  /** A volume of an exec-based plugin; superseded by CSI. */
  flexVolume?: FlexVolumeSource
  /** A disk of OpenStack Cinder; served through its CSI driver. */
  cinder?: CinderVolumeSource
  /** A folder of CephFS; no longer supported. */
  cephfs?: CephFSVolumeSource
  /** A dataset of Flocker; no longer supported. */
  flocker?: FlockerVolumeSource
  /** Fields of the pod as files. */
  downwardAPI?: DownwardAPIVolumeSource
  /** A disk reached over Fibre Channel. */
  fc?: FCVolumeSource
  /** A share of Azure Files; served through its CSI driver. */
  azureFile?: AzureFileVolumeSource
  /** The entries of a ConfigMap as files. */
  configMap?: ConfigMapVolumeSource
  /** A disk of vSphere; served through its CSI driver. */
  vsphereVolume?: VsphereVirtualDiskVolumeSource
  /** A volume of Quobyte; no longer supported. */
  quobyte?: QuobyteVolumeSource
  /** A disk of Azure; served through its CSI driver. */
  azureDisk?: AzureDiskVolumeSource
  /** A disk of Photon; no longer supported. */
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  /** Several sources in one folder. */
  projected?: ProjectedVolumeSource
  /** A volume of Portworx; served through its CSI driver. */
  portworxVolume?: PortworxVolumeSource
  /** A volume of ScaleIO; no longer supported. */
  scaleIO?: ScaleIOVolumeSource
  /** A volume of StorageOS; no longer supported. */
  storageos?: StorageOSVolumeSource
  /** Storage that a CSI driver makes for this pod alone. */
  csi?: CSIVolumeSource
  /** A claim that is made for this pod and removed with it. */
  ephemeral?: EphemeralVolumeSource
  /** The files of an image or artifact, read-only. */
  image?: ImageVolumeSource
}

/** An empty folder that lives as long as the pod. */
export interface EmptyDirVolumeSource {
  /** Where it is kept: the node's disk when empty, `Memory`, or `HugePages` with an optional size. */
  medium?: string
  /** How much it may hold before the pod is evicted; no limit when absent. */
  sizeLimit?: Quantity
}

/** A file or folder of the node. */
export interface HostPathVolumeSource {
  /** Its path on the node; links are followed. */
  path: string
  /** What has to be there, and what is made when it is not. @default "" */
  type?: HostPathType
}

/** A PersistentVolumeClaim in the pod's namespace. */
export interface PersistentVolumeClaimVolumeSource {
  /** The claim. */
  claimName: string
  /** Forbids writing for all containers; false unless set. */
  readOnly?: boolean
}

/** A claim that is made for a pod and removed with it. */
export interface EphemeralVolumeSource {
  /** The claim to make; it is called like the pod and the volume, joined by a hyphen. */
  volumeClaimTemplate?: PersistentVolumeClaimTemplate
}

/** A claim to make for a pod. */
export interface PersistentVolumeClaimTemplate {
  /** Labels and annotations of the claim; nothing else is allowed. */
  metadata?: Partial<ObjectMeta>
  /** What the claim asks for. @default {} */
  spec: PersistentVolumeClaimSpec
}

/** The files of an image or artifact. */
export interface ImageVolumeSource {
  /** The image, as a registry path with a tag or digest. */
  reference?: string
  /** When it is pulled; `Always` for the tag `latest`, else `IfNotPresent`. */
  pullPolicy?: PullPolicy
}

/** Storage that a CSI driver makes for one pod. */
export interface CSIVolumeSource {
  /** The driver's name, as registered on the node. */
  driver: string
  /** Forbids writing; false unless set. */
  readOnly?: boolean
  /** The file system to mount; the driver chooses when absent. */
  fsType?: string
  /** Settings that the driver knows. */
  volumeAttributes?: Record<string, string>
  /** The Secret that is handed to the driver. */
  nodePublishSecretRef?: LocalObjectReference
}

/** What is expected at a path of the node; empty checks nothing. */
export type HostPathType =
  | ''
  | 'BlockDevice'
  | 'CharDevice'
  | 'Directory'
  | 'DirectoryOrCreate'
  | 'File'
  | 'FileOrCreate'
  | 'Socket'

// Persistent volumes: storage of the cluster that claims are bound to.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time } from '#api/scalars.ts'
import type { NodeSelector } from './affinity.ts'
import type { ResourceList } from './container.ts'
import type {
  CephFSPersistentVolumeSource,
  FCVolumeSource,
  FlexPersistentVolumeSource,
  GlusterfsPersistentVolumeSource,
  ISCSIPersistentVolumeSource,
  NFSVolumeSource,
  RBDPersistentVolumeSource,
} from './networkVolume.ts'
import type { ObjectReference, SecretReference } from './reference.ts'
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  AzureFilePersistentVolumeSource,
  CinderPersistentVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  PhotonPersistentDiskVolumeSource,
  PortworxVolumeSource,
  QuobyteVolumeSource,
  ScaleIOPersistentVolumeSource,
  StorageOSPersistentVolumeSource,
  VsphereVirtualDiskVolumeSource,
} from './vendorVolume.ts'
import type { HostPathVolumeSource } from './volume.ts'

/** A piece of storage in the cluster, made by hand or for a claim. */
export interface PersistentVolume extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What the storage is and how it may be used. @default {} @optional */
  spec: PersistentVolumeSpec
  /** Whether it is in use. @default {} */
  status?: PersistentVolumeStatus
}

/** The kind PersistentVolume as it is addressed: `persistentvolumes`. */
export const persistentVolumes = resource<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  scope: 'Cluster',
  shortNames: ['pv'],
})

/** What a piece of storage is and how it may be used; exactly one source must be set. */
export interface PersistentVolumeSpec {
  /** How much it holds, as `storage`. */
  capacity?: ResourceList
  /** A disk of Google Compute Engine; served through its CSI driver. */
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  /** A disk of Amazon EBS; served through its CSI driver. */
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  /** A file or folder of the node; for trying out on a single node. */
  hostPath?: HostPathVolumeSource
  /** A volume of Gluster; no longer supported. */
  glusterfs?: GlusterfsPersistentVolumeSource
  /** A folder of an NFS server. */
  nfs?: NFSVolumeSource
  /** An image of Ceph RBD; no longer supported. */
  rbd?: RBDPersistentVolumeSource
  /** A disk reached over iSCSI. */
  iscsi?: ISCSIPersistentVolumeSource
  /** A disk of OpenStack Cinder; served through its CSI driver. */
  cinder?: CinderPersistentVolumeSource
  /** A folder of CephFS; no longer supported. */
  cephfs?: CephFSPersistentVolumeSource
  /** A disk reached over Fibre Channel. */
  fc?: FCVolumeSource
  /** A dataset of Flocker; no longer supported. */
  flocker?: FlockerVolumeSource
  /** A volume of an exec-based plugin; superseded by CSI. */
  flexVolume?: FlexPersistentVolumeSource
  /** A share of Azure Files; served through its CSI driver. */
  azureFile?: AzureFilePersistentVolumeSource
  /** A disk of vSphere; served through its CSI driver. */
  vsphereVolume?: VsphereVirtualDiskVolumeSource
  /** A volume of Quobyte; no longer supported. */
  quobyte?: QuobyteVolumeSource
  /** A disk of Azure; served through its CSI driver. */
  azureDisk?: AzureDiskVolumeSource
  /** A disk of Photon; no longer supported. */
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  /** A volume of Portworx; served through its CSI driver. */
  portworxVolume?: PortworxVolumeSource
  /** A volume of ScaleIO; no longer supported. */
  scaleIO?: ScaleIOPersistentVolumeSource
  /** A folder or disk that belongs to one node. */
  local?: LocalVolumeSource
  /** A volume of StorageOS; no longer supported. */
  storageos?: StorageOSPersistentVolumeSource
  /** A volume of a CSI driver. */
  csi?: CSIPersistentVolumeSource
  /** From how many nodes it can be mounted, and how. */
  accessModes?: PersistentVolumeAccessMode[]
  /** The claim that it is bound to, or kept for. */
  claimRef?: ObjectReference
  /** What happens to it when its claim is gone. @default Retain */
  persistentVolumeReclaimPolicy?: PersistentVolumeReclaimPolicy
  /** Its storage class; empty for none. */
  storageClassName?: string
  /** Options for mounting; not checked beforehand. */
  mountOptions?: string[]
  /** Whether it holds a file system or is used raw. @default Filesystem */
  volumeMode?: PersistentVolumeMode
  /** Which nodes can reach it. */
  nodeAffinity?: VolumeNodeAffinity
  /** Its VolumeAttributesClass; empty for none. */
  volumeAttributesClassName?: string
}

/** Whether a persistent volume is in use. */
export interface PersistentVolumeStatus {
  /** Where it is in its life. @default Pending */
  phase?: PersistentVolumePhase
  /** Why, for people. */
  message?: string
  /** Why, in one word. */
  reason?: string
  /** When the phase last changed. */
  lastPhaseTransitionTime?: Time
}

/** Which nodes can reach a volume. */
export interface VolumeNodeAffinity {
  /** What the nodes must match. */
  required?: NodeSelector
}

/** A folder or disk that belongs to one node. */
export interface LocalVolumeSource {
  /** Its path on the node. */
  path: string
  /** The file system of a disk; the driver chooses when absent. */
  fsType?: string
}

/** A volume of a CSI driver. */
export interface CSIPersistentVolumeSource {
  /** The driver's name. */
  driver: string
  /** The volume, as the driver names it. */
  volumeHandle: string
  /** Attaches the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The file system to mount, such as `ext4`. */
  fsType?: string
  /** Settings that the driver gave when it made the volume. */
  volumeAttributes?: Record<string, string>
  /** The Secret for attaching and detaching. */
  controllerPublishSecretRef?: SecretReference
  /** The Secret for preparing the volume on a node. */
  nodeStageSecretRef?: SecretReference
  /** The Secret for mounting it into a pod. */
  nodePublishSecretRef?: SecretReference
  /** The Secret for enlarging it at the storage. */
  controllerExpandSecretRef?: SecretReference
  /** The Secret for enlarging it on a node. */
  nodeExpandSecretRef?: SecretReference
}

/** Several objects of kind PersistentVolume, as a list request returns them. */
export interface PersistentVolumeList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PersistentVolume[]
}

/** Whether one node, many or a single pod can mount a volume, and whether to write. */
export type PersistentVolumeAccessMode = 'ReadOnlyMany' | 'ReadWriteMany' | 'ReadWriteOnce' | 'ReadWriteOncePod'

/** Kept, deleted, or emptied when the claim is gone; emptying is no longer recommended. */
export type PersistentVolumeReclaimPolicy = 'Delete' | 'Recycle' | 'Retain'

/** Used raw, or with a file system. */
export type PersistentVolumeMode = 'Block' | 'Filesystem'

/** Not yet usable, free, in use, given back, or failed to be given back. */
export type PersistentVolumePhase = 'Pending' | 'Available' | 'Bound' | 'Released' | 'Failed'

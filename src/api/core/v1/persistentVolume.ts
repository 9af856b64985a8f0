import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time } from '#api/scalars.ts'
import type { NodeSelector } from './affinity.ts'
import type { ResourceList } from './container.ts'
import type { CephFSPersistentVolumeSource, FCVolumeSource, FlexPersistentVolumeSource, GlusterfsPersistentVolumeSource, ISCSIPersistentVolumeSource, NFSVolumeSource, RBDPersistentVolumeSource } from './networkVolume.ts'
import type { ObjectReference, SecretReference } from './reference.ts'
import type { AWSElasticBlockStoreVolumeSource, AzureDiskVolumeSource, AzureFilePersistentVolumeSource, CinderPersistentVolumeSource, FlockerVolumeSource, GCEPersistentDiskVolumeSource, PhotonPersistentDiskVolumeSource, PortworxVolumeSource, QuobyteVolumeSource, ScaleIOPersistentVolumeSource, StorageOSPersistentVolumeSource, VsphereVirtualDiskVolumeSource } from './vendorVolume.ts'
import type { HostPathVolumeSource } from './volume.ts'

export interface PersistentVolume extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: PersistentVolumeSpec
  /** @default {} */
  status?: PersistentVolumeStatus
}

export const persistentVolumes = resource<PersistentVolume>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  scope: 'Cluster',
  shortNames: ['pv'],
})

export interface PersistentVolumeSpec {
  capacity?: ResourceList
  gcePersistentDisk?: GCEPersistentDiskVolumeSource
  awsElasticBlockStore?: AWSElasticBlockStoreVolumeSource
  hostPath?: HostPathVolumeSource
  glusterfs?: GlusterfsPersistentVolumeSource
  nfs?: NFSVolumeSource
  rbd?: RBDPersistentVolumeSource
  iscsi?: ISCSIPersistentVolumeSource
  cinder?: CinderPersistentVolumeSource
  cephfs?: CephFSPersistentVolumeSource
  fc?: FCVolumeSource
  flocker?: FlockerVolumeSource
  flexVolume?: FlexPersistentVolumeSource
  azureFile?: AzureFilePersistentVolumeSource
  vsphereVolume?: VsphereVirtualDiskVolumeSource
  quobyte?: QuobyteVolumeSource
  azureDisk?: AzureDiskVolumeSource
  photonPersistentDisk?: PhotonPersistentDiskVolumeSource
  portworxVolume?: PortworxVolumeSource
  scaleIO?: ScaleIOPersistentVolumeSource
  local?: LocalVolumeSource
  storageos?: StorageOSPersistentVolumeSource
  csi?: CSIPersistentVolumeSource
  accessModes?: PersistentVolumeAccessMode[]
  claimRef?: ObjectReference
  /** @default Retain */
  persistentVolumeReclaimPolicy?: PersistentVolumeReclaimPolicy
  storageClassName?: string
  mountOptions?: string[]
  /** @default Filesystem */
  volumeMode?: PersistentVolumeMode
  nodeAffinity?: VolumeNodeAffinity
  volumeAttributesClassName?: string
}

export interface PersistentVolumeStatus {
  /** @default Pending */
  phase?: PersistentVolumePhase
  message?: string
  reason?: string
  lastPhaseTransitionTime?: Time
}

export interface VolumeNodeAffinity {
  required?: NodeSelector
}

export interface LocalVolumeSource {
  path: string
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
}

export interface CSIPersistentVolumeSource {
  driver: string
  volumeHandle: string
  /** Mounts the volume without the right to write; false unless set. */
  readOnly?: boolean
  /** The file system to mount, such as `ext4`; the default depends on the driver. */
  fsType?: string
  volumeAttributes?: Record<string, string>
  controllerPublishSecretRef?: SecretReference
  nodeStageSecretRef?: SecretReference
  nodePublishSecretRef?: SecretReference
  controllerExpandSecretRef?: SecretReference
  nodeExpandSecretRef?: SecretReference
}

/** Several objects of kind PersistentVolume, as a list request returns them. */
export interface PersistentVolumeList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PersistentVolume[]
}

export type PersistentVolumeAccessMode = 'ReadWriteOnce' | 'ReadOnlyMany' | 'ReadWriteMany' | 'ReadWriteOncePod'

export type PersistentVolumeReclaimPolicy = 'Recycle' | 'Delete' | 'Retain'

export type PersistentVolumeMode = 'Block' | 'Filesystem'

export type PersistentVolumePhase = 'Pending' | 'Available' | 'Bound' | 'Released' | 'Failed'

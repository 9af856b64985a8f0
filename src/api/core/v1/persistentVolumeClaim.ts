// Claims: storage that users ask for.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time } from '#api/scalars.ts'
import type { ResourceList } from './container.ts'
import type { PersistentVolumeAccessMode, PersistentVolumeMode } from './persistentVolume.ts'
import type { TypedLocalObjectReference, TypedObjectReference } from './reference.ts'

/** Asks for storage; is bound to a persistent volume that fits. */
export interface PersistentVolumeClaim extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What storage is asked for. @default {} @optional */
  spec: PersistentVolumeClaimSpec
  /** What was found. @default {} */
  status?: PersistentVolumeClaimStatus
}

/** The kind PersistentVolumeClaim as it is addressed: `persistentvolumeclaims`. */
export const persistentVolumeClaims = resource<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  scope: 'Namespaced',
  shortNames: ['pvc'],
})

/** What storage is asked for. */
export interface PersistentVolumeClaimSpec {
  /** From how many nodes it must be mountable, and how. */
  accessModes?: PersistentVolumeAccessMode[]
  /** Labels of the volumes to choose from. */
  selector?: LabelSelector
  /** How much storage; it can grow later. @default {} */
  resources?: VolumeResourceRequirements
  /** The volume that it is bound to, or wants. */
  volumeName?: string
  /** The storage class; the default one when absent, none when empty. */
  storageClassName?: string
  /** Whether a file system or a raw device is asked for. @default Filesystem */
  volumeMode?: PersistentVolumeMode
  /** A snapshot or another claim to copy from; kept equal to `dataSourceRef` when possible. */
  dataSource?: TypedLocalObjectReference
  /** Any object that a populator can fill the volume from. */
  dataSourceRef?: TypedObjectReference
  /** The VolumeAttributesClass that the volume shall have. */
  volumeAttributesClassName?: string
}

/** How much storage is asked for. */
export interface VolumeResourceRequirements {
  /** The most that is acceptable. */
  limits?: ResourceList
  /** The least that is acceptable, as `storage`. */
  requests?: ResourceList
}

/** What was found for a claim. */
export interface PersistentVolumeClaimStatus {
  /** Whether it is bound. @default Pending */
  phase?: PersistentVolumeClaimPhase
  /** What the volume allows. */
  accessModes?: PersistentVolumeAccessMode[]
  /** How much the volume holds. */
  capacity?: ResourceList
  /** Whether the volume is being changed. @listMap type */
  conditions?: PersistentVolumeClaimCondition[]
  /** How much was granted while the volume grows. */
  allocatedResources?: ResourceList
  /** How far the growth of each resource has got. */
  allocatedResourceStatuses?: Record<string, ClaimResourceStatus>
  /** The VolumeAttributesClass that the volume has now. */
  currentVolumeAttributesClassName?: string
  /** How far a change of the class has got. */
  modifyVolumeStatus?: ModifyVolumeStatus
}

/** One fact about a claim. */
export interface PersistentVolumeClaimCondition {
  /** Names the fact, such as `Resizing` or `FileSystemResizePending`. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When it was last checked. */
  lastProbeTime?: Time
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why `status` is what it is, for programs. */
  reason?: string
  /** Why `status` is what it is, for people. */
  message?: string
}

/** How far a change of the VolumeAttributesClass has got. */
export interface ModifyVolumeStatus {
  /** The class that the volume shall get. */
  targetVolumeAttributesClassName?: string
  /** How far it has got. */
  status: PersistentVolumeClaimModifyVolumeStatus
}

/** Several objects of kind PersistentVolumeClaim, as a list request returns them. */
export interface PersistentVolumeClaimList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: PersistentVolumeClaim[]
}

/** Waiting, bound, or bound to a volume that is gone. */
export type PersistentVolumeClaimPhase = 'Pending' | 'Bound' | 'Lost'

/** How far a volume has grown: at the storage or on the node, under way or not possible. */
export type ClaimResourceStatus =
  | 'ControllerResizeInProgress'
  | 'ControllerResizeInfeasible'
  | 'NodeResizePending'
  | 'NodeResizeInProgress'
  | 'NodeResizeInfeasible'

/** Waiting for the class, under way, or not possible. */
export type PersistentVolumeClaimModifyVolumeStatus = 'Pending' | 'InProgress' | 'Infeasible'

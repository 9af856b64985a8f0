import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { LabelSelector } from '#api/meta/v1/labelSelector.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time } from '#api/scalars.ts'
import type { ResourceList } from './container.ts'
import type { PersistentVolumeAccessMode, PersistentVolumeMode } from './persistentVolume.ts'
import type { TypedLocalObjectReference, TypedObjectReference } from './reference.ts'

export interface PersistentVolumeClaim extends TypeMeta {
  /** @optional */
  metadata: ObjectMeta
  /** @optional */
  spec: PersistentVolumeClaimSpec
  status?: PersistentVolumeClaimStatus
}

export const persistentVolumeClaims = resource<PersistentVolumeClaim>({
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  scope: 'Namespaced',
  shortNames: ['pvc'],
})

export interface PersistentVolumeClaimSpec {
  accessModes?: PersistentVolumeAccessMode[]
  selector?: LabelSelector
  resources?: VolumeResourceRequirements
  volumeName?: string
  storageClassName?: string
  /** @default Filesystem */
  volumeMode?: PersistentVolumeMode
  dataSource?: TypedLocalObjectReference
  dataSourceRef?: TypedObjectReference
  volumeAttributesClassName?: string
}

export interface VolumeResourceRequirements {
  limits?: ResourceList
  requests?: ResourceList
}

export interface PersistentVolumeClaimStatus {
  /** @default Pending */
  phase?: PersistentVolumeClaimPhase
  accessModes?: PersistentVolumeAccessMode[]
  capacity?: ResourceList
  /** @listMap type */
  conditions?: PersistentVolumeClaimCondition[]
  allocatedResources?: ResourceList
  allocatedResourceStatuses?: Record<string, ClaimResourceStatus>
  currentVolumeAttributesClassName?: string
  modifyVolumeStatus?: ModifyVolumeStatus
}

export interface PersistentVolumeClaimCondition {
  type: string
  status: ConditionStatus
  lastProbeTime?: Time
  lastTransitionTime?: Time
  reason?: string
  message?: string
}

export interface ModifyVolumeStatus {
  targetVolumeAttributesClassName?: string
  status: PersistentVolumeClaimModifyVolumeStatus
}

/** Several objects of kind PersistentVolumeClaim, as a list request returns them. */
export interface PersistentVolumeClaimList extends TypeMeta {
  /** @optional */
  metadata: ListMeta
  /** The objects, in the order of their keys. */
  items: PersistentVolumeClaim[]
}

export type PersistentVolumeClaimPhase = 'Pending' | 'Bound' | 'Lost'

export type ClaimResourceStatus =
  | 'ControllerResizeInProgress'
  | 'ControllerResizeInfeasible'
  | 'NodeResizePending'
  | 'NodeResizeInProgress'
  | 'NodeResizeInfeasible'

export type PersistentVolumeClaimModifyVolumeStatus = 'Pending' | 'InProgress' | 'Infeasible'

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
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: PersistentVolumeClaimSpec
  /** @default {} */
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
  /** @default {} */
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
  /** Names what the condition is about. */
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

export interface ModifyVolumeStatus {
  targetVolumeAttributesClassName?: string
  status: PersistentVolumeClaimModifyVolumeStatus
}

/** Several objects of kind PersistentVolumeClaim, as a list request returns them. */
export interface PersistentVolumeClaimList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
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

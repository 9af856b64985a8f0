import type { Time, int32, int64 } from '#api/scalars.ts'
import type { RecursiveReadOnlyMode, ResourceList, ResourceRequirements } from './container.ts'
import type { Signal } from './signal.ts'

export interface ContainerStatus {
  name: string
  state?: ContainerState
  lastState?: ContainerState
  ready: boolean
  restartCount: int32
  image: string
  imageID: string
  containerID?: string
  started?: boolean
  allocatedResources?: ResourceList
  resources?: ResourceRequirements
  /** @listMap mountPath */
  volumeMounts?: VolumeMountStatus[]
  user?: ContainerUser
  /** @listMap name */
  allocatedResourcesStatus?: ResourceStatus[]
  stopSignal?: Signal
}

export interface ContainerState {
  waiting?: ContainerStateWaiting
  running?: ContainerStateRunning
  terminated?: ContainerStateTerminated
}

export interface ContainerStateWaiting {
  reason?: string
  message?: string
}

export interface ContainerStateRunning {
  startedAt?: Time
}

export interface ContainerStateTerminated {
  exitCode: int32
  signal?: int32
  reason?: string
  message?: string
  startedAt?: Time
  finishedAt?: Time
  containerID?: string
}

export interface ContainerUser {
  linux?: LinuxContainerUser
}

export interface LinuxContainerUser {
  uid: int64
  gid: int64
  supplementalGroups?: int64[]
}

export interface ResourceStatus {
  name: string
  /** @listMap resourceID @replace */
  resources?: ResourceHealth[]
}

export interface ResourceHealth {
  resourceID: string
  health?: ResourceHealthStatus
}

export interface VolumeMountStatus {
  name: string
  mountPath: string
  readOnly?: boolean
  recursiveReadOnly?: RecursiveReadOnlyMode
}

export type ResourceHealthStatus = 'Healthy' | 'Unhealthy' | 'Unknown'

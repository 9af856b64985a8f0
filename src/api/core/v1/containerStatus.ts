import type { Time, int32, int64 } from '#api/scalars.ts'
import type { RecursiveReadOnlyMode, ResourceList, ResourceRequirements } from './container.ts'
import type { Signal } from './signal.ts'

/** What the node reports about one container. */
export interface ContainerStatus {
  /** The container in the pod's spec. */
  name: string
  /** What it does now. @default {} */
  state?: ContainerState
  /** How its previous run ended. @default {} */
  lastState?: ContainerState
  /** Whether it passes its readiness probe, or runs when it has none. */
  ready: boolean
  /** How often it was started again. */
  restartCount: int32
  /** The image that runs, as the runtime names it. */
  image: string
  /** The image by its content. */
  imageID: string
  /** The running container, as `runtime://id`. */
  containerID?: string
  /** Whether its start-up probe has passed and its start hook has ended. */
  started?: boolean
  /** The requests that the node has set aside for it. */
  allocatedResources?: ResourceList
  /** The requests and limits in force now. */
  resources?: ResourceRequirements
  /** How its volumes were really mounted. @listMap mountPath */
  volumeMounts?: VolumeMountStatus[]
  /** As whom its first process was started. */
  user?: ContainerUser
  /** The health of the devices that it was given. @listMap name */
  allocatedResourcesStatus?: ResourceStatus[]
  /** The signal that stops it. */
  stopSignal?: Signal
}

/** What a container does; exactly one member is set, and none means waiting. */
export interface ContainerState {
  /** It does not run yet. */
  waiting?: ContainerStateWaiting
  /** It runs. */
  running?: ContainerStateRunning
  /** It has ended. */
  terminated?: ContainerStateTerminated
}

/** A container that does not run yet. */
export interface ContainerStateWaiting {
  /** Why in one word, such as `ImagePullBackOff`. */
  reason?: string
  /** Why, for people. */
  message?: string
}

/** A container that runs. */
export interface ContainerStateRunning {
  /** When it was started. */
  startedAt?: Time
}

/** A container that has ended. */
export interface ContainerStateTerminated {
  /** What its first process returned. */
  exitCode: int32
  /** The signal that ended it, when one did. */
  signal?: int32
  /** Why in one word, such as `OOMKilled`. */
  reason?: string
  /** Why, for people; what it left in its termination message file. */
  message?: string
  /** When this run began. */
  startedAt?: Time
  /** When this run ended. */
  finishedAt?: Time
  /** The container that ended, as `runtime://id`. */
  containerID?: string
}

/** As whom a container runs. */
export interface ContainerUser {
  /** The identity on Linux. */
  linux?: LinuxContainerUser
}

/** The identity of the first process of a container on Linux. */
export interface LinuxContainerUser {
  /** The number of its user. */
  uid: int64
  /** The number of its main group. */
  gid: int64
  /** The numbers of its further groups. */
  supplementalGroups?: int64[]
}

/** The health of one resource that a container was given. */
export interface ResourceStatus {
  /** The resource, or `claim:name/request` for a claim. */
  name: string
  /** The health of each device of it. @listMap resourceID @replace */
  resources?: ResourceHealth[]
}

/** The health of one device. */
export interface ResourceHealth {
  /** Identifies the device on its node. */
  resourceID: string
  /** What its driver last said of it. */
  health?: ResourceHealthStatus
}

/** How one volume was mounted into a container. */
export interface VolumeMountStatus {
  /** The volume. */
  name: string
  /** Where it is in the container. */
  mountPath: string
  /** Whether it was mounted without the right to write. */
  readOnly?: boolean
  /** Whether mounts below it are read-only too; `IfPossible` is never reported. */
  recursiveReadOnly?: RecursiveReadOnlyMode
}

/** What a driver says about a device. @unlisted */
export type ResourceHealthStatus = 'Healthy' | 'Unhealthy' | 'Unknown'

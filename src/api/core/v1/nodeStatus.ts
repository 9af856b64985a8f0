import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'
import type { ResourceList } from './container.ts'
import type { NodeConfigSource } from './node.ts'

export interface NodeStatus {
  capacity?: ResourceList
  allocatable?: ResourceList
  phase?: NodePhase
  /** @listMap type */
  conditions?: NodeCondition[]
  /** @listMap type */
  addresses?: NodeAddress[]
  daemonEndpoints?: NodeDaemonEndpoints
  nodeInfo?: NodeSystemInfo
  images?: ContainerImage[]
  volumesInUse?: string[]
  volumesAttached?: AttachedVolume[]
  config?: NodeConfigStatus
  runtimeHandlers?: NodeRuntimeHandler[]
  features?: NodeFeatures
}

export interface NodeCondition {
  type: string
  status: ConditionStatus
  lastHeartbeatTime?: Time
  lastTransitionTime?: Time
  reason?: string
  message?: string
}

export interface NodeAddress {
  type: NodeAddressType
  address: string
}

export interface NodeDaemonEndpoints {
  kubeletEndpoint?: DaemonEndpoint
}

export interface DaemonEndpoint {
  Port: int32
}

export interface NodeSystemInfo {
  machineID: string
  systemUUID: string
  bootID: string
  kernelVersion: string
  osImage: string
  containerRuntimeVersion: string
  kubeletVersion: string
  kubeProxyVersion: string
  operatingSystem: string
  architecture: string
  swap?: NodeSwapStatus
}

export interface NodeSwapStatus {
  capacity?: int64
}

export interface ContainerImage {
  names?: string[]
  sizeBytes?: int64
}

export interface AttachedVolume {
  name: string
  devicePath: string
}

export interface NodeConfigStatus {
  assigned?: NodeConfigSource
  active?: NodeConfigSource
  lastKnownGood?: NodeConfigSource
  error?: string
}

export interface NodeRuntimeHandler {
  name?: string
  features?: NodeRuntimeHandlerFeatures
}

export interface NodeRuntimeHandlerFeatures {
  recursiveReadOnlyMounts?: boolean
  userNamespaces?: boolean
}

export interface NodeFeatures {
  supplementalGroupsPolicy?: boolean
}

export type NodePhase = 'Pending' | 'Running' | 'Terminated'

export type NodeAddressType = 'Hostname' | 'InternalIP' | 'ExternalIP' | 'InternalDNS' | 'ExternalDNS'

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
  /** @default {} */
  daemonEndpoints?: NodeDaemonEndpoints
  /** @default {} */
  nodeInfo?: NodeSystemInfo
  images?: ContainerImage[]
  volumesInUse?: string[]
  volumesAttached?: AttachedVolume[]
  config?: NodeConfigStatus
  runtimeHandlers?: NodeRuntimeHandler[]
  features?: NodeFeatures
}

export interface NodeCondition {
  /** Names what the condition is about. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** When the condition was last reported, changed or not. */
  lastHeartbeatTime?: Time
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why `status` is what it is, for programs. */
  reason?: string
  /** Why `status` is what it is, for people. */
  message?: string
}

export interface NodeAddress {
  type: NodeAddressType
  address: string
}

export interface NodeDaemonEndpoints {
  /** @default {} */
  kubeletEndpoint?: DaemonEndpoint
}

export interface DaemonEndpoint {
  /** @default 0 */
  Port: int32
}

export interface NodeSystemInfo {
  /** @default "" */
  machineID: string
  /** @default "" */
  systemUUID: string
  /** @default "" */
  bootID: string
  /** @default "" */
  kernelVersion: string
  /** @default "" */
  osImage: string
  /** @default "" */
  containerRuntimeVersion: string
  /** @default "" */
  kubeletVersion: string
  /** @default "" */
  kubeProxyVersion: string
  /** @default "" */
  operatingSystem: string
  /** @default "" */
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

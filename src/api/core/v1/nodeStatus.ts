// What a node reports about itself.
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { Time, int32, int64 } from '#api/scalars.ts'
import type { ResourceList } from './container.ts'
import type { NodeConfigSource } from './node.ts'

/** What a node reports about itself. */
export interface NodeStatus {
  /** What the machine has. */
  capacity?: ResourceList
  /** What of it pods can use. */
  allocatable?: ResourceList
  /** No longer used. */
  phase?: NodePhase
  /** Whether the node is ready and whether it runs short of something. @listMap type */
  conditions?: NodeCondition[]
  /** How the node can be reached. @listMap type */
  addresses?: NodeAddress[]
  /** Ports of the services on the node. @default {} */
  daemonEndpoints?: NodeDaemonEndpoints
  /** Versions and ids of the machine and its software. @default {} */
  nodeInfo?: NodeSystemInfo
  /** Images that are on the node, the largest first. */
  images?: ContainerImage[]
  /** Volumes that the node has mounted or is about to. */
  volumesInUse?: string[]
  /** Volumes that are attached to the node. */
  volumesAttached?: AttachedVolume[]
  /** No longer used; once told which configuration the node has. */
  config?: NodeConfigStatus
  /** What each handler of the runtime can do. */
  runtimeHandlers?: NodeRuntimeHandler[]
  /** What the runtime as a whole can do. */
  features?: NodeFeatures
}

/** One fact about a node. */
export interface NodeCondition {
  /** Names the fact, such as `Ready` or `MemoryPressure`. */
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

/** One way to reach a node. */
export interface NodeAddress {
  /** What sort of address it is. */
  type: NodeAddressType
  /** The address or name. */
  address: string
}

/** Ports of the services on a node. */
export interface NodeDaemonEndpoints {
  /** The port of the kubelet. @default {} */
  kubeletEndpoint?: DaemonEndpoint
}

/** The port of one service on a node. */
export interface DaemonEndpoint {
  /** The port. @default 0 */
  Port: int32
}

/** Versions and ids of a machine and its software. */
export interface NodeSystemInfo {
  /** The id in /etc/machine-id. @default "" */
  machineID: string
  /** The id in the firmware. @default "" */
  systemUUID: string
  /** Changes with every boot. @default "" */
  bootID: string
  /** As `uname -r` prints it. @default "" */
  kernelVersion: string
  /** The name of the operating system, from /etc/os-release. @default "" */
  osImage: string
  /** The runtime, as `name://version`. @default "" */
  containerRuntimeVersion: string
  /** Version of the kubelet. @default "" */
  kubeletVersion: string
  /** No longer used; once the version of the proxy. @default "" */
  kubeProxyVersion: string
  /** `linux` or `windows`. @default "" */
  operatingSystem: string
  /** The processor, such as `amd64`. @default "" */
  architecture: string
  /** The swap space. */
  swap?: NodeSwapStatus
}

/** The swap space of a node. */
export interface NodeSwapStatus {
  /** Its size in bytes. */
  capacity?: int64
}

/** An image on a node. */
export interface ContainerImage {
  /** All its names, with tags and digests. */
  names?: string[] | null
  /** Its size. */
  sizeBytes?: int64
}

/** A volume that is attached to a node. */
export interface AttachedVolume {
  /** The volume. */
  name: string
  /** The device through which it is reached. */
  devicePath: string
}

/** No longer used; once told which configuration a node has. */
export interface NodeConfigStatus {
  /** The configuration to try. */
  assigned?: NodeConfigSource
  /** The configuration in use. */
  active?: NodeConfigSource
  /** The configuration to fall back to. */
  lastKnownGood?: NodeConfigSource
  /** What was wrong with the assigned one. */
  error?: string
}

/** One handler of the container runtime. */
export interface NodeRuntimeHandler {
  /** Its name; empty for the default one. @default "" */
  name?: string
  /** What it can do. */
  features?: NodeRuntimeHandlerFeatures
}

/** What a handler of the runtime can do. */
export interface NodeRuntimeHandlerFeatures {
  /** Mounts that are read-only including what is mounted below. */
  recursiveReadOnlyMounts?: boolean
  /** Pods with a user namespace of their own, also for volumes. */
  userNamespaces?: boolean
}

/** What a runtime can do, whatever the handler. */
export interface NodeFeatures {
  /** Honours the policy for supplemental groups. */
  supplementalGroupsPolicy?: boolean
}

/** No longer used. */
export type NodePhase = 'Pending' | 'Running' | 'Terminated'

/** A host name or an address, for inside the cluster or for outside. @unlisted */
export type NodeAddressType = 'ExternalDNS' | 'ExternalIP' | 'Hostname' | 'InternalDNS' | 'InternalIP'

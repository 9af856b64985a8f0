import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { Time, int64 } from '#api/scalars.ts'
import type { ContainerStatus } from './containerStatus.ts'

/** What is known about a pod at present. */
export interface PodStatus {
  /** The `metadata.generation` that the kubelet last took in. */
  observedGeneration?: int64
  /** Where the pod is in its life, in one word. */
  phase?: PodPhase
  /** Facts about the pod, such as scheduled, initialized and ready. @listMap type */
  conditions?: PodCondition[]
  /** Why the pod is in this state, for people. */
  message?: string
  /** Why the pod is in this state, in one word, such as `Evicted`. */
  reason?: string
  /** The node on which room is being made for this pod; others may still use it. */
  nominatedNodeName?: string
  /** The first address of the node. */
  hostIP?: string
  /** All addresses of the node, at most one per family. @mergeKey ip */
  hostIPs?: HostIP[]
  /** The first address of the pod; empty until it has one. */
  podIP?: string
  /** All addresses of the pod, at most one per family; the first equals `podIP`. @listMap ip */
  podIPs?: PodIP[]
  /** When the kubelet accepted the pod, before it pulled any image. */
  startTime?: Time
  /** The state of each init container. */
  initContainerStatuses?: ContainerStatus[]
  /** The state of each main container. */
  containerStatuses?: ContainerStatus[]
  /** How well the pod is protected when memory runs out; follows from its requests and limits. */
  qosClass?: PodQOSClass
  /** The state of each ephemeral container. */
  ephemeralContainerStatuses?: ContainerStatus[]
  /** How far a change of resources has got; superseded by conditions. */
  resize?: PodResizeStatus
  /** Which claim stands behind each entry of `spec.resourceClaims`. @listMap name @retainKeys */
  resourceClaimStatuses?: PodResourceClaimStatus[]
  /** The claim made for extended resources that a device driver provides. */
  extendedResourceClaimStatus?: PodExtendedResourceClaimStatus
}

/** One fact about a pod. */
export interface PodCondition {
  /** Names the fact, such as `Ready`. */
  type: string
  /** The `metadata.generation` that this condition was computed from. */
  observedGeneration?: int64
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

/** One address of a pod. */
export interface PodIP {
  /** An IPv4 or IPv6 address. */
  ip: string
}

/** One address of a node. */
export interface HostIP {
  /** An IPv4 or IPv6 address. */
  ip: string
}

/** The claim behind one entry of the pod's `resourceClaims`. */
export interface PodResourceClaimStatus {
  /** The entry in `spec.resourceClaims`. */
  name: string
  /** The ResourceClaim that was made for it; absent when none was needed. */
  resourceClaimName?: string
}

/** How extended resources of the containers map to requests in one claim. */
export interface PodExtendedResourceClaimStatus {
  /** One entry for each container and resource. */
  requestMappings: ContainerExtendedResourceRequest[]
  /** The ResourceClaim made for the pod. */
  resourceClaimName: string
}

/** Ties an extended resource of one container to a request in a claim. */
export interface ContainerExtendedResourceRequest {
  /** The container that asks. */
  containerName: string
  /** The extended resource that it asks for. */
  resourceName: string
  /** The request in the claim that serves it. */
  requestName: string
}

/** Waiting to start, running, ended well, ended badly, or out of sight. */
export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'

/** The order in which pods lose their resources: best effort first, guaranteed last. */
export type PodQOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

/** How far a change of resources of a running pod has got. @unlisted */
export type PodResizeStatus = 'InProgress' | 'Deferred' | 'Infeasible'

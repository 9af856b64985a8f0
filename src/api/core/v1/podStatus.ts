import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { Time, int64 } from '#api/scalars.ts'
import type { ContainerStatus } from './containerStatus.ts'

export interface PodStatus {
  observedGeneration?: int64
  phase?: PodPhase
  /** @listMap type */
  conditions?: PodCondition[]
  message?: string
  reason?: string
  nominatedNodeName?: string
  hostIP?: string
  /** @mergeKey ip */
  hostIPs?: HostIP[]
  podIP?: string
  /** @listMap ip */
  podIPs?: PodIP[]
  startTime?: Time
  initContainerStatuses?: ContainerStatus[]
  containerStatuses?: ContainerStatus[]
  qosClass?: PodQOSClass
  ephemeralContainerStatuses?: ContainerStatus[]
  resize?: PodResizeStatus
  /** @listMap name @retainKeys */
  resourceClaimStatuses?: PodResourceClaimStatus[]
  extendedResourceClaimStatus?: PodExtendedResourceClaimStatus
}

export interface PodCondition {
  type: string
  observedGeneration?: int64
  status: ConditionStatus
  lastProbeTime?: Time
  lastTransitionTime?: Time
  reason?: string
  message?: string
}

export interface PodIP {
  ip: string
}

export interface HostIP {
  ip: string
}

export interface PodResourceClaimStatus {
  name: string
  resourceClaimName?: string
}

export interface PodExtendedResourceClaimStatus {
  requestMappings: ContainerExtendedResourceRequest[]
  resourceClaimName: string
}

export interface ContainerExtendedResourceRequest {
  containerName: string
  resourceName: string
  requestName: string
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown'

export type PodQOSClass = 'Guaranteed' | 'Burstable' | 'BestEffort'

export type PodResizeStatus = 'Deferred' | 'Infeasible' | 'InProgress' | 'Proposed' | ''

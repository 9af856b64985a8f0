import { resource } from '#api/resource.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, int32 } from '#api/scalars.ts'

export interface Service extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @default {} @optional */
  spec: ServiceSpec
  /** @default {} */
  status?: ServiceStatus
}

export const services = resource<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  scope: 'Namespaced',
  shortNames: ['svc'],
  categories: ['all'],
})

export interface ServiceSpec {
  /** @listMap port protocol */
  ports?: ServicePort[]
  /** @atomic */
  selector?: Record<string, string>
  clusterIP?: string
  clusterIPs?: string[]
  /** @default ClusterIP */
  type?: ServiceType
  externalIPs?: string[]
  /** @default None */
  sessionAffinity?: ServiceAffinity
  loadBalancerIP?: string
  loadBalancerSourceRanges?: string[]
  externalName?: string
  externalTrafficPolicy?: ServiceExternalTrafficPolicy
  healthCheckNodePort?: int32
  publishNotReadyAddresses?: boolean
  sessionAffinityConfig?: SessionAffinityConfig
  ipFamilies?: IPFamily[]
  ipFamilyPolicy?: IPFamilyPolicy
  allocateLoadBalancerNodePorts?: boolean
  loadBalancerClass?: string
  internalTrafficPolicy?: ServiceInternalTrafficPolicy
  trafficDistribution?: string
}

export interface ServicePort {
  name?: string
  /** @default TCP */
  protocol?: Protocol
  appProtocol?: string
  /** @minimum 1 @maximum 65535 */
  port: int32
  targetPort?: IntOrString
  nodePort?: int32
}

export interface SessionAffinityConfig {
  clientIP?: ClientIPConfig
}

export interface ClientIPConfig {
  timeoutSeconds?: int32
}

export interface ServiceStatus {
  /** @default {} */
  loadBalancer?: LoadBalancerStatus
  /** @listMap type */
  conditions?: Condition[]
}

export interface LoadBalancerStatus {
  ingress?: LoadBalancerIngress[]
}

export interface LoadBalancerIngress {
  ip?: string
  hostname?: string
  ipMode?: LoadBalancerIPMode
  ports?: PortStatus[]
}

export interface PortStatus {
  port: int32
  protocol: Protocol
  error?: string
}

/** Several objects of kind Service, as a list request returns them. */
export interface ServiceList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Service[]
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP'

export type ServiceType = 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName'

export type ServiceAffinity = 'ClientIP' | 'None'

export type ServiceInternalTrafficPolicy = 'Cluster' | 'Local'

export type ServiceExternalTrafficPolicy = 'Cluster' | 'Local'

export type IPFamily = 'IPv4' | 'IPv6' | ''

export type IPFamilyPolicy = 'SingleStack' | 'PreferDualStack' | 'RequireDualStack'

export type LoadBalancerIPMode = 'VIP' | 'Proxy'

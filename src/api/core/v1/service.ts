// Services: one stable address for a changing set of pods.
import { resource } from '#api/resource.ts'
import type { Condition } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { IntOrString, int32 } from '#api/scalars.ts'

/** Gives a set of pods one name and one address and spreads connections over them. */
export interface Service extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** What the service selects and how it is reached. @default {} @optional */
  spec: ServiceSpec
  /** What the load balancer in front of it reports. @default {} */
  status?: ServiceStatus
}

/** The kind Service as it is addressed: `services`. */
export const services = resource<Service>({
  group: '',
  version: 'v1',
  kind: 'Service',
  plural: 'services',
  scope: 'Namespaced',
  shortNames: ['svc'],
  categories: ['all'],
})

/** What a service selects and how it is reached. */
export interface ServiceSpec {
  /** The ports of the service. @listMap port protocol */
  ports?: ServicePort[]
  /** Labels of the pods behind it; when absent someone else keeps its endpoints. @atomic */
  selector?: Record<string, string>
  /** The address inside the cluster: chosen when absent, `None` for a headless service. */
  clusterIP?: string
  /** The addresses inside the cluster, at most one per family; the first equals `clusterIP`. */
  clusterIPs?: string[]
  /** Where the service can be reached from. @default ClusterIP */
  type?: ServiceType
  /** Further addresses for which nodes accept traffic to the service; routing them there is up to you. */
  externalIPs?: string[]
  /** Whether a client always reaches the same pod. @default None */
  sessionAffinity?: ServiceAffinity
  /** The address asked of the load balancer; support differs, and annotations of the provider are preferred. */
  loadBalancerIP?: string
  /** Address ranges that may use the load balancer; all when absent. */
  loadBalancerSourceRanges?: string[]
  /** The host name that the service stands for; only with type `ExternalName`. */
  externalName?: string
  /** Whether traffic from outside may go on to pods of other nodes; `Local` keeps the client's address. */
  externalTrafficPolicy?: ServiceExternalTrafficPolicy
  /** The port on which nodes say whether they have pods of the service; chosen when absent and needed. */
  healthCheckNodePort?: int32
  /** Counts pods as ready even when they are not; meant for headless services of clustered software. */
  publishNotReadyAddresses?: boolean
  /** Settings of the session affinity. */
  sessionAffinityConfig?: SessionAffinityConfig
  /** Which address families the service has, in order; follows from the cluster and `ipFamilyPolicy` when absent. */
  ipFamilies?: IPFamily[]
  /** Whether the service has one or two address families. */
  ipFamilyPolicy?: IPFamilyPolicy
  /** Whether a load balancer also gets node ports; true unless set. */
  allocateLoadBalancerNodePorts?: boolean
  /** Which implementation makes the load balancer; the default one when absent. Cannot be changed later. */
  loadBalancerClass?: string
  /** Whether traffic from inside the cluster stays on its node. */
  internalTrafficPolicy?: ServiceInternalTrafficPolicy
  /** A wish to prefer close endpoints, such as `PreferSameZone` or `PreferSameNode`. */
  trafficDistribution?: string
}

/** One port of a service. */
export interface ServicePort {
  /** Unique in the service; may be left out when there is only one port. */
  name?: string
  /** The transport of the port. @default TCP */
  protocol?: Protocol
  /** What is spoken on the port, such as `https` or `kubernetes.io/h2c`; a hint for those in between. */
  appProtocol?: string
  /** The port of the service. @minimum 1 @maximum 65535 */
  port: int32
  /** The port of the pods, by number or by the name of a container port; the same as `port` when absent. */
  targetPort?: IntOrString
  /** The port of every node that leads here; chosen when absent and needed. */
  nodePort?: int32
}

/** Settings of the session affinity. */
export interface SessionAffinityConfig {
  /** Settings of type `ClientIP`. */
  clientIP?: ClientIPConfig
}

/** How long a client keeps its pod. */
export interface ClientIPConfig {
  /** Seconds after the last connection, at most a day; three hours when absent. */
  timeoutSeconds?: int32
}

/** What is known about a service at present. */
export interface ServiceStatus {
  /** Where the load balancer can be reached. @default {} */
  loadBalancer?: LoadBalancerStatus
  /** Facts about the service. @listMap type */
  conditions?: Condition[]
}

/** Where a load balancer can be reached. */
export interface LoadBalancerStatus {
  /** Its entry points. */
  ingress?: LoadBalancerIngress[]
}

/** One entry point of a load balancer. */
export interface LoadBalancerIngress {
  /** Its address, when it has one. */
  ip?: string
  /** Its host name, when it has one. */
  hostname?: string
  /** Whether packets arrive with this address (`VIP`) or with that of the node or pod (`Proxy`); needs `ip`. */
  ipMode?: LoadBalancerIPMode
  /** The state of each port. */
  ports?: PortStatus[]
}

/** The state of one port of a load balancer. */
export interface PortStatus {
  /** The port. */
  port: int32
  /** Its transport. */
  protocol: Protocol
  /** Why the port does not work, in CamelCase or with the provider's prefix. */
  error?: string
}

/** Several objects of kind Service, as a list request returns them. */
export interface ServiceList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Service[]
}

/** A transport protocol. */
export type Protocol = 'SCTP' | 'TCP' | 'UDP'

/** Inside the cluster, on a port of every node, behind a load balancer, or only an alias. */
export type ServiceType = 'ClusterIP' | 'ExternalName' | 'LoadBalancer' | 'NodePort'

/** Whether the client's address decides which pod serves it. */
export type ServiceAffinity = 'ClientIP' | 'None'

/** All endpoints, or only those on the same node. */
export type ServiceInternalTrafficPolicy = 'Cluster' | 'Local'

/** All endpoints, or only those on the node that was reached. */
export type ServiceExternalTrafficPolicy = 'Cluster' | 'Local'

/** An address family; empty when it cannot be told. */
export type IPFamily = '' | 'IPv4' | 'IPv6'

/** One family, two when the cluster has them, or two in any case. */
export type IPFamilyPolicy = 'PreferDualStack' | 'RequireDualStack' | 'SingleStack'

/** How the address of a load balancer is to be treated. @unlisted */
export type LoadBalancerIPMode = 'Proxy' | 'VIP'

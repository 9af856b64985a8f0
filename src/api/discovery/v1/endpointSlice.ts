// Endpoint slices: the addresses behind a service, in pieces that stay small.
import { resource } from '#api/resource.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { Protocol } from '#api/core/v1/service.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'

/** Some of the addresses behind a service, all of one type. */
export interface EndpointSlice extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** The type of all addresses of the slice. @immutable */
  addressType: AddressType
  /** The endpoints, at most 1000. */
  endpoints: Endpoint[] | null
  /** The ports of all endpoints, at most 100; none means that there are no ports. */
  ports?: EndpointPort[] | null
}

/** The kind EndpointSlice as it is addressed: `endpointslices` of discovery.k8s.io. */
export const endpointSlices = resource<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
})

/** One endpoint behind a service, usually a pod. */
export interface Endpoint {
  /** Its addresses, at most 100; consumers need only look at the first. @listSet */
  addresses: string[]
  /** Whether it takes connections. @default {} */
  conditions?: EndpointConditions
  /** The host name of the endpoint; unique in the service when given. */
  hostname?: string
  /** The object that it stands for, usually a pod. */
  targetRef?: ObjectReference
  /** Topology labels from the v1beta1 version; read only. */
  deprecatedTopology?: Record<string, string>
  /** The node that it is on. */
  nodeName?: string
  /** The zone that it is in. */
  zone?: string
  /** Who should preferably use it. */
  hints?: EndpointHints
}

/** Whether an endpoint takes connections; unknown counts as true for `ready` and `serving`. */
export interface EndpointConditions {
  /** It takes new connections: it serves and is not on its way out. */
  ready?: boolean
  /** It works, even when it is on its way out. */
  serving?: boolean
  /** It is on its way out. */
  terminating?: boolean
}

/** Who should preferably use an endpoint. */
export interface EndpointHints {
  /** Zones that should use it; at most 8. */
  forZones?: ForZone[]
  /** Nodes that should use it; at most 8. */
  forNodes?: ForNode[]
}

/** One zone. */
export interface ForZone {
  /** The zone. */
  name: string
}

/** One node. */
export interface ForNode {
  /** The node. */
  name: string
}

/** One port of the endpoints. @atomic */
export interface EndpointPort {
  /** The name of the service's port; unique in the slice. @default "" */
  name?: string
  /** The transport of the port. @default TCP */
  protocol?: Protocol
  /** The number; absent means all ports, as far as the consumer supports it. */
  port?: int32
  /** What is spoken on the port; a hint for those in between. */
  appProtocol?: string
}

/** Several objects of kind EndpointSlice, as a list request returns them. */
export interface EndpointSliceList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: EndpointSlice[]
}

/** The sort of address; FQDN is deprecated. */
export type AddressType = 'FQDN' | 'IPv4' | 'IPv6'

// Endpoints: the older list of the addresses behind a service; EndpointSlices have replaced it.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'
import type { ObjectReference } from './reference.ts'
import type { Protocol } from './service.ts'

/** The addresses behind the service of the same name; EndpointSlices have replaced it. */
export interface Endpoints extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Groups of addresses with equal ports. */
  subsets?: EndpointSubset[]
}

/** The kind Endpoints as it is addressed: `endpoints`. */
export const endpoints = resource<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  scope: 'Namespaced',
  shortNames: ['ep'],
  singular: 'endpoints',
})

/** Addresses that all have the same ports. */
export interface EndpointSubset {
  /** Addresses that are ready. */
  addresses?: EndpointAddress[]
  /** Addresses that are not ready. */
  notReadyAddresses?: EndpointAddress[]
  /** The ports of all of them. */
  ports?: EndpointPort[]
}

/** One address behind a service. @atomic */
export interface EndpointAddress {
  /** The address; neither loopback nor link-local. */
  ip: string
  /** The host name of this endpoint. */
  hostname?: string
  /** The node that it is on. */
  nodeName?: string
  /** The pod that has the address. */
  targetRef?: ObjectReference
}

/** One port of the addresses. @atomic */
export interface EndpointPort {
  /** The name of the service's port; may be absent when there is only one. */
  name?: string
  /** The port of the addresses. @minimum 1 @maximum 65535 */
  port: int32
  /** The transport of the port. @default TCP */
  protocol?: Protocol
  /** What is spoken on the port; a hint for those in between. */
  appProtocol?: string
}

/** Several objects of kind Endpoints, as a list request returns them. */
export interface EndpointsList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Endpoints[]
}

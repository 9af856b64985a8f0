import { resource } from '#api/resource.ts'
import type { ObjectReference } from '#api/core/v1/reference.ts'
import type { Protocol } from '#api/core/v1/service.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'

export interface EndpointSlice extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** @immutable */
  addressType: AddressType
  endpoints: Endpoint[]
  ports?: EndpointPort[]
}

export const endpointSlices = resource<EndpointSlice>({
  group: 'discovery.k8s.io',
  version: 'v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  scope: 'Namespaced',
})

export interface Endpoint {
  /** @listSet */
  addresses: string[]
  /** @default {} */
  conditions?: EndpointConditions
  hostname?: string
  targetRef?: ObjectReference
  deprecatedTopology?: Record<string, string>
  nodeName?: string
  zone?: string
  hints?: EndpointHints
}

export interface EndpointConditions {
  ready?: boolean
  serving?: boolean
  terminating?: boolean
}

export interface EndpointHints {
  forZones?: ForZone[]
  forNodes?: ForNode[]
}

export interface ForZone {
  name: string
}

export interface ForNode {
  name: string
}

/** @atomic */
export interface EndpointPort {
  /** @default "" */
  name?: string
  /** @default TCP */
  protocol?: Protocol
  port?: int32
  appProtocol?: string
}

/** Several objects of kind EndpointSlice, as a list request returns them. */
export interface EndpointSliceList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: EndpointSlice[]
}

export type AddressType = 'IPv4' | 'IPv6' | 'FQDN'

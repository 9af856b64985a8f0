import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { int32 } from '#api/scalars.ts'
import type { ObjectReference } from './reference.ts'
import type { Protocol } from './service.ts'

export interface Endpoints extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  subsets?: EndpointSubset[]
}

export const endpoints = resource<Endpoints>({
  group: '',
  version: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  scope: 'Namespaced',
  shortNames: ['ep'],
  singular: 'endpoints',
})

export interface EndpointSubset {
  addresses?: EndpointAddress[]
  notReadyAddresses?: EndpointAddress[]
  ports?: EndpointPort[]
}

/** @atomic */
export interface EndpointAddress {
  ip: string
  hostname?: string
  nodeName?: string
  targetRef?: ObjectReference
}

/** @atomic */
export interface EndpointPort {
  name?: string
  /** @minimum 1 @maximum 65535 */
  port: int32
  /** @default TCP */
  protocol?: Protocol
  appProtocol?: string
}

/** Several objects of kind Endpoints, as a list request returns them. */
export interface EndpointsList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: Endpoints[]
}

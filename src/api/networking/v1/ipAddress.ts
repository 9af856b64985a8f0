// Addresses of the cluster that are in use.
import { resource } from '#api/resource.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Says that an address is in use, and by whom. The address is the name, in its canonical form. */
export interface IPAddress extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** By whom the address is used. @default {} @optional */
  spec: IPAddressSpec
}

/** The kind IPAddress as it is addressed: `ipaddresses` of networking.k8s.io. */
export const ipAddresses = resource<IPAddress>({
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'IPAddress',
  plural: 'ipaddresses',
  scope: 'Cluster',
  shortNames: ['ip'],
})

/** By whom an address is used. */
export interface IPAddressSpec {
  /** The object that has the address; cannot be changed. */
  parentRef: ParentReference
}

/** Points to the object that has an address. */
export interface ParentReference {
  /** Group of the resource; absent for the core group. */
  group?: string
  /** The resource, in lower case and plural: `services`. */
  resource: string
  /** Namespace of the object, where it has one. */
  namespace?: string
  /** Name of the object. */
  name: string
}

/** Several objects of kind IPAddress, as a list request returns them. */
export interface IPAddressList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: IPAddress[]
}

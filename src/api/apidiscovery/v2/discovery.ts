import type { GroupVersionKind } from '#api/meta/v1/groupVersion.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** Several objects of kind APIGroupDiscovery, as a list request returns them. */
export interface APIGroupDiscoveryList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by namespace and name. */
  items: APIGroupDiscovery[]
}

export interface APIGroupDiscovery extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  versions?: APIVersionDiscovery[]
}

export interface APIVersionDiscovery {
  version: string
  resources?: APIResourceDiscovery[]
  freshness?: DiscoveryFreshness
}

export interface APIResourceDiscovery {
  resource: string
  responseKind?: GroupVersionKind
  scope: ResourceScope
  singularResource: string
  verbs: string[]
  shortNames?: string[]
  categories?: string[]
  subresources?: APISubresourceDiscovery[]
}

export interface APISubresourceDiscovery {
  subresource: string
  responseKind?: GroupVersionKind
  acceptedTypes?: GroupVersionKind[]
  verbs: string[]
}

export type ResourceScope = 'Cluster' | 'Namespaced'

export type DiscoveryFreshness = 'Current' | 'Stale'

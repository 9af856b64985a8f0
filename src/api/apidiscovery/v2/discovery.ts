// What a server says about its groups and kinds, all in one document.
import type { GroupVersionKind } from '#api/meta/v1/groupVersion.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'

/** All groups that the server knows. */
export interface APIGroupDiscoveryList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The groups, in the order in which clients should look. */
  items: APIGroupDiscovery[]
}

/** One group and what it serves. */
export interface APIGroupDiscovery extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Its versions, the preferred one first. */
  versions?: APIVersionDiscovery[]
}

/** One version of a group. */
export interface APIVersionDiscovery {
  /** The version. */
  version: string
  /** What it serves. */
  resources?: APIResourceDiscovery[]
  /** Whether the server that serves it answered lately. */
  freshness?: DiscoveryFreshness
}

/** One resource and what can be done with it. */
export interface APIResourceDiscovery {
  /** Its name in paths. */
  resource: string
  /** The kind of its objects. */
  responseKind?: GroupVersionKind
  /** Whether its objects live in namespaces. */
  scope: ResourceScope
  /** Its name for a single object. */
  singularResource: string
  /** What can be done with it. */
  verbs: string[]
  /** Short names for the command line. */
  shortNames?: string[]
  /** Groups of resources to which it belongs, such as `all`. */
  categories?: string[]
  /** What is below each of its objects. */
  subresources?: APISubresourceDiscovery[]
}

/** One subresource and what can be done with it. */
export interface APISubresourceDiscovery {
  /** Its name. */
  subresource: string
  /** The kind of its objects, when they have one. */
  responseKind?: GroupVersionKind
  /** The kinds that it takes as body, when they differ from `responseKind`. */
  acceptedTypes?: GroupVersionKind[]
  /** What can be done with it. */
  verbs: string[]
}

/** Once for the cluster, or in namespaces. */
export type ResourceScope = 'Cluster' | 'Namespaced'

/** Whether what is said was learned lately. */
export type DiscoveryFreshness = 'Current' | 'Stale'

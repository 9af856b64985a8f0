// What a server says about the groups and kinds that it serves, one document for each group version.
import type { TypeMeta } from './objectMeta.ts'

/** The versions of the core group. */
export interface APIVersions extends TypeMeta {
  /** The versions. */
  versions: string[]
  /** Which address clients from which network should use. */
  serverAddressByClientCIDRs: ServerAddressByClientCIDR[]
}

/** All named groups. */
export interface APIGroupList extends TypeMeta {
  /** The groups. */
  groups: APIGroup[]
}

/** One named group and its versions. */
export interface APIGroup extends TypeMeta {
  /** The group. */
  name: string
  /** Its versions, the preferred one first. */
  versions: GroupVersionForDiscovery[]
  /** The version that clients should use. */
  preferredVersion?: GroupVersionForDiscovery
  /** Which address clients from which network should use. */
  serverAddressByClientCIDRs?: ServerAddressByClientCIDR[]
}

/** One version of a group. */
export interface GroupVersionForDiscovery {
  /** Both, as in `apps/v1`. */
  groupVersion: string
  /** The version alone. */
  version: string
}

/** Which address clients from one network should use. */
export interface ServerAddressByClientCIDR {
  /** The network of the client. */
  clientCIDR: string
  /** The address, with an optional port. */
  serverAddress: string
}

/** The resources of one group version. */
export interface APIResourceList extends TypeMeta {
  /** The group version. */
  groupVersion: string
  /** The resources and their subresources. */
  resources: APIResource[]
}

/** One resource and what can be done with it. */
export interface APIResource {
  /** Its name in paths; for a subresource with that of the resource and a slash in front. */
  name: string
  /** Its name for a single object. */
  singularName: string
  /** Whether its objects live in namespaces. */
  namespaced: boolean
  /** The group of the kind, when it is another than that of the list. */
  group?: string
  /** The version of the kind, when it is another than that of the list. */
  version?: string
  /** The kind of its objects. */
  kind: string
  /** What can be done with it. */
  verbs: string[]
  /** Short names for the command line. */
  shortNames?: string[]
  /** Groups of resources to which it belongs, such as `all`. */
  categories?: string[]
  /** Changes when the version in which objects are stored does. */
  storageVersionHash?: string
}

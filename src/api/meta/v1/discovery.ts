import type { TypeMeta } from './objectMeta.ts'

export interface APIVersions extends TypeMeta {
  versions: string[]
  serverAddressByClientCIDRs: ServerAddressByClientCIDR[]
}

/** Several objects of kind APIGroup, as a list request returns them. */
export interface APIGroupList extends TypeMeta {
  groups: APIGroup[]
}

export interface APIGroup extends TypeMeta {
  name: string
  versions: GroupVersionForDiscovery[]
  preferredVersion?: GroupVersionForDiscovery
  serverAddressByClientCIDRs?: ServerAddressByClientCIDR[]
}

export interface GroupVersionForDiscovery {
  groupVersion: string
  version: string
}

export interface ServerAddressByClientCIDR {
  clientCIDR: string
  serverAddress: string
}

/** Several objects of kind APIResource, as a list request returns them. */
export interface APIResourceList extends TypeMeta {
  groupVersion: string
  resources: APIResource[]
}

export interface APIResource {
  name: string
  singularName: string
  namespaced: boolean
  group?: string
  version?: string
  kind: string
  verbs: string[]
  shortNames?: string[]
  categories?: string[]
  storageVersionHash?: string
}

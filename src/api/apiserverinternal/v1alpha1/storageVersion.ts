// In which versions each of several API servers writes and reads.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time, int64 } from '#api/scalars.ts'

/**
 * Says in which versions the API servers of a cluster store the objects of a resource. Its name is
 * `<group>.<resource>`.
 */
export interface StorageVersion extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Always empty. @default {} */
  spec: StorageVersionSpec
  /** What each server does. @default {} */
  status: StorageVersionStatus
}

/** The kind StorageVersion as it is addressed: `storageversions` of internal.apiserver.k8s.io. */
export const storageVersions = resource<StorageVersion>({
  group: 'internal.apiserver.k8s.io',
  version: 'v1alpha1',
  kind: 'StorageVersion',
  plural: 'storageversions',
  scope: 'Cluster',
})

/** Nothing. */
export interface StorageVersionSpec {}

/** In which versions API servers store objects. */
export interface StorageVersionStatus {
  /** Each server with its versions. @listMap apiServerID @replace */
  storageVersions?: ServerStorageVersion[]
  /** The version in which all of them write; absent while they differ. */
  commonEncodingVersion?: string
  /** Whether all servers write in the same version. @listMap type @replace */
  conditions?: StorageVersionCondition[]
}

/** The versions of one API server. */
export interface ServerStorageVersion {
  /** The server. */
  apiServerID?: string
  /** The version in which it writes. */
  encodingVersion?: string
  /** The versions that it can read; the one in which it writes is among them. @listSet */
  decodableVersions?: string[]
  /** The versions that it serves; a part of those that it can read. @listSet */
  servedVersions?: string[]
}

/** One fact about the versions of a resource. */
export interface StorageVersionCondition {
  /** The kind of fact; `AllEncodingVersionsEqual` is one. */
  type: string
  /** Whether it holds. */
  status: ConditionStatus
  /** The `metadata.generation` that it is about. */
  observedGeneration?: int64
  /** When `status` last changed. */
  lastTransitionTime?: Time
  /** One word in CamelCase that says why, for programs. */
  reason: string
  /** Why, for people. */
  message: string
}

/** Several objects of kind StorageVersion, as a list request returns them. */
export interface StorageVersionList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. */
  items: StorageVersion[]
}

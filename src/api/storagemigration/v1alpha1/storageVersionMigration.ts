// Migrations: objects that are written anew in the version in which they are stored now.
import { resource } from '#api/resource.ts'
import type { ConditionStatus } from '#api/meta/v1/condition.ts'
import type { ListMeta } from '#api/meta/v1/list.ts'
import type { ObjectMeta, TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Time } from '#api/scalars.ts'

/** Asks for all objects of a resource to be written anew, in the version in which they are stored now. */
export interface StorageVersionMigration extends TypeMeta {
  /** Name, labels, owners and what else every object carries. @optional */
  metadata: ObjectMeta
  /** Which resource. @default {} @optional */
  spec: StorageVersionMigrationSpec
  /** How far it is. @default {} */
  status?: StorageVersionMigrationStatus
}

/** The kind StorageVersionMigration as it is addressed: `storageversionmigrations` of storagemigration.k8s.io. */
export const storageVersionMigrations = resource<StorageVersionMigration>({
  group: 'storagemigration.k8s.io',
  version: 'v1alpha1',
  kind: 'StorageVersionMigration',
  plural: 'storageversionmigrations',
  scope: 'Cluster',
})

/** The resource whose objects are written anew. */
export interface StorageVersionMigrationSpec {
  /** The resource. @default {} */
  resource: GroupVersionResource
  /** Where the list of objects goes on; kept by the controller. */
  continueToken?: string
}

/** How far a migration is. */
export interface StorageVersionMigrationStatus {
  /** Whether it runs, succeeded or failed. @listMap type */
  conditions?: MigrationCondition[]
  /** The newest revision when it began; only older objects are written. */
  resourceVersion?: string
}

/** A resource by its names. */
export interface GroupVersionResource {
  /** The API group; empty for the core group. */
  group?: string
  /** The version. */
  version?: string
  /** The plural name in lower case. */
  resource?: string
}

/** One fact about a migration. */
export interface MigrationCondition {
  /** The kind of fact. @unlisted */
  type: 'Failed' | 'Running' | 'Succeeded'
  /** Whether it holds. */
  status: ConditionStatus
  /** When it was last written. */
  lastUpdateTime?: Time
  /** One word in CamelCase that says why, for programs. */
  reason?: string
  /** Why, for people. */
  message?: string
}

/** Several objects of kind StorageVersionMigration, as a list request returns them. */
export interface StorageVersionMigrationList extends TypeMeta {
  /** The revision that was read and where to continue. @optional */
  metadata: ListMeta
  /** The objects, ordered by name. @listMap type */
  items: StorageVersionMigration[]
}

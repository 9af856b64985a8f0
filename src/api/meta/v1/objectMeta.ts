// What every object carries besides its own fields.
import type { Time, int64 } from '#api/scalars.ts'

/** Says what an object is. */
export interface TypeMeta {
  /** The kind of the object, such as `Pod`. @optional */
  kind: string
  /** Group and version in which the object is written, such as `v1` or `apps/v1`. @optional */
  apiVersion: string
}

/** Name, labels, owners and what else every object carries. */
export interface ObjectMeta {
  /** Unique among objects of the kind in the namespace; cannot be changed. @optional */
  name: string
  /** A beginning for the name, to which the server adds random letters; only when `name` is absent. */
  generateName?: string
  /** The namespace, for kinds that live in one; `default` when absent. Cannot be changed. */
  namespace?: string
  /** No longer used. */
  selfLink?: string
  /** Identifies this object among all that ever were; set by the server. */
  uid?: string
  /** The revision of the last change; only to be compared for equality and handed back to the server. */
  resourceVersion?: string
  /** Counts changes of the desired state; set by the server. */
  generation?: int64
  /** When the object was made; set by the server. */
  creationTimestamp?: Time
  /** When the object is to be gone; set by the server when deletion is asked for, and never taken back. */
  deletionTimestamp?: Time
  /** Seconds that were granted for a graceful deletion; can only get shorter. */
  deletionGracePeriodSeconds?: int64
  /** Short values by key, by which objects are selected. */
  labels?: Record<string, string>
  /** Any text by key, for programs and people; not for selecting. */
  annotations?: Record<string, string>
  /** Objects without which this one is removed; at most one of them is the controller. @listMap uid */
  ownerReferences?: OwnerReference[]
  /** Who has to clean up before the object can be removed; each takes out its own entry. @listSet @merge */
  finalizers?: string[]
  /** Which client set which fields; kept by the server. */
  managedFields?: ManagedFieldsEntry[]
}

/** Points to an owner in the same namespace or without one. @atomic */
export interface OwnerReference {
  /** Group and version of the owner. */
  apiVersion: string
  /** Kind of the owner. */
  kind: string
  /** Name of the owner. */
  name: string
  /** The owner's uid. */
  uid: string
  /** Whether this owner manages the object. */
  controller?: boolean
  /** Whether the owner, deleted in the foreground, waits for this object to go. */
  blockOwnerDeletion?: boolean
}

/** The fields that one client set in one way. */
export interface ManagedFieldsEntry {
  /** Names the client. */
  manager?: string
  /** How it set them. */
  operation?: ManagedFieldsOperation
  /** The version in which the fields are written. */
  apiVersion?: string
  /** When the set of fields last changed. */
  time?: Time
  /** The format of the fields: `FieldsV1`. */
  fieldsType?: string
  /** The fields. */
  fieldsV1?: FieldsV1
  /** Through which subresource it set them; empty for the object itself. */
  subresource?: string
}

/** A set of fields as a tree: `f:name` for a field, `k:{…}` and `v:…` for list items, `.` for the item itself. */
export type FieldsV1 = Record<string, unknown>

/** Server-side apply, or any other write. @unlisted */
export type ManagedFieldsOperation = 'Apply' | 'Update'

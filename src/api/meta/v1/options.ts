// What a request says besides the object: query parameters, and the body of a deletion.
import type { int64 } from '#api/scalars.ts'

/** How to read one object. */
export interface GetOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** The object must be at least this recent; the latest when absent, any when `0`. */
  resourceVersion?: string
}

/** Which objects to list or watch, and as of when. */
export interface ListOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** Only objects whose labels match. */
  labelSelector?: string
  /** Only objects whose fields match. */
  fieldSelector?: string
  /** Sends changes as they happen instead of a list. */
  watch?: boolean
  /** Lets the server send bookmarks, which carry nothing but a revision. */
  allowWatchBookmarks?: boolean
  /** As of which revision; see `resourceVersionMatch`. */
  resourceVersion?: string
  /** How `resourceVersion` is meant in a list. */
  resourceVersionMatch?: ResourceVersionMatch
  /** Ends the list or watch after so many seconds. */
  timeoutSeconds?: int64
  /** The most items in one answer; the rest follows with `continue`. */
  limit?: int64
  /** The token from the page before. */
  continue?: string
  /** Starts a watch with what exists already, closed by a bookmark. */
  sendInitialEvents?: boolean
}

/** How to create an object. */
export interface CreateOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** `All` does everything but store the result. */
  dryRun?: string[]
  /** The client's name in the managed fields; taken from its user agent when absent. */
  fieldManager?: string
  /** What unknown or repeated fields lead to: `Ignore`, `Warn` or `Strict`. */
  fieldValidation?: string
}

/** How to replace an object. */
export interface UpdateOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** `All` does everything but store the result. */
  dryRun?: string[]
  /** The client's name in the managed fields; taken from its user agent when absent. */
  fieldManager?: string
  /** What unknown or repeated fields lead to: `Ignore`, `Warn` or `Strict`. */
  fieldValidation?: string
}

/** How to change an object in parts. */
export interface PatchOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** `All` does everything but store the result. */
  dryRun?: string[]
  /** Takes over fields of other clients; for server-side apply only. */
  force?: boolean
  /** The client's name in the managed fields; must be given for server-side apply. */
  fieldManager?: string
  /** What unknown or repeated fields lead to: `Ignore`, `Warn` or `Strict`. */
  fieldValidation?: string
}

/** How to delete objects. */
export interface DeleteOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** Seconds until the object is removed; 0 at once, the kind's default when absent. */
  gracePeriodSeconds?: int64
  /** Deletes only when these still hold. */
  preconditions?: Preconditions
  /** An older way to say `propagationPolicy`; not together with it. */
  orphanDependents?: boolean
  /** What happens to the objects that this one owns; the kind's default when absent. */
  propagationPolicy?: DeletionPropagation
  /** `All` does everything but store the result. */
  dryRun?: string[]
  /** Also deletes an object that cannot be read from the store, without finalizers or other care. */
  ignoreStoreReadErrorWithClusterBreakingPotential?: boolean
}

/** What must hold for an object to be deleted. */
export interface Preconditions {
  /** The object's uid. */
  uid?: string
  /** The object's revision. */
  resourceVersion?: string
}

/** How to show objects as a table. */
export interface TableOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  /** How much of each object comes with its row. */
  includeObject?: IncludeObjectPolicy
}

/** Owned objects are left alone, removed afterwards, or removed first. @unlisted */
export type DeletionPropagation = 'Background' | 'Foreground' | 'Orphan'

/** Exactly the revision, or that one or a later one. */
export type ResourceVersionMatch = 'Exact' | 'NotOlderThan'

/** Nothing, the metadata, or all of an object. */
export type IncludeObjectPolicy = 'None' | 'Metadata' | 'Object'

import type { int64 } from '#api/scalars.ts'

export interface GetOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  resourceVersion?: string
}

export interface ListOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  labelSelector?: string
  fieldSelector?: string
  watch?: boolean
  allowWatchBookmarks?: boolean
  resourceVersion?: string
  resourceVersionMatch?: ResourceVersionMatch
  timeoutSeconds?: int64
  limit?: int64
  continue?: string
  sendInitialEvents?: boolean
}

export interface CreateOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  dryRun?: string[]
  fieldManager?: string
  fieldValidation?: string
}

export interface UpdateOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  dryRun?: string[]
  fieldManager?: string
  fieldValidation?: string
}

export interface PatchOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  dryRun?: string[]
  force?: boolean
  fieldManager?: string
  fieldValidation?: string
}

export interface DeleteOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  gracePeriodSeconds?: int64
  preconditions?: Preconditions
  orphanDependents?: boolean
  propagationPolicy?: DeletionPropagation
  dryRun?: string[]
  ignoreStoreReadErrorWithClusterBreakingPotential?: boolean
}

export interface Preconditions {
  uid?: string
  resourceVersion?: string
}

export interface TableOptions {
  /** Kind of these options, when they are sent as a body. */
  kind?: string
  /** Version of these options, when they are sent as a body. */
  apiVersion?: string
  includeObject?: IncludeObjectPolicy
}

export type DeletionPropagation = 'Orphan' | 'Background' | 'Foreground'

export type ResourceVersionMatch = 'Exact' | 'NotOlderThan'

export type IncludeObjectPolicy = 'None' | 'Metadata' | 'Object'

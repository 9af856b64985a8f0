import type { int64 } from '#api/scalars.ts'

export interface GetOptions {
  kind?: string
  apiVersion?: string
  resourceVersion?: string
}

export interface ListOptions {
  kind?: string
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
  kind?: string
  apiVersion?: string
  dryRun?: string[]
  fieldManager?: string
  fieldValidation?: string
}

export interface UpdateOptions {
  kind?: string
  apiVersion?: string
  dryRun?: string[]
  fieldManager?: string
  fieldValidation?: string
}

export interface PatchOptions {
  kind?: string
  apiVersion?: string
  dryRun?: string[]
  force?: boolean
  fieldManager?: string
  fieldValidation?: string
}

export interface DeleteOptions {
  kind?: string
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
  kind?: string
  apiVersion?: string
  includeObject?: IncludeObjectPolicy
}

export type DeletionPropagation = 'Orphan' | 'Background' | 'Foreground'

export type ResourceVersionMatch = 'Exact' | 'NotOlderThan'

export type IncludeObjectPolicy = 'None' | 'Metadata' | 'Object'

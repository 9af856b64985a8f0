import type { Time, int64 } from '#api/scalars.ts'

export interface TypeMeta {
  /** @optional */
  kind: string
  /** @optional */
  apiVersion: string
}

export interface ObjectMeta {
  /** @optional */
  name: string
  generateName?: string
  namespace?: string
  selfLink?: string
  uid?: string
  resourceVersion?: string
  generation?: int64
  creationTimestamp?: Time
  deletionTimestamp?: Time
  deletionGracePeriodSeconds?: int64
  labels?: Record<string, string>
  annotations?: Record<string, string>
  /** @listMap uid */
  ownerReferences?: OwnerReference[]
  /** @listSet @merge */
  finalizers?: string[]
  managedFields?: ManagedFieldsEntry[]
}

/** @atomic */
export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

export interface ManagedFieldsEntry {
  manager?: string
  operation?: ManagedFieldsOperation
  apiVersion?: string
  time?: Time
  fieldsType?: string
  fieldsV1?: FieldsV1
  subresource?: string
}

export type FieldsV1 = Record<string, unknown>

export type ManagedFieldsOperation = 'Apply' | 'Update'

import type { int32 } from '#api/scalars.ts'
import type { ListMeta } from './list.ts'
import type { TypeMeta } from './objectMeta.ts'

export interface Status extends TypeMeta {
  /** Name, labels, owners and what else every object carries. */
  metadata?: ListMeta
  status?: string
  message?: string
  reason?: string
  details?: StatusDetails
  code?: int32
}

export interface StatusDetails {
  name?: string
  group?: string
  kind?: string
  uid?: string
  causes?: StatusCause[]
  retryAfterSeconds?: int32
}

export interface StatusCause {
  reason?: string
  message?: string
  field?: string
}

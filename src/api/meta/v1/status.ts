// What the server answers when there is no object to return.
import type { int32 } from '#api/scalars.ts'
import type { ListMeta } from './list.ts'
import type { TypeMeta } from './objectMeta.ts'

/** The outcome of a request that returns no object. */
export interface Status extends TypeMeta {
  /** Empty; a Status is never stored. */
  metadata?: ListMeta
  /** `Success` or `Failure`. */
  status?: string
  /** What happened, for people. */
  message?: string
  /** Why it failed, in one word, such as `NotFound`. */
  reason?: string
  /** What the reason is about. */
  details?: StatusDetails
  /** The HTTP status code. */
  code?: int32
}

/** What a failure is about. */
export interface StatusDetails {
  /** The object. */
  name?: string
  /** The group of the object's kind. */
  group?: string
  /** The kind or the resource. */
  kind?: string
  /** The uid of the object. */
  uid?: string
  /** Each thing that was wrong. */
  causes?: StatusCause[]
  /** Seconds to wait before another try makes sense. */
  retryAfterSeconds?: int32
}

/** One thing that was wrong with a request. */
export interface StatusCause {
  /** What sort of mistake it is, in one word. */
  reason?: string
  /** What is wrong, for people. */
  message?: string
  /** The field, such as `spec.containers[0].name`. */
  field?: string
}

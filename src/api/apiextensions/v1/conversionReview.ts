// What the API server and a conversion server say to each other.
import type { Status } from '#api/meta/v1/status.ts'
import type { TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { RawExtension } from '#api/scalars.ts'

/** Asks a server to convert custom objects, or is its answer. */
export interface ConversionReview extends TypeMeta {
  /** What is to be converted. */
  request?: ConversionRequest
  /** The converted objects. */
  response?: ConversionResponse
}

/** Objects that are to be converted. */
export interface ConversionRequest {
  /** Tells this question from others; the answer repeats it. */
  uid: string
  /** The group and version that the objects are wanted in. */
  desiredAPIVersion: string
  /** The objects, possibly in several versions. @atomic */
  objects: RawExtension[]
}

/** Objects that were converted. */
export interface ConversionResponse {
  /** The `uid` of the question. */
  uid: string
  /** The objects in the order of the question, in the wanted version. @atomic */
  convertedObjects: RawExtension[]
  /** Whether all went well, and if not, what is wrong. */
  result: Status
}

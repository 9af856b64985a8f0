// What is asked of admission webhooks and what they answer. Never stored, never served.
import type { UserInfo } from '#api/authentication/v1/tokenReview.ts'
import type { GroupVersionKind, GroupVersionResource } from '#api/meta/v1/groupVersion.ts'
import type { TypeMeta } from '#api/meta/v1/objectMeta.ts'
import type { Status } from '#api/meta/v1/status.ts'
import type { Bytes, RawExtension } from '#api/scalars.ts'

/** A question to a webhook, or its answer. */
export interface AdmissionReview extends TypeMeta {
  /** The question. */
  request?: AdmissionRequest
  /** The answer. */
  response?: AdmissionResponse
}

/** One write, or one connection, as a webhook sees it. */
export interface AdmissionRequest {
  /** Of this call; the answer repeats it. */
  uid: string
  /** The kind of `object`, in the version that the webhook asked for. */
  kind: GroupVersionKind
  /** The resource, in the version that the webhook asked for. */
  resource: GroupVersionResource
  /** The part of the object that is asked for, such as `status`. */
  subResource?: string
  /** The kind as it was requested. */
  requestKind?: GroupVersionKind
  /** The resource as it was requested. */
  requestResource?: GroupVersionResource
  /** The part as it was requested. */
  requestSubResource?: string
  /** Absent when the server is to make one. */
  name?: string
  /** The object's namespace; of a Namespace its own name. */
  namespace?: string
  /** What happens to the object. */
  operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT'
  /** Who asks. */
  userInfo: UserInfo
  /** The object as it is to be; null for deletions. */
  object?: RawExtension
  /** The object as it was; null for creations and connections. */
  oldObject?: RawExtension
  /** Whether nothing will be written in the end. */
  dryRun?: boolean
  /** The options of the request, such as `CreateOptions`. */
  options?: RawExtension
}

/** What a webhook says. */
export interface AdmissionResponse {
  /** The one of the request. */
  uid: string
  /** Whether it may happen. */
  allowed: boolean
  /** Why not. */
  status?: Status
  /** Changes of the object, encoded. */
  patch?: Bytes
  /** The form of `patch`: `JSONPatch`. */
  patchType?: string
  /** Goes to the audit log. */
  auditAnnotations?: Record<string, string>
  /** Goes to the client. */
  warnings?: string[]
}

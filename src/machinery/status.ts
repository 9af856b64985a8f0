import type { Resource } from '#api/resource.ts'

/** The machine-readable cause of a refusal (`metav1.StatusReason`). */
export type Reason = keyof typeof codes

/** Every reason with the HTTP code it travels under. */
const codes = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  NotAcceptable: 406,
  AlreadyExists: 409,
  Conflict: 409,
  Gone: 410,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  ServerTimeout: 500,
  Timeout: 504,
  StoreReadError: 500,
  Unknown: 500,
} as const

/** One of several things that were wrong, and where. */
export interface StatusCause {
  readonly reason?: string
  readonly message?: string
  /** The path as the user would write it, such as `spec.containers[0].image`. */
  readonly field?: string
}

export interface StatusDetails {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly StatusCause[]
  readonly retryAfterSeconds?: number
}

/** What the API answers instead of an object (`meta/v1` Status). */
export interface Status {
  readonly kind: 'Status'
  readonly apiVersion: 'v1'
  readonly metadata: Readonly<Record<string, string>>
  readonly status: 'Success' | 'Failure'
  readonly message?: string
  readonly reason?: Reason | ''
  readonly details?: StatusDetails
  readonly code: number
}

/** A refusal that a client can act on. Anything else thrown while serving is a bug and becomes a 500. */
export class StatusError extends Error {
  readonly status: Status

  constructor(status: Status) {
    super(status.message)
    this.name = 'StatusError'
    this.status = status
  }

  get reason(): Reason | '' {
    return this.status.reason ?? ''
  }

  get code(): number {
    return this.status.code
  }
}

/** Whether `error` is a refusal for this reason. */
export function isReason(error: unknown, reason: Reason): error is StatusError {
  return error instanceof StatusError && error.status.reason === reason
}

/** Builds any refusal; the functions below name the common ones. */
export function failure(
  reason: Reason,
  message: string,
  details?: StatusDetails,
  code: number = codes[reason],
): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason,
    ...(details === undefined ? {} : { details }),
    code,
  })
}

/** A failure that has no reason of its own, such as a backend that is not reached: 500, and nothing but the words. */
export function unexplained(message: string): StatusError {
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code: 500 })
}

/** How messages name a resource: `pods`, `deployments.apps`. */
export function qualifiedName(resource: Pick<Resource, 'group' | 'plural'>): string {
  return resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`
}

function detailsOf(resource: Pick<Resource, 'group' | 'plural'>, name: string): StatusDetails {
  return {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    kind: resource.plural,
  }
}

export function notFound(resource: Pick<Resource, 'group' | 'plural'>, name: string): StatusError {
  return failure('NotFound', `${qualifiedName(resource)} "${name}" not found`, detailsOf(resource, name))
}

export function alreadyExists(resource: Pick<Resource, 'group' | 'plural'>, name: string): StatusError {
  return failure('AlreadyExists', `${qualifiedName(resource)} "${name}" already exists`, detailsOf(resource, name))
}

/** Somebody else changed the object first: read it again and retry. */
export function conflict(resource: Pick<Resource, 'group' | 'plural'>, name: string, why: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualifiedName(resource)} "${name}": ${why}`
  return failure('Conflict', message, detailsOf(resource, name))
}

/** The why of a conflict on `metadata.resourceVersion`. */
export const modifiedMeanwhile =
  'the object has been modified; please apply your changes to the latest version and try again'

export function forbidden(resource: Pick<Resource, 'group' | 'plural'>, name: string, why: string): StatusError {
  const subject =
    name === '' ? `${qualifiedName(resource)} is forbidden` : `${qualifiedName(resource)} "${name}" is forbidden`
  return failure('Forbidden', `${subject}: ${why}`, detailsOf(resource, name))
}

/** The object breaks rules; `causes` says which, where, in the order found. */
export function invalid(
  resource: Pick<Resource, 'group' | 'kind'>,
  name: string,
  causes: readonly StatusCause[],
): StatusError {
  const kind = resource.group === '' ? resource.kind : `${resource.kind}.${resource.group}`
  // What is wrong in the same way twice is said once; the causes keep both.
  const problems = [...new Set(causes.map((cause) => `${cause.field}: ${cause.message}`))]
  const text = problems.length === 1 ? problems[0]! : `[${problems.join(', ')}]`
  return failure('Invalid', `${kind} "${name}" is invalid${problems.length === 0 ? '' : `: ${text}`}`, {
    ...(name === '' ? {} : { name }),
    ...(resource.group === '' ? {} : { group: resource.group }),
    ...(resource.kind === '' ? {} : { kind: resource.kind }),
    causes,
  })
}

export function badRequest(message: string): StatusError {
  return failure('BadRequest', message)
}

export function unauthorized(message = 'Unauthorized'): StatusError {
  return failure('Unauthorized', message)
}

export function methodNotAllowed(
  message = 'the server does not allow this method on the requested resource',
): StatusError {
  return failure('MethodNotAllowed', message, {})
}

/** The wanted revision is no longer kept: list again. */
export function expired(message: string): StatusError {
  return failure('Expired', message)
}

export function gone(message: string): StatusError {
  return failure('Gone', message)
}

export function requestTooLarge(message: string): StatusError {
  return failure('RequestEntityTooLarge', message)
}

export function unavailable(message: string): StatusError {
  return failure('ServiceUnavailable', message)
}

/** The server gave up waiting; the same request may succeed later. */
export function timeout(message: string, retryAfterSeconds = 0): StatusError {
  return failure('Timeout', message, retryAfterSeconds > 0 ? { retryAfterSeconds } : {})
}

export function internalError(message: string): StatusError {
  return failure('InternalError', `Internal error occurred: ${message}`, { causes: [{ message }] })
}

/** What a finished delete answers when the object is gone at once; it has no code of its own. */
export function success(details: StatusDetails): Omit<Status, 'code'> {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details }
}

/** Reads a Status from the wire, so that a client's error is the same value as the server's. */
export function statusErrorOf(body: unknown, code: number, fallback: string): StatusError {
  if (typeof body === 'object' && body !== null && (body as { kind?: unknown }).kind === 'Status') {
    return new StatusError(body as Status)
  }
  // A path that is not served is answered without a Status.
  if (code === 404) return failure('NotFound', 'the server could not find the requested resource', {})
  return failure('Unknown', fallback, undefined, code)
}

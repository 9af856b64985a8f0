import { failure, StatusError } from '#machinery/status.ts'

/** A failure without a reason: what upstream answers for errors that it has no class for. */
export function plainFailure(code: number, message: string): StatusError {
  return new StatusError({ kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, code })
}

/** The resource, name or subresource in the path is not served. */
export function unknownResource(): StatusError {
  return failure('NotFound', 'the server could not find the requested resource', {})
}

/** The body's media type cannot be read. */
export function unsupportedMediaType(accepted: readonly string[]): StatusError {
  const message = `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`
  return failure('UnsupportedMediaType', message)
}

/** The refusal of a revision that is not a number. */
function invalidRevision(field: string, text: string): StatusError {
  return plainFailure(
    500,
    `${field}: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  )
}

/** Reads a `resourceVersion`; empty and `0` give undefined and 0. */
export function parseRevision(text: string, field = 'resourceVersion'): number | undefined {
  if (text === '') return undefined
  if (!/^\d{1,16}$/.test(text) || Number(text) > Number.MAX_SAFE_INTEGER) throw invalidRevision(field, text)
  return Number(text)
}

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

/** What is wrong with a revision; undefined when it is a number as upstream reads it (64 bits without a sign). */
function revisionProblem(text: string): string | undefined {
  const quoted = JSON.stringify(text)
  if (!/^\d+$/.test(text)) return `strconv.ParseUint: parsing ${quoted}: invalid syntax`
  return text.length > 20 || BigInt(text) >= 1n << 64n
    ? `strconv.ParseUint: parsing ${quoted}: value out of range`
    : undefined
}

/**
 * Reads a `resourceVersion`; undefined when there is none. Revisions beyond all that can be written count as the greatest
 * of those. `refuse` makes the refusal of what is no number; by itself that is a failure without a reason, as for a get.
 */
export function parseRevision(
  text: string,
  field = 'resourceVersion',
  refuse: (message: string) => StatusError = plainRefusal,
): number | undefined {
  if (text === '') return undefined
  if (text.length <= 15 && /^\d+$/.test(text)) return Number(text)
  const problem = revisionProblem(text)
  if (problem !== undefined) throw refuse(`${field}: Invalid value: ${JSON.stringify(text)}: ${problem}`)
  return Math.min(Number(text), Number.MAX_SAFE_INTEGER)
}

function plainRefusal(message: string): StatusError {
  return plainFailure(500, message)
}

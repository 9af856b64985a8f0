import type { Secret } from '#api/core/v1/secret.ts'
import { ownValue } from '#lib/collections/ownValue.ts'

export const bootstrapTokenType = 'bootstrap.kubernetes.io/token'
export const bootstrapNamespace = 'kube-system'

/** Milliseconds until a bootstrap token is over, not above zero when it is; undefined for one without an end. */
export function timeLeft({ data = {} }: Secret, now: number): number | undefined {
  const expiration = Buffer.from(ownValue(data, 'expiration') ?? '', 'base64').toString()
  if (expiration === '') return undefined
  const end = Date.parse(expiration)
  // Nobody knows when such a token would end: it is good for nothing.
  return Number.isNaN(end) ? 0 : end - now
}

/** Whether a request that failed is tried with another server. */
import type { Retry } from '#ingress/routing.ts'

/** How an attempt ended without an answer that counts. */
export type Failure =
  /** The connection could not be made, or broke before an answer. */
  | { readonly kind: 'connect'; readonly sent: boolean }
  /** It could not be made in time, or the answer did not come in time. */
  | { readonly kind: 'timeout'; readonly sent: boolean }
  /** The answer was none that HTTP knows. */
  | { readonly kind: 'invalid'; readonly sent: true }
  | { readonly kind: 'status'; readonly status: number; readonly sent: true }

/** As ingress-nginx has it without annotations (`error timeout`, three tries). */
export const defaultRetry: Retry = { tries: 3, timeout: 0, on: new Set(['connect', 'timeout']), also: 'safe' }

/** What may change something when it is done twice; nginx retries these only when told to. */
const unsafe: ReadonlySet<string> = new Set(['POST', 'PATCH', 'LOCK', 'CONNECT'])

export interface Attempts {
  readonly method: string
  /** How many servers were asked. */
  readonly made: number
  /** Milliseconds since the first. */
  readonly elapsed: number
  /** Whether a part of the body went to a server and cannot be sent again. */
  readonly bodyIsGone: boolean
}

/** Whether there is another attempt. */
export function isTriedAgain(failure: Failure, attempts: Attempts, retry: Retry): boolean {
  if (retry.tries > 0 && attempts.made >= retry.tries) return false
  if (retry.timeout > 0 && attempts.elapsed >= retry.timeout) return false
  const reason = failure.kind === 'status' ? (String(failure.status) as '500') : failure.kind
  if (!retry.on.has(reason)) return false
  return !failure.sent || (!attempts.bodyIsGone && (retry.also === 'all' || !unsafe.has(attempts.method)))
}

/** Whether a request may be sent a second time without asking. */
export function isSafe(method: string): boolean {
  return !unsafe.has(method)
}

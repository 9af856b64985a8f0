import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Retry } from '#ingress/routing.ts'
import { defaultRetry, isTriedAgain } from './retry.ts'
import type { Attempts, Failure } from './retry.ts'

describe('a request is tried again', () => {
  const attempts = (rest: Partial<Attempts> = {}): Attempts => ({
    method: 'GET',
    made: 1,
    elapsed: 0,
    bodyIsGone: false,
    ...rest,
  })
  const refused: Failure = { kind: 'connect', sent: false }
  const broken: Failure = { kind: 'connect', sent: true }
  const status: Failure = { kind: 'status', status: 503, sent: true }
  const also = (rest: Partial<Retry>): Retry => ({ ...defaultRetry, ...rest })
  const table: readonly (readonly [string, Failure, Attempts, Retry, boolean])[] = [
    ['when the connection was refused', refused, attempts(), defaultRetry, true],
    ['when it broke before the answer', broken, attempts(), defaultRetry, true],
    [
      'even if it may change something, when nothing was sent',
      refused,
      attempts({ method: 'POST' }),
      defaultRetry,
      true,
    ],
    ['not if it may change something and was sent', broken, attempts({ method: 'POST' }), defaultRetry, false],
    ['but it is when that was asked for', broken, attempts({ method: 'POST' }), also({ also: 'all' }), true],
    ['not when its body is gone', broken, attempts({ bodyIsGone: true }), also({ also: 'all' }), false],
    ['not more often than three times', refused, attempts({ made: 3 }), defaultRetry, false],
    ['as often as there are servers when told so', refused, attempts({ made: 30 }), also({ tries: 0 }), true],
    ['not when the time is over', refused, attempts({ elapsed: 100 }), also({ timeout: 100 }), false],
    ['when the time to answer is over', { kind: 'timeout', sent: true }, attempts(), defaultRetry, true],
    ['not for a bad answer unless told so', { kind: 'invalid', sent: true }, attempts(), defaultRetry, false],
    ['not for a status unless told so', status, attempts(), defaultRetry, false],
    ['for a status when told so', status, attempts(), also({ on: new Set(['503']) }), true],
    ['not for another status', status, attempts(), also({ on: new Set(['502']) }), false],
  ]
  for (const [what, failure, made, retry, expected] of table) {
    test(what, () => assert.equal(isTriedAgain(failure, made, retry), expected))
  }
})

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { ExternalAuthentication } from '#ingress/routing.ts'
import { judge } from './externalAuthentication.ts'

const authentication: ExternalAuthentication = {
  url: 'http://auth.test/',
  signInParameter: 'rd',
  responseHeaders: ['X-User', 'X-Role'],
  requestHeaders: [],
}
const petition = { url: 'https://shop.test/a?b=c' }

describe('what an answer means', () => {
  test('2xx lets pass, with the headers that are wanted, without those that it did not say, and with its cookies', () => {
    const headers = ['x-user', 'jo', 'X-Other', '1', 'Set-Cookie', 'a=1', 'set-cookie', 'b=2']
    assert.deepEqual(judge(authentication, petition, 204, headers), {
      kind: 'pass',
      headers: [{ name: 'X-User', value: 'jo' }],
      absent: new Set(['x-role']),
      cookies: ['a=1', 'b=2'],
    })
  })
  test('401 and 403 refuse, with what the answer asks for', () => {
    assert.deepEqual(judge(authentication, petition, 401, ['WWW-Authenticate', 'Bearer']), {
      kind: 'refuse',
      status: 401,
      headers: [{ name: 'WWW-Authenticate', value: 'Bearer' }],
    })
    assert.deepEqual(judge(authentication, petition, 403, []), { kind: 'refuse', status: 403, headers: [] })
  })
  for (const status of [100, 302, 400, 404, 500]) {
    test(`${status} is no answer`, () =>
      assert.deepEqual(judge(authentication, petition, status, []), { kind: 'broken' }))
  }
  const rows: readonly (readonly [signIn: string, location: string])[] = [
    ['https://login.test/', `https://login.test/?rd=${encodeURIComponent(petition.url)}`],
    ['https://login.test/?x=1', `https://login.test/?x=1&rd=${encodeURIComponent(petition.url)}`],
    ['https://login.test/?rd=/home', 'https://login.test/?rd=/home'],
  ]
  for (const [signIn, location] of rows) {
    test(`401 sends to ${signIn}, which hears where from`, () =>
      assert.deepEqual(judge({ ...authentication, signIn }, petition, 401, []), { kind: 'redirect', location }))
  }
})

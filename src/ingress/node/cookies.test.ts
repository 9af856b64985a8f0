import assert from 'node:assert/strict'
import { test } from 'node:test'
import { affinityCookie, affinityValue, readCookie } from './cookies.ts'

test('the first cookie of a name is read', () => {
  const rows: readonly (readonly [string | undefined, string | undefined])[] = [
    ['A=1', '1'],
    ['x=0; A=1; A=2', '1'],
    ['xA=0;A = 1 ', '1'],
    ['A="1"', '1'],
    ['A=a=b', 'a=b'],
    ['A=', ''],
    ['a=1', undefined],
    ['A', undefined],
    ['', undefined],
    [undefined, undefined],
  ]
  for (const [header, value] of rows) assert.equal(readCookie(header, 'A'), value, String(header))
})

test('a server has the same value everywhere, another in another pool, and none that tells its address', () => {
  const value = affinityValue('shop', '10.244.1.7:8080')
  assert.equal(value, affinityValue('shop', '10.244.1.7:8080'))
  assert.match(value, /^[A-Za-z0-9_-]{22}$/)
  assert.notEqual(value, affinityValue('other', '10.244.1.7:8080'))
  assert.notEqual(value, affinityValue('shop', '10.244.1.8:8080'))
})

test('the header that sets it', () => {
  const affinity = { name: 'A', path: '/', secure: false, changeOnFailure: false }
  assert.equal(affinityCookie(affinity, 'v', 0, undefined), 'A=v; Path=/; HttpOnly')
  assert.equal(
    affinityCookie(
      { ...affinity, domain: 'x.test', maxAgeSeconds: 60, secure: true, sameSite: 'None' },
      'v',
      0,
      undefined,
    ),
    'A=v; Expires=Thu, 01 Jan 1970 00:01:00 GMT; Max-Age=60; Domain=x.test; Path=/; Secure; HttpOnly; SameSite=None',
  )
  const old = 'Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0.3112.113 Safari/537.36'
  const spared = { ...affinity, sameSite: 'None', sparesOldBrowsers: true } as const
  assert.equal(affinityCookie(spared, 'v', 0, old), 'A=v; Path=/; HttpOnly')
  assert.equal(affinityCookie(spared, 'v', 0, 'curl'), 'A=v; Path=/; HttpOnly; SameSite=None')
  assert.equal(affinityCookie({ ...affinity, sameSite: 'None' }, 'v', 0, old), 'A=v; Path=/; HttpOnly; SameSite=None')
})

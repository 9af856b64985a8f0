import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityHeaders, isIdentityHeader } from './identity.ts'

test('headers say for whom a request is', () => {
  const caller = {
    name: 'jürgen',
    uid: 'u',
    groups: ['a', 'b, c'],
    extra: { 'authentication.kubernetes.io/credential-id': ['X509SHA256=1', '2'], 'a%ü': ['x'], __proto__: ['y'] },
  }
  assert.deepEqual(identityHeaders(caller), {
    'X-Remote-User': 'jÃ¼rgen',
    'X-Remote-Uid': 'u',
    'X-Remote-Group': ['a', 'b, c'],
    'X-Remote-Extra-authentication.kubernetes.io%2Fcredential-id': ['X509SHA256=1', '2'],
    'X-Remote-Extra-a%25%C3%BC': ['x'],
  })
  assert.deepEqual(identityHeaders({ name: 'x', groups: [] }), { 'X-Remote-User': 'x' })
})

test('what clients say of that is known', () => {
  const names = [
    'x-remote-user',
    'x-remote-group',
    'x-remote-uid',
    'x-remote-extra-',
    'x-remote-extra-a',
    'x-remote-users',
  ]
  assert.deepEqual(names.map(isIdentityHeader), [true, true, true, true, true, false])
})

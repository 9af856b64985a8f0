import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodedPath, hostName, readTarget } from './path.ts'

describe('the target of a request', () => {
  const table: readonly (readonly [target: string, matched: string, sent: string, query?: string])[] = [
    ['/', '/', '/'],
    ['/a/b?c=/../d', '/a/b', '/a/b', '?c=/../d'],
    ['/a?', '/a', '/a', '?'],
    ['/%61%2d%7E', '/a-~', '/%61%2d%7E'],
    ['/%c3%bc', '/%C3%BC', '/%c3%bc'],
    ['/a%2fb', '/a%2Fb', '/a%2fb'],
    ['//a///b', '/a/b', '//a///b'],
    ['/a/../b', '/b', '/b'],
    ['/a/%2e%2E/b/', '/b/', '/b/'],
    ['/a/./b/.', '/a/b/', '/a/b/'],
    ['/a/b/..', '/a/', '/a/'],
    ['/a//../b', '/b', '/b'],
    ['/.well-known/..x', '/.well-known/..x', '/.well-known/..x'],
    ['/a/...', '/a/...', '/a/...'],
    ['http://other.test:81/x?y', '/x', '/x', '?y'],
    ['HTTP://other.test', '/', '/'],
  ]
  for (const [target, matched, sent, query = ''] of table) {
    test(`${target} is matched as ${matched} and sent as ${sent}`, () => {
      const read = readTarget(target)
      assert.ok(!('problem' in read))
      assert.deepEqual([read.matched, read.sent, read.query], [matched, sent, query])
    })
  }
  const refused = [
    '',
    '*',
    'a',
    'ftp://x/',
    '/ ',
    '/ü',
    '/#x',
    '/%',
    '/%4',
    '/%zz',
    '/%00',
    '/..',
    '/a/../..',
    '/%2e%2e/x',
    '/a/..%2fb',
    '/a%2f../b',
    '/a%5c..%5cb',
    '/a/..;/b',
    '/a\\..\\b',
    `/${'a'.repeat(20_000)}`,
  ]
  for (const target of refused) {
    test(`${target.slice(0, 40)} is refused`, () => assert.ok('problem' in readTarget(target)))
  }
  test('a whole address says the host', () => {
    assert.equal((readTarget('http://other.test:81/x') as { authority?: string }).authority, 'other.test:81')
  })
})

test('hosts are names or addresses, with or without a port', () => {
  const table: readonly (readonly [string, string | undefined])[] = [
    ['Shop.Test', 'shop.test'],
    ['shop.test.:80', 'shop.test'],
    ['[::1]:80', '[::1]'],
    ['10.0.0.1', '10.0.0.1'],
    ['a_b.test', 'a_b.test'],
    ['shop.test:80:81', undefined],
    ['user@shop.test', undefined],
    ['shop.test/x', undefined],
    ['a b', undefined],
    [`${'a'.repeat(301)}`, undefined],
  ]
  for (const [authority, name] of table) assert.equal(hostName(authority), name, authority)
})

test('paths of routes are written as those of requests are read', () => {
  assert.equal(encodedPath('/käse und brot'), '/k%C3%A4se%20und%20brot')
  assert.equal(encodedPath('/%61/%2f'), '/a/%2F')
})

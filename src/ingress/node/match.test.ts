import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Match, Route } from '#ingress/routing.ts'
import { RouteTable } from './match.ts'
import type { Question } from './match.ts'

const route = (name: string, match: Partial<Match>): Route => ({
  name,
  owner: 'Ingress test/one',
  match: { host: { kind: 'any' }, path: { kind: 'prefix', path: '/' }, ...match },
  rules: {},
  action: { kind: 'respond', status: 200, body: '' },
})
const question = (host: string, path: string): Question => ({
  host,
  path,
  method: 'GET',
  header: () => undefined,
  parameter: () => undefined,
})

test('the first route in the order decides, whatever kinds of hosts and paths are in it', () => {
  const table = new RouteTable([
    route('any exact', { path: { kind: 'exact', path: '/first' } }),
    route('pattern', {
      host: { kind: 'exact', name: 'a.test' },
      path: { kind: 'pattern', pattern: '/p[0-9]+', ignoreCase: false },
    }),
    route('wildcard', {
      host: { kind: 'wildcard', name: 'test', labels: 'one' },
      path: { kind: 'prefix', path: '/p1' },
    }),
    route('exact', { host: { kind: 'exact', name: 'a.test' } }),
    route('any', {}),
  ])
  const rows: readonly (readonly [string, string, string])[] = [
    ['a.test', '/first', 'any exact'],
    ['a.test', '/p1', 'pattern'],
    ['b.test', '/p1', 'wildcard'],
    ['a.test', '/x', 'exact'],
    ['b.test', '/x', 'any'],
    ['', '/x', 'any'],
  ]
  for (const [host, path, name] of rows) assert.equal(table.find(question(host, path))?.route.name, name, host + path)
})

test('groups of the pattern come with the route', () => {
  const table = new RouteTable([
    route('one', { path: { kind: 'pattern', pattern: '/(a)(b)?/(.*)', ignoreCase: true } }),
  ])
  assert.deepEqual(table.find(question('', '/A/x/y'))?.groups, ['/A/x/y', 'A', '', 'x/y'])
})

describe('no path takes long', () => {
  const table = new RouteTable([
    route('slow elsewhere', { path: { kind: 'pattern', pattern: '(/a*)*b$', ignoreCase: false } }),
    ...Array.from({ length: 5_000 }, (_, at) => route(`r${at}`, { path: { kind: 'prefix', path: `/x${at}/y` } })),
  ])
  for (const path of [`/${'a'.repeat(16_000)}`, '/a'.repeat(8_000), '/'.repeat(16_000)]) {
    test(`${path.slice(0, 6)}…`, () => assert.equal(table.find(question('', path)), undefined))
  }
  test('one among thousands', () => assert.equal(table.find(question('', '/x4999/y/z'))?.route.name, 'r4999'))
})

test('a pattern that cannot be compiled is told with its route', () => {
  assert.throws(() => new RouteTable([route('bad', { path: { kind: 'pattern', pattern: '/(', ignoreCase: false } })]), {
    message: /^Cannot use the pattern for path of route bad of Ingress test\/one: error parsing regexp: /,
  })
})

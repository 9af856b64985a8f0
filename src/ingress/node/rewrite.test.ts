import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { PathMatch, Redirect, Rewrite } from '#ingress/routing.ts'
import { readTarget } from './path.ts'
import type { Target } from './path.ts'
import { backendTarget, redirectLocation } from './rewrite.ts'

const target = (text: string): Target => readTarget(text) as Target
const prefix = (path: string): PathMatch => ({ kind: 'prefix', path })
const replace = (replacement: string): Rewrite => ({ kind: 'prefix', replacement })
const template = (text: string): Rewrite => ({ kind: 'template', template: text })

describe('what a backend is asked for', () => {
  const rows: readonly (readonly [string, PathMatch, Rewrite | undefined, readonly string[], string])[] = [
    ['/a//b?c', prefix('/'), undefined, [], '/a//b?c'],
    ['/a/b?c', prefix('/a'), replace('/x'), [], '/x/b?c'],
    ['/a', prefix('/a'), replace('/x'), [], '/x'],
    ['/a/', prefix('/a'), replace('/x'), [], '/x/'],
    ['/a', prefix('/a'), replace('/'), [], '/'],
    ['/a/b', prefix('/a'), replace('/'), [], '/b'],
    ['/a/b', prefix('/'), replace('/x'), [], '/x/a/b'],
    ['/a/b', prefix('/'), replace('x'), [], '/x/a/b'],
    ['/a/b', { kind: 'exact', path: '/a/b' }, replace('/x'), [], '/x'],
    ['/a/b', prefix('/'), template('/$2/$1$3'), ['', 'one', 'two'], '/two/one'],
    ['/a/b', prefix('/'), template('$1'), ['', 'one'], '/one'],
    ['/a/b', prefix('/'), template('/ü $1'), ['', '%20'], '/%C3%BC%20%20'],
    ['/a?b=1', prefix('/'), template('/x?c=$1'), ['', '2'], '/x?c=2&b=1'],
    ['/a?b=1', prefix('/'), template('/x?'), [], '/x?b=1'],
    ['/a', prefix('/'), template('/x?c'), [], '/x?c'],
    ['/a', prefix('/'), template('/$10'), ['', 'one'], '/one0'],
  ]
  for (const [text, path, rewrite, groups, expected] of rows) {
    test(`${text} with ${JSON.stringify(rewrite ?? 'nothing')} is ${expected}`, () =>
      assert.equal(backendTarget(target(text), path, rewrite, groups), expected))
  }
})

describe('where a redirect leads', () => {
  const rows: readonly (readonly [Omit<Redirect, 'kind'>, string, string])[] = [
    [{ status: 301 }, 'shop.test:8080', 'http://shop.test:8080/a?b'],
    [{ status: 301, scheme: 'https' }, 'shop.test:8080', 'https://shop.test/a?b'],
    [{ status: 301, scheme: 'http', port: 80 }, 'shop.test', 'http://shop.test/a?b'],
    [{ status: 301, scheme: 'http', port: 443 }, 'shop.test', 'http://shop.test:443/a?b'],
    [{ status: 301, host: 'x.test' }, 'shop.test:8080', 'http://x.test/a?b'],
    [{ status: 301, port: 81 }, '[::1]:8080', 'http://[::1]:81/a?b'],
    [{ status: 301, path: '/c' }, 'shop.test', 'http://shop.test/c'],
    [{ status: 301, location: 'https://x.test/y' }, 'shop.test', 'https://x.test/y'],
  ]
  for (const [redirect, authority, expected] of rows) {
    test(`${JSON.stringify(redirect)} from ${authority} to ${expected}`, () => {
      const asked = { scheme: 'http', authority, target: target('/a?b') } as const
      assert.equal(redirectLocation({ kind: 'redirect', ...redirect }, asked), expected)
    })
  }
})

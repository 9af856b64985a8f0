import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { translatePattern } from './pattern.ts'

describe('translatePattern', () => {
  for (const pattern of [
    '/api(/|$)(.*)',
    '/v[0-9]+/items/([^/]+)/(.*)$',
    '/(?:a|b)/c{2,3}?',
    '/[)(|*+]+x',
    '/\\(a\\)*',
    '/[[:alpha:]_]+/(?P<name>.*)',
    '/(a|b)?/c',
  ])
    it(`takes ${pattern}`, () => assert.equal(translatePattern(pattern, 'the path'), pattern))

  it('has no spaces afterwards', () => assert.equal(translatePattern('/a b', 'the path'), '/a\\x20b'))

  const refused: readonly (readonly [string, RegExp])[] = [
    ['/(a+)+$', /repeats something itself/],
    ['/(a|ab)*$', /has alternatives/],
    ['/((a*)b)+', /repeats something itself/],
    ['/(a{1,9}){2,}', /repeats something itself/],
    ['/.*a.*b.*c.*d.*e', /more than 4 parts/],
    ['/(?=a)', /error parsing regexp/],
    ['/(', /error parsing regexp/],
    ['/\\1', /error parsing regexp/],
    ['/\\pN', /uses "\\p"/],
    ['/\\Qa b\\E', /uses "\\Q"/],
    ['/ä', /ASCII/],
    ['/a\nb', /ASCII/],
  ]
  for (const [pattern, problem] of refused)
    it(`refuses ${JSON.stringify(pattern)}`, () => assert.throws(() => translatePattern(pattern, 'the path'), problem))
})

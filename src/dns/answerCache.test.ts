import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { AnswerCache, sourceOf } from './answerCache.ts'

const reply = Buffer.from('reply')
const web = sourceOf.service('default/web')
const space = sourceOf.namespace('default')

describe('AnswerCache', () => {
  it('keeps a reply until one of the things changes that it was made from', () => {
    const cache = new AnswerCache<string>()
    cache.keep('a', reply, 1, new Set([web, space]), 'first')
    cache.keep('b', reply, 1, new Set([space]), 'second')
    assert.equal(cache.find('a')?.note, 'first')
    cache.changed(sourceOf.service('default/other'))
    assert.equal(cache.size, 2)
    cache.changed(web)
    assert.deepEqual([cache.find('a'), cache.find('b')?.note], [undefined, 'second'])
    cache.changed(space)
    assert.equal(cache.size, 0)
  })
  it('has room for as many replies as there are ways to begin, and for eight at most', () => {
    const cache = new AnswerCache<undefined>()
    for (const [variants, expected] of [
      [0, 1],
      [3, 3],
      [100, 8],
    ] as const) {
      cache.keep('a', reply, variants, new Set(), undefined)
      assert.equal(cache.find('a')?.replies.length, expected)
    }
    assert.equal(cache.size, 1)
  })
  it('knows what was asked for lately, and takes few others for it', () => {
    const cache = new AnswerCache<undefined>()
    const names = (kind: string, count: number) => Array.from({ length: count }, (_, at) => `${kind}-${at}.default.svc`)
    const first = names('first', 1_000)
    assert.ok(first.filter((name) => cache.wasAsked(name)).length < 50)
    assert.ok(first.every((name) => cache.wasAsked(name)))
    // However many come, they do not make all others look known.
    const known = names('other', 100_000).filter((name) => cache.wasAsked(name)).length
    assert.ok(known < 20_000, `${known} of 100000`)
  })
  it('forgets the oldest of too many, and nothing that was kept anew', () => {
    const cache = new AnswerCache<undefined>()
    const keep = (key: string): void => cache.keep(key, reply, 1, new Set([space]), undefined)
    for (let i = 0; i < 10_000; i++) keep(`n${i}`)
    keep('n0')
    assert.equal(cache.size, 10_000)
    keep('one more')
    assert.equal(cache.size, 10_000)
    assert.notEqual(cache.find('n0'), undefined)
    assert.equal(cache.find('n1'), undefined)
    for (let i = 0; i < 20_000; i++) keep(`m${i}`)
    assert.equal(cache.size, 10_000)
    cache.changed(space)
    assert.equal(cache.size, 0)
    keep('n0')
    assert.equal(cache.size, 1)
    cache.clear()
    assert.equal(cache.find('n0'), undefined)
  })
})

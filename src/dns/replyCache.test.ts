import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decode, encode } from 'dns-packet'

import { SimulatedClock } from '#lib/clock.ts'

import type { CacheSettings } from './corefile/settings.ts'
import { readQuery } from './message.ts'
import type { Query } from './message.ts'
import { replyCache } from './replyCache.ts'

const limits = { capacity: 10, minTtl: 5, maxTtl: 30, except: [] }
const plain: CacheSettings = { zones: [''], success: limits, denial: limits, failureTtl: 5 }

function start(reply: (name: string) => object | undefined, settings: Partial<CacheSettings> = {}) {
  const clock = new SimulatedClock()
  const asked: string[] = []
  const counted: string[] = []
  const cache = replyCache({
    clock,
    settings: { ...plain, ...settings },
    observe: {
      hit: (kind) => void counted.push(`hit ${kind}`),
      miss: () => void counted.push('miss'),
      evicted: (kind) => void counted.push(`evicted ${kind}`),
      prefetched: () => void counted.push('prefetched'),
    },
  })
  return {
    clock,
    asked,
    counted,
    cache,
    async ask(name: string, id = 1) {
      const question = { name, type: 'A' }
      const query = readQuery(encode({ type: 'query', id, flags: 0x0100, questions: [question] })) as Query
      const found = await cache.answer(query, async () => {
        asked.push(name)
        const parts = reply(name)
        return parts === undefined ? undefined : encode({ type: 'response', id: 0, questions: [question], ...parts })
      })
      if (found === undefined) return undefined
      const { id: replyId, answers, rcode } = decode(found)
      return [replyId, rcode, ...answers.map((each) => `${String(each.data)} ${each.ttl}`)].join(' ')
    },
  }
}
const address = (ttl: number) => ({ answers: [{ name: 'x.y', type: 'A', ttl, data: '192.0.2.9' }] })
const denial = (ttl: number, flags = 3) => {
  const data = { mname: 'a.b', rname: 'c.b', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: ttl }
  return { flags, authorities: [{ name: 'y', type: 'SOA', ttl, data }] }
}

describe('replyCache', () => {
  it('keeps replies for as long as they say, but no longer and no shorter than it is told', async () => {
    for (const [ttl, kept, told] of [
      [300, 30, 30],
      [20, 20, 20],
      [1, 5, 1],
    ] as const) {
      const { ask, asked, clock } = start(() => address(ttl))
      assert.equal(await ask('x.y'), `1 NOERROR 192.0.2.9 ${told}`)
      await clock.advance((kept - 1) * 1000)
      assert.equal(await ask('X.Y', 8), `8 NOERROR 192.0.2.9 ${Math.max(0, told - kept + 1)}`)
      assert.equal(asked.length, 1)
      await clock.advance('1s')
      await ask('x.y')
      assert.equal(asked.length, 2)
    }
  })
  it('keeps the word that there is nothing, by its start of authority', async () => {
    for (const flags of [3, 0]) {
      const { ask, asked, counted } = start(() => denial(9, flags))
      await ask('x.y')
      await ask('x.y')
      assert.equal(asked.length, 1)
      assert.deepEqual(counted, ['miss', 'hit denial'])
    }
  })
  it('keeps failures for a short time, and refusals not at all', async () => {
    const failing = start(() => ({ flags: 2 }))
    await failing.ask('x.y')
    await failing.ask('x.y')
    assert.equal(failing.asked.length, 1)
    await failing.clock.advance('5s')
    await failing.ask('x.y')
    assert.equal(failing.asked.length, 2)
    const refusing = start(() => ({ flags: 5 }))
    await refusing.ask('x.y')
    await refusing.ask('x.y')
    assert.equal(refusing.asked.length, 2)
  })
  it('does not keep what has no time to live, nor what was cut, nor what did not come', async () => {
    for (const reply of [{}, address(0), { ...address(9), flags: 0x0200 }, undefined]) {
      const { ask, asked } = start(() => reply)
      await ask('x.y')
      await ask('x.y')
      assert.equal(asked.length, 2)
    }
  })
  it('does not keep what it is told not to', async () => {
    const { ask, asked } = start(() => address(9), { success: { ...limits, except: ['cluster.local'] } })
    for (const name of ['a.cluster.local', 'a.cluster.local', 'x.y', 'x.y']) await ask(name)
    assert.deepEqual(asked, ['a.cluster.local', 'a.cluster.local', 'x.y'])
  })
  it('forgets the oldest', async () => {
    const { ask, asked, counted, cache } = start(() => address(9), { success: { ...limits, capacity: 2 } })
    for (const name of ['a.y', 'b.y', 'c.y', 'a.y']) await ask(name)
    assert.equal(asked.length, 4)
    assert.equal(cache.size('success'), 2)
    assert.ok(counted.includes('evicted success'))
  })
  it('asks once for clients that ask the same at once', async () => {
    const { ask, asked } = start(() => address(9))
    assert.deepEqual(await Promise.all([ask('x.y', 1), ask('X.y', 2)]), [
      '1 NOERROR 192.0.2.9 9',
      '2 NOERROR 192.0.2.9 9',
    ])
    assert.equal(asked.length, 1)
  })
  it('asks early for what is asked for often', async () => {
    const prefetch = { amount: 2, withinMs: 60_000, percentage: 10 }
    const { ask, asked, clock, counted } = start(() => address(30), { prefetch })
    await ask('x.y')
    await clock.advance('27s')
    await ask('x.y')
    assert.equal(asked.length, 1)
    // The second hit, near the end: the client has its reply from what is kept.
    assert.equal(await ask('x.y'), '1 NOERROR 192.0.2.9 3')
    assert.equal(asked.length, 2)
    await clock.advance('4s')
    assert.equal(await ask('x.y'), '1 NOERROR 192.0.2.9 26')
    assert.equal(asked.length, 2)
    assert.equal(counted.filter((each) => each === 'prefetched').length, 1)
  })
})

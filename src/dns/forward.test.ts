import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decode, encode } from 'dns-packet'

import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'

import type { Exchange } from './exchange.ts'
import { forwarder, readUpstreams } from './forward.ts'
import { readQuery } from './message.ts'
import type { Query } from './message.ts'

function query(name: string, id = 1): Query {
  return readQuery(encode({ type: 'query', id, flags: 0x0100, questions: [{ name, type: 'A' }] })) as Query
}

type Play = (name: string, upstream: string, transport: string) => object | Error | undefined

/** A forwarder whose servers do as `play` says: reply with a message's parts, fail, or be silent. */
function start(play: Play, addresses = ['192.0.2.1', '192.0.2.2']) {
  const clock = new SimulatedClock()
  const asked: string[] = []
  const exchange: Exchange = (message, to, transport, isReply, signal) =>
    new Promise((resolve, reject) => {
      const { id, questions } = decode(message)
      const { name } = questions[0]!
      asked.push(`${name} ${to.address} ${transport}`)
      const outcome = play(name, to.address, transport)
      signal.addEventListener('abort', () => reject(signal.reason as Error))
      if (outcome instanceof Error) return reject(outcome)
      if (outcome === undefined) return
      const reply = encode({ type: 'response', id, questions, ...outcome })
      assert.equal(isReply(reply), true)
      resolve(reply)
    })
  const upstreams = addresses.map((address) => ({ address, port: 53 }))
  const ask = forwarder({ clock, random: seededRandom(1), exchange, upstreams: () => upstreams })
  const stop = new AbortController()
  return {
    clock,
    asked,
    stop,
    forwarder: ask,
    async ask(name: string, id = 1) {
      const reply = await ask.ask(query(name, id), stop.signal)
      if (reply === undefined) return undefined
      const { id: replyId, answers, rcode } = decode(reply)
      return [replyId, rcode, ...answers.map((each) => `${String(each.data)} ${each.ttl}`)].join(' ')
    },
  }
}
const address = (ttl: number) => ({ answers: [{ name: 'x.y', type: 'A', ttl, data: '192.0.2.9' }] })

describe('forwarder', () => {
  it('asks a server and passes its reply on', async () => {
    const { ask, asked } = start(() => address(300))
    assert.equal(await ask('x.y', 7), '7 NOERROR 192.0.2.9 300')
    assert.deepEqual(asked, ['x.y 192.0.2.1 udp'])
  })
  it('keeps replies for as long as they say, but not longer than half a minute', async () => {
    for (const [ttl, kept] of [
      [300, 30],
      [5, 5],
    ] as const) {
      const { ask, asked, clock } = start(() => address(ttl))
      await ask('x.y')
      await clock.advance((kept - 1) * 1000)
      assert.equal(await ask('X.Y', 8), `8 NOERROR 192.0.2.9 ${ttl - kept + 1}`)
      assert.equal(asked.length, 1)
      await clock.advance('1s')
      await ask('x.y')
      assert.equal(asked.length, 2)
    }
  })
  it('keeps the word that there is nothing, by its start of authority', async () => {
    const data = { mname: 'a.b', rname: 'c.b', serial: 1, refresh: 2, retry: 3, expire: 4, minimum: 9 }
    const { ask, asked } = start(() => ({ flags: 3, authorities: [{ name: 'y', type: 'SOA', ttl: 9, data }] }))
    assert.equal(await ask('x.y'), '1 NXDOMAIN')
    assert.equal(await ask('x.y'), '1 NXDOMAIN')
    assert.equal(asked.length, 1)
  })
  it('does not keep what has no time to live', async () => {
    for (const reply of [{}, address(0)]) {
      const { ask, asked } = start(() => reply)
      await ask('x.y')
      await ask('x.y')
      assert.equal(asked.length, 2)
    }
  })
  it('asks again over TCP what was cut', async () => {
    const { ask, asked } = start((_name, _to, transport) => (transport === 'udp' ? { flags: 0x0200 } : address(9)))
    assert.equal(await ask('x.y'), '1 NOERROR 192.0.2.9 9')
    assert.deepEqual(asked, ['x.y 192.0.2.1 udp', 'x.y 192.0.2.1 tcp'])
  })
  it('asks the next server when one cannot be reached, and that one first from then on', async () => {
    const { ask, asked } = start((_name, to) => (to === '192.0.2.1' ? new Error('ECONNREFUSED') : address(9)))
    await ask('x.y')
    await ask('a.b')
    assert.deepEqual(asked, ['x.y 192.0.2.1 udp', 'x.y 192.0.2.2 udp', 'a.b 192.0.2.2 udp'])
  })
  it('asks the next server when one is silent', async () => {
    const { ask, clock } = start((_name, to) => (to === '192.0.2.1' ? undefined : address(9)))
    const reply = ask('x.y')
    await clock.advance('2s')
    assert.equal(await reply, '1 NOERROR 192.0.2.9 9')
    assert.equal(clock.pending, 0)
  })
  it('gives up before clients do', async () => {
    const { ask, clock, asked } = start(() => undefined, ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'])
    const reply = ask('x.y')
    await clock.advance('5s')
    assert.equal(await reply, undefined)
    assert.equal(asked.length, 3)
    assert.equal(clock.pending, 0)
  })
  it('says nothing without servers', async () => assert.equal(await start(() => address(9), []).ask('x.y'), undefined))
  it('asks another server when one fails, and passes the failure on when all do', async () => {
    const one = start((_name, to) => (to === '192.0.2.1' ? { flags: 2 } : address(9)))
    assert.equal(await one.ask('x.y'), '1 NOERROR 192.0.2.9 9')
    const all = start(() => ({ flags: 5 }))
    assert.equal(await all.ask('x.y'), '1 REFUSED')
    assert.equal(all.asked.length, 2)
    await all.ask('x.y')
    assert.equal(all.asked.length, 4)
  })
  it('asks once for clients that ask the same at once', async () => {
    const { ask, asked } = start(() => address(9))
    assert.deepEqual(await Promise.all([ask('x.y', 1), ask('X.y', 2)]), [
      '1 NOERROR 192.0.2.9 9',
      '2 NOERROR 192.0.2.9 9',
    ])
    assert.equal(asked.length, 1)
  })
  it('does not let more than a number of questions wait', async () => {
    const { ask, clock, asked, forwarder } = start(() => undefined, ['192.0.2.1'])
    const replies = Array.from({ length: 510 }, (_, i) => ask(`n${i}.y`))
    assert.equal(forwarder.waiting, 500)
    await clock.advance('5s')
    assert.deepEqual(new Set(await Promise.all(replies)), new Set([undefined]))
    assert.equal(asked.length, 500)
    assert.equal(forwarder.waiting, 0)
  })
  it('stops when it is told to', async () => {
    const { ask, stop, clock } = start(() => undefined)
    const reply = ask('x.y')
    stop.abort()
    assert.equal(await reply, undefined)
    assert.equal(clock.pending, 0)
  })
})

describe('readUpstreams', () => {
  const cases: [string, string, string[]][] = [
    ['nothing', '', []],
    [
      'servers among other lines',
      'search a b\n# nameserver 192.0.2.8\nnameserver 192.0.2.1\n nameserver\t192.0.2.2 \noptions ndots:5',
      ['192.0.2.1', '192.0.2.2'],
    ],
    [
      'three at most, each once',
      'nameserver 192.0.2.1\n'.repeat(3) + [2, 3, 4].map((n) => `nameserver 192.0.2.${n}`).join('\n'),
      ['192.0.2.1', '192.0.2.2', '192.0.2.3'],
    ],
    ['not ourselves', 'nameserver 10.96.0.10\nnameserver fd00:96:0::a\nnameserver 192.0.2.1', ['192.0.2.1']],
    ['no names and no zones', 'nameserver example.com\nnameserver fe80::1%eth0\nnameserver', []],
    ['IPv6', 'nameserver 2001:DB8::1', ['2001:db8::1']],
  ]
  for (const [name, text, expected] of cases)
    it(name, () =>
      assert.deepEqual(
        readUpstreams(text, ['10.96.0.10', 'fd00:96::a']).map((each) => each.address),
        expected,
      ),
    )
})

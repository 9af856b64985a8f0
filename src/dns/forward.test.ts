import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { decode, encode } from 'dns-packet'

import { SimulatedClock } from '#lib/clock.ts'
import { seededRandom } from '#lib/random.ts'

import type { ForwardSettings } from './corefile/settings.ts'
import type { Exchange } from './exchange.ts'
import { forwarder, readSearchList, readUpstreams } from './forward.ts'
import { readQuery } from './message.ts'
import type { Query } from './message.ts'

function query(name: string, id = 1): Query {
  return readQuery(encode({ type: 'query', id, flags: 0x0100, questions: [{ name, type: 'A' }] })) as Query
}

type Play = (name: string, upstream: string, transport: string) => object | Error | undefined

const plain: ForwardSettings = {
  from: '',
  except: [],
  to: [],
  policy: 'sequential',
  forceTcp: false,
  preferUdp: false,
  maxFails: 2,
  healthCheckMs: 500,
  maxConcurrent: 0,
}

/** A forwarder whose servers do as `play` says: reply with a message's parts, fail, or be silent. */
function start(play: Play, settings: Partial<ForwardSettings> = {}, addresses = ['192.0.2.1', '192.0.2.2']) {
  const clock = new SimulatedClock()
  const asked: string[] = []
  const ids: number[] = []
  const counted: string[] = []
  const exchange: Exchange = (message, to, transport, isReply, signal) =>
    new Promise((resolve, reject) => {
      const { id, questions } = decode(message)
      const { name } = questions[0]!
      asked.push(`${name} ${to.address} ${transport}`)
      ids.push(id)
      const outcome = play(name, to.address, transport)
      signal.addEventListener('abort', () => reject(signal.reason as Error))
      if (outcome instanceof Error) return reject(outcome)
      if (outcome === undefined) return
      const reply = encode({ type: 'response', id, questions, ...outcome })
      assert.equal(isReply(reply), true)
      resolve(reply)
    })
  const stop = new AbortController()
  const ask = forwarder({
    clock,
    random: seededRandom(1),
    exchange,
    settings: { ...plain, ...settings },
    servers: () => addresses.map((address) => ({ address, port: 53 })),
    observe: {
      replied: ({ address }, code) => void counted.push(`${address} ${code}`),
      probeFailed: ({ address }) => void counted.push(`probe ${address}`),
      allFailed: () => void counted.push('all failed'),
      rejected: () => void counted.push('rejected'),
    },
    signal: stop.signal,
  })
  return {
    clock,
    asked,
    ids,
    counted,
    stop,
    forwarder: ask,
    async ask(name: string, id = 1, transport: 'udp' | 'tcp' = 'udp') {
      const reply = await ask.ask(query(name, id), transport)
      if (reply === undefined || reply === 'busy') return reply
      const { id: replyId, answers, rcode } = decode(reply)
      return [replyId, rcode, ...answers.map((each) => `${String(each.data)} ${each.ttl}`)].join(' ')
    },
  }
}
const address = (ttl: number) => ({ answers: [{ name: 'x.y', type: 'A', ttl, data: '192.0.2.9' }] })

describe('forwarder', () => {
  it('asks a server and passes its reply on', async () => {
    const { ask, asked, counted } = start(() => address(300))
    assert.equal(await ask('x.y', 7), '7 NOERROR 192.0.2.9 300')
    assert.deepEqual(asked, ['x.y 192.0.2.1 udp'])
    assert.deepEqual(counted, ['192.0.2.1 0'])
  })
  it('numbers questions in a way that cannot be guessed, though all else is seeded', async () => {
    const runs = await Promise.all(
      [1, 2].map(async () => {
        const { ask, ids } = start(() => address(9))
        for (let i = 0; i < 8; i++) await ask('x.y', 1)
        return ids
      }),
    )
    assert.notDeepEqual(runs[0], runs[1])
    assert.ok(new Set(runs.flat()).size > 8)
  })
  it('asks again over TCP what was cut', async () => {
    const { ask, asked } = start((_name, _to, transport) => (transport === 'udp' ? { flags: 0x0200 } : address(9)))
    assert.equal(await ask('x.y'), '1 NOERROR 192.0.2.9 9')
    assert.deepEqual(asked, ['x.y 192.0.2.1 udp', 'x.y 192.0.2.1 tcp'])
  })
  it('asks over TCP what it was asked over TCP, and everything where that is wanted', async () => {
    const cases: [Partial<ForwardSettings>, 'udp' | 'tcp', string][] = [
      [{}, 'tcp', 'tcp'],
      [{ preferUdp: true }, 'tcp', 'udp'],
      [{ forceTcp: true }, 'udp', 'tcp'],
    ]
    for (const [settings, transport, expected] of cases) {
      const { ask, asked } = start(() => address(9), settings)
      await ask('x.y', 1, transport)
      assert.deepEqual(asked, [`x.y 192.0.2.1 ${expected}`])
    }
  })
  it('begins with another server each time, by the policy', async () => {
    const turns = start(() => address(9), { policy: 'round_robin' })
    for (let i = 0; i < 3; i++) await turns.ask('x.y')
    assert.deepEqual(
      turns.asked.map((each) => each.split(' ')[1]),
      ['192.0.2.1', '192.0.2.2', '192.0.2.1'],
    )
    const chance = start(() => address(9), { policy: 'random' })
    for (let i = 0; i < 20; i++) await chance.ask('x.y')
    assert.equal(new Set(chance.asked).size, 2)
  })
  it('asks the next server when one cannot be reached', async () => {
    const { ask, asked } = start((_name, to) => (to === '192.0.2.1' ? new Error('ECONNREFUSED') : address(9)))
    await ask('x.y')
    assert.deepEqual(asked, ['x.y 192.0.2.1 udp', 'x.y 192.0.2.2 udp'])
  })
  it('asks a server last that failed twice, until it replies to a probe', async () => {
    let isDown = true
    const { ask, asked, clock, counted, stop } = start((_name, to) =>
      to === '192.0.2.1' && isDown ? new Error('ECONNREFUSED') : address(9),
    )
    await ask('x.y')
    await ask('x.y')
    asked.length = 0
    await ask('x.y')
    assert.deepEqual(asked, ['x.y 192.0.2.2 udp'])
    await clock.advance('500ms')
    assert.ok(counted.includes('probe 192.0.2.1'))
    isDown = false
    await clock.advance('500ms')
    asked.length = 0
    await ask('x.y')
    assert.deepEqual(asked, ['x.y 192.0.2.1 udp'])
    stop.abort()
    await clock.advance(0)
    assert.equal(clock.pending, 0)
  })
  it('asks the next server when one is silent', async () => {
    const { ask, clock } = start((_name, to) => (to === '192.0.2.1' ? undefined : address(9)))
    const reply = ask('x.y')
    await clock.advance('2s')
    assert.equal(await reply, '1 NOERROR 192.0.2.9 9')
    assert.equal(clock.pending, 0)
  })
  it('gives up before clients do', async () => {
    const servers = ['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4']
    const { ask, clock, asked, counted } = start(() => undefined, {}, servers)
    const reply = ask('x.y')
    await clock.advance('5s')
    assert.equal(await reply, undefined)
    assert.equal(asked.length, 3)
    assert.deepEqual(counted, ['all failed'])
    assert.equal(clock.pending, 0)
  })
  it('says nothing without servers', async () =>
    assert.equal(await start(() => address(9), {}, []).ask('x.y'), undefined))
  it('asks another server when one fails, and passes the failure on when all do', async () => {
    const one = start((_name, to) => (to === '192.0.2.1' ? { flags: 2 } : address(9)))
    assert.equal(await one.ask('x.y'), '1 NOERROR 192.0.2.9 9')
    const all = start(() => ({ flags: 5 }))
    assert.equal(await all.ask('x.y'), '1 REFUSED')
    assert.equal(all.asked.length, 2)
  })
  it('does not let more than a number of questions wait', async () => {
    const { ask, clock, asked, forwarder: one, counted } = start(() => undefined, { maxConcurrent: 500 }, ['192.0.2.1'])
    const replies = Array.from({ length: 510 }, (_, i) => ask(`n${i}.y`))
    assert.equal(one.waiting, 500)
    await clock.advance('5s')
    assert.equal((await Promise.all(replies)).filter((reply) => reply === 'busy').length, 10)
    // The others are probes.
    assert.equal(asked.filter((each) => each.startsWith('n')).length, 500)
    assert.equal(counted.filter((each) => each === 'rejected').length, 10)
    assert.equal(one.waiting, 0)
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

describe('readSearchList', () => {
  it('takes the last list, as names', () =>
    assert.deepEqual(readSearchList('search a.b\nnameserver 192.0.2.1\nsearch C.d. e.f\n'), ['c.d', 'e.f']))
  it('is empty without one', () => assert.deepEqual(readSearchList('domain a.b\nsearch .\n'), []))
})
